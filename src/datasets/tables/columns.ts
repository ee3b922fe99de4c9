/** What kind of task a table is for, and which of its columns hold text and label: as said, or guessed from names and first rows. */
import { DataError } from '../../errors.js';
import { didYouMean } from '../../nearest.js';
import { labelTexts } from './labels.js';
import { readRows, type TableRow } from './rows.js';

/** What can be learnt from data of one's own. */
export const TASK_KINDS = ['classification', 'multi-label', 'regression', 'question-answering'] as const;

/**
 * What can be learnt from data of one's own.
 *
 * @useDeclaredType
 */
export type TaskKind = (typeof TASK_KINDS)[number];

/** Names of the columns with text. */
export interface TextColumns {
  readonly text: string;
  readonly textPair?: string | undefined;
}

/** Columns of a table with labels. */
export interface Columns extends TextColumns {
  readonly label: string;
}

/** What the user said; the rest is guessed. */
export type GivenColumns = Partial<Columns> & { readonly delimiter?: string | undefined };

const PAIRS: readonly (readonly [string, string])[] = [
  ['sentence1', 'sentence2'],
  ['sentence_a', 'sentence_b'],
  ['premise', 'hypothesis'],
  ['question1', 'question2'],
  ['question', 'sentence'],
  ['text_a', 'text_b'],
  ['text1', 'text2'],
  ['text', 'text_pair'],
];
const TEXTS = ['text', 'sentence', 'review', 'content', 'body', 'comment', 'message', 'document', 'question'];
const LABELS = ['label', 'labels', 'class', 'category', 'target', 'sentiment', 'score', 'rating'];

/** Rows that a guess looks at. */
const GUESSED_FROM = 1000;

/** The first rows of a file. @throws DataError as `readRows`, and for a file without rows */
export async function firstRows(path: string, delimiter: string | undefined): Promise<TableRow[]> {
  const rows: TableRow[] = [];
  for await (const row of readRows(path, delimiter)) if (rows.push(row) >= GUESSED_FROM) break;
  if (rows.length === 0) throw new DataError(`${path}: holds no row`);
  return rows;
}

/** Of the columns that the rows have. */
export const namesOf = (rows: readonly TableRow[]): string[] => [
  ...new Set(rows.flatMap(({ values }) => Object.keys(values))),
];

const listed = (names: readonly string[]): string => names.join(', ');

function named(names: readonly string[], wanted: string, option: string, path: string): string {
  if (names.includes(wanted)) return wanted;
  throw new DataError(
    `${path}: no column '${wanted}'${didYouMean(wanted, names)}; there are: ${listed(names)}. Name one with ${option}`,
  );
}

const find = (names: readonly string[], lower: string): string | undefined =>
  names.find((name) => name.toLowerCase() === lower);

/** @throws DataError that lists the columns where none is named, or is known by its name */
export function textColumns(names: readonly string[], given: GivenColumns, path: string): TextColumns {
  if (given.text !== undefined) {
    const text = named(names, given.text, '--text-column', path);
    if (given.textPair === undefined) return { text };
    return { text, textPair: named(names, given.textPair, '--text-pair-column', path) };
  }
  const open = names.filter((name) => name !== given.label);
  for (const [first, second] of PAIRS) {
    const [text, textPair] = [find(open, first), find(open, second)];
    if (text !== undefined && textPair !== undefined) return { text, textPair };
  }
  const known = TEXTS.map((name) => find(open, name)).find((name) => name !== undefined);
  const [only, more] = open.filter(
    (name) => !LABELS.includes(name.toLowerCase()) && !/^(id|idx|index)$/i.test(name),
  );
  const text = known ?? (more === undefined ? only : undefined);
  if (text !== undefined) return { text };
  throw new DataError(`${path}: which column is the text? There are: ${listed(names)}. Give --text-column`);
}

function labelColumn(names: readonly string[], given: GivenColumns, path: string): string {
  if (given.label !== undefined) return named(names, given.label, '--label-column', path);
  const known = LABELS.map((name) => find(names, name)).find((name) => name !== undefined);
  if (known !== undefined) return known;
  throw new DataError(
    `${path}: which column is the label? There ${names.length === 1 ? `is one, '${names[0]}': give --delimiter if it is several, else` : `are: ${listed(names)}. Give`} --label-column`,
  );
}

/** Lists: multi-label; mostly numbers, of which some are not whole: regression; anything else: classes. */
function kindOf(rows: readonly TableRow[], label: string): TaskKind {
  if (rows.some(({ values, where }) => labelTexts(values[label], where).isList)) return 'multi-label';
  const values = rows.map((row) => row.values[label]);
  const numbers = values.map((value) => (value === '' ? Number.NaN : Number(value))).filter(Number.isFinite);
  const isScore = 2 * numbers.length > values.length && !numbers.every(Number.isInteger);
  return isScore ? 'regression' : 'classification';
}

/** What a table is for and what its columns hold. */
export interface Layout {
  readonly kind: TaskKind;
  /** Of tables with labels; questions have the columns of SQuAD. */
  readonly columns?: Columns;
}

const isSquad = (names: readonly string[]): boolean =>
  names.includes('paragraphs') || ['question', 'context', 'answers'].every((name) => names.includes(name));

/**
 * Kind and columns of a training file. @param kind as the user said; default: guessed from the first rows
 * @throws DataError that names the columns there are
 * @example
 * ```ts
 * import { datasets } from 'progtuning';
 * import { writeFile } from 'node:fs/promises';
 *
 * await writeFile('reviews.csv', 'text,label\na fine film,good\na poor film,bad\n');
 * const { kind, columns } = await datasets.tableLayout('reviews.csv', {});
 * console.log(kind, columns?.text, columns?.label); // classification text label
 * ```
 */
export async function tableLayout(path: string, given: GivenColumns, kind?: TaskKind): Promise<Layout> {
  const rows = await firstRows(path, given.delimiter);
  const names = namesOf(rows);
  if (kind === 'question-answering' || (kind === undefined && given.label === undefined && isSquad(names)))
    return { kind: 'question-answering' };
  const label = labelColumn(names, given, path);
  if (label === given.text || label === given.textPair)
    throw new DataError(
      `${path}: '${label}' is given as text and as label; name another with --label-column`,
    );
  const columns = { ...textColumns(names, { ...given, label }, path), label };
  return { kind: kind ?? kindOf(rows, label), columns };
}
