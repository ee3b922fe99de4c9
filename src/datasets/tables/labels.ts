/** Labels of one's own: the text of a cell -> class names, a set of them, or a score. */
import { DataError } from '../../errors.js';

/** What a cell says: one name, or with `isList` any number of them (an array, or a text such as `["a", "b"]`). */
export function labelTexts(value: unknown): { readonly texts: readonly string[]; readonly isList: boolean } {
  if (Array.isArray(value)) return { texts: value.map((name) => String(name).trim()), isList: true };
  const text = value === null || value === undefined ? '' : String(value).trim();
  if (text.startsWith('[') && text.endsWith(']')) {
    try {
      const list = JSON.parse(text) as unknown[];
      return { texts: list.map((name) => String(name).trim()), isList: true };
    } catch {
      return { texts: [text], isList: false };
    }
  }
  return { texts: text === '' ? [] : [text], isList: false };
}

/** Names of a cell without brackets may stand between these. */
const BETWEEN = /[|;,]/;

/** The one class of a row. @throws DataError for none or several */
export function classOf(value: unknown, where: string): string {
  const { texts, isList } = labelTexts(value);
  const [name] = texts;
  if (name === undefined || name === '')
    throw new DataError(`${where}: the label is empty; fill it in or leave the row out`);
  if (isList) throw new DataError(`${where}: a list of labels (${texts.join(', ')}); use --task multi-label`);
  return name;
}

/** The classes of a row, none too; repeated ones count once. */
export function classesOf(value: unknown): string[] {
  const { texts, isList } = labelTexts(value);
  const names = isList ? texts : texts.flatMap((text) => text.split(BETWEEN)).map((name) => name.trim());
  return [...new Set(names.filter((name) => name !== ''))];
}

/** @throws DataError for what is no finite number */
export function scoreOf(value: unknown, where: string): number {
  const { texts } = labelTexts(value);
  const score = texts.length === 1 ? Number(texts[0]) : Number.NaN;
  if (!Number.isFinite(score))
    throw new DataError(
      `${where}: label '${texts.join(', ')}' is not a number; mend it, or use --task classification for classes`,
    );
  return score;
}

/** Class names in their order: whole numbers by value, others by code units (HF's `label_list.sort()`). */
export function inLabelOrder(names: Iterable<string>): string[] {
  const all = [...names];
  if (all.every((name) => /^-?\d+$/.test(name))) return all.sort((a, b) => Number(a) - Number(b));
  return all.sort((a, b) => (a < b ? -1 : 1));
}
