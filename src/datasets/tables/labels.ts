/** Labels of one's own: the text of a cell -> class names, a set of them, or a score. */
import { DataError } from '../../errors.js';

/** The text of a value that has one: of an object it would be `[object Object]`, of a date the time zone's. @throws DataError */
export function plainText(value: unknown, where: string): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object') return String(value);
  throw new DataError(
    `${where}: ${JSON.stringify(value).slice(0, 40)} stands where a text is wanted; write it as one`,
  );
}

/** What a cell says: one name, or with `isList` any number of them (an array, or a text such as `["a", "b"]`). */
export function labelTexts(
  value: unknown,
  where: string,
): { readonly texts: readonly string[]; readonly isList: boolean } {
  if (Array.isArray(value))
    return { texts: value.map((name) => plainText(name, where).trim()), isList: true };
  const text = plainText(value, where).trim();
  if (text.startsWith('[') && text.endsWith(']')) {
    let list: unknown[];
    try {
      list = JSON.parse(text) as unknown[];
    } catch {
      return { texts: [text], isList: false };
    }
    return { texts: list.map((name) => plainText(name, where).trim()), isList: true };
  }
  return { texts: text === '' ? [] : [text], isList: false };
}

/** Names of a cell without brackets may stand between these. */
const BETWEEN = /[|;,]/;

/** The one class of a row. @throws DataError for none or several */
export function classOf(value: unknown, where: string): string {
  const { texts, isList } = labelTexts(value, where);
  const [name] = texts;
  if (name === undefined || name === '')
    throw new DataError(
      `${where}: the label is empty; fill it in or leave the row out; where a row may have none, or several (a;b), use --task multi-label`,
    );
  if (isList) throw new DataError(`${where}: a list of labels (${texts.join(', ')}); use --task multi-label`);
  return name;
}

/** The classes of a row, none too; repeated ones count once. */
export function classesOf(value: unknown, where: string): string[] {
  const { texts, isList } = labelTexts(value, where);
  const names = isList ? texts : texts.flatMap((text) => text.split(BETWEEN)).map((name) => name.trim());
  return [...new Set(names.filter((name) => name !== ''))];
}

/** As csv writes them; JavaScript's `Number` takes 0x10 too. */
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** @throws DataError for what is no finite number */
export function scoreOf(value: unknown, where: string): number {
  const { texts } = labelTexts(value, where);
  const [text = ''] = texts;
  const score = texts.length === 1 && DECIMAL.test(text) ? Number(text) : Number.NaN;
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

/** What other programs write where there is no value. */
const NO_VALUE = /^(\\n|nan|null|none|n\/a|na|<na>|undefined)$/i;

/** What is not seen: control characters, and marks of no width; but for the joiner, of which emoji are made. */
const UNSEEN = /[\p{Cc}\u00ad\u200b\u200c\u200e\u200f\u2060\ufeff]/gu;

const escaped = (text: string): string =>
  text.replace(UNSEEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** What stands between the semicolons or bars of a label. */
const partsOf = (name: string): string[] => name.split(/[|;]/).map((part) => part.trim());

/** The first label that is several, each of which others have too. */
function composite(names: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const part of names.flatMap(partsOf)) counts.set(part, (counts.get(part) ?? 0) + 1);
  return names.find((name) => {
    const parts = partsOf(name);
    return parts.length > 1 && parts.every((part) => part !== '' && (counts.get(part) ?? 0) > 1);
  });
}

/** Labels of one key look like one class: as Unicode composes them, without case, numbers by their value. */
function likeness(name: string): string {
  return DECIMAL.test(name) ? String(Number(name)) : name.normalize('NFKC').toLowerCase();
}

/**
 * Class names that are hardly meant, a line each: two ways to write one class, what stands for no value, what is not seen, and several in one.
 * @param places where each name stands first
 */
export function doubtfulLabels(places: ReadonlyMap<string, string>): string[] {
  const notes: string[] = [];
  const alike = new Map<string, string>();
  for (const [name, where] of places) {
    if (NO_VALUE.test(name))
      notes.push(
        `${where}: label '${name}' is taken as a class: if it stands for no label, leave its rows out`,
      );
    if (escaped(name) !== name)
      notes.push(
        `${where}: label '${escaped(name)}' has characters that are not seen: mend it if they are not meant`,
      );
    const key = likeness(name.replace(UNSEEN, ''));
    const other = alike.get(key);
    if (other === undefined) alike.set(key, name);
    else
      notes.push(
        `${where}: labels '${other}' and '${name}' are two classes: if they are one, write them alike`,
      );
  }
  const several = composite([...places.keys()]);
  if (several !== undefined)
    notes.push(
      `${places.get(several)}: label '${several}' is taken as one class; with --task multi-label it is ${partsOf(several).length}`,
    );
  const [most, more] = [notes.slice(0, MOST_TOLD), notes.length - MOST_TOLD];
  return more > 0 ? [...most, `and ${more} labels more of this kind`] : most;
}

/** Notes on labels of one file. */
const MOST_TOLD = 3;
