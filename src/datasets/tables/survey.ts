/**
 * A first reading of labelled tables: which classes there are, how many rows of each, and what is wrong with the data. No text is kept:
 * at most 30 bytes a row, and 22 more where it has an id.
 */
import { DataError } from '../../errors.js';
import { permutation, STREAM } from '../../random.js';
import { hashFile } from '../corpus.js';
import { Growing, type LabelledRow, type LabelledTable, labelledRows, Seen } from './labelled.js';
import { doubtfulLabels, inLabelOrder } from './labels.js';

export interface Survey {
  readonly rows: number;
  /** sha256 of the file as it is on disk. */
  readonly hash: string;
  /** Class names by id; none for scores. */
  readonly labels: readonly string[];
  /** By row, what a stratified split keeps equal: a number for each label, or set of labels, in the order of first sight. */
  readonly strata: Uint32Array;
  /** The rows' texts, as {@link textKey} makes one of them. */
  readonly texts: Seen;
  /** What the user should know, a line each. */
  readonly notes: readonly string[];
}

const textKey = (texts: readonly string[]): string => JSON.stringify(texts);

/** @throws DataError for no row, for one class only, and as `labelledRows` */
export async function surveyTable(table: LabelledTable): Promise<Survey> {
  const seen = new Map<string, number>();
  const labels = new Map<string, string>();
  const strata = new Growing();
  const [all, ids] = [new Seen(), new Seen()];
  let [repeated, first] = [0, ''];
  for await (const { texts, label, id, where } of labelledRows(table)) {
    all.add(textKey(texts));
    if (id !== undefined && !ids.add(id)) {
      repeated++;
      if (repeated === 1) first = `${where}: id '${id}' came before`;
    }
    const stratum = typeof label === 'number' ? '' : [...label].sort().join('\n');
    if (!seen.has(stratum)) seen.set(stratum, seen.size);
    strata.push(seen.get(stratum) as number);
    if (typeof label !== 'number') for (const name of label) if (!labels.has(name)) labels.set(name, where);
    if (labels.size > MOST_CLASSES)
      throw new DataError(
        `${where}: over ${MOST_CLASSES} different labels: is '${table.columns.label}' the label's column? Numbers are learnt with --task regression`,
      );
  }
  const rows = strata.values.length;
  if (rows === 0) throw new DataError(`${table.path}: holds no row to train on`);
  checkClasses(table, [...labels.keys()], rows);
  return {
    rows,
    hash: (await hashFile(table.path)).sha256,
    labels: inLabelOrder(labels.keys()),
    strata: strata.values,
    texts: all,
    notes: [
      ...(repeated === 0
        ? []
        : [`${first}; ${repeated} of ${rows} rows repeat an id: leave them out if they are the same rows`]),
      ...(labels.size < MANY_CLASSES || 2 * labels.size <= rows ? [] : [manyText(table, labels.size, rows)]),
      ...doubtfulLabels(labels),
    ],
  };
}

/** Beyond these a column holds no classes. */
const MOST_CLASSES = 2 ** 16;

/** So many, of which each has hardly two rows, are told. */
const MANY_CLASSES = 20;

const manyText = ({ path, kind, columns }: LabelledTable, classes: number, rows: number): string =>
  `${path}: ${classes} labels in ${rows} rows, most of them on one row alone: is '${columns.label}' the label's column?${kind === 'classification' ? ' Numbers are learnt with --task regression' : ''}`;

function checkClasses(
  { path, kind, columns, maxExamples }: LabelledTable,
  labels: readonly string[],
  rows: number,
): void {
  const [only, second] = labels;
  const taken = maxExamples === undefined ? `all ${rows}` : `the first ${rows}`;
  const remedy =
    maxExamples === undefined
      ? `is '${columns.label}' the label's column?`
      : 'is the file sorted by its labels? --max-steps in the place of --max-train-examples takes rows from all of it; or shuffle it';
  if (kind === 'classification' && second === undefined)
    throw new DataError(
      `${path}: ${taken} rows have the label '${only}'; two classes or more are wanted: ${remedy}`,
    );
  if (kind === 'multi-label' && only === undefined)
    throw new DataError(`${path}: no row has a label in column '${columns.label}'`);
}

/** Class ids of a row's names. @throws DataError for a label that training data does not have */
export function idsOf({ label, where }: LabelledRow, ids: ReadonlyMap<string, number>): number[] {
  if (typeof label === 'number') return [];
  return label.map((name) => {
    const id = ids.get(name);
    if (id === undefined)
      throw new DataError(
        `${where}: label '${name}' is none of the training data's (${[...ids.keys()].join(', ')}); mend it, or add rows of it to the training file`,
      );
    return id;
  });
}

/**
 * Reads an evaluation table once, before anything is trained.
 * @param labels class names by id @param trained texts of the training rows
 * @returns its hash, its rows, how many of them are training rows too, and the classes that they have
 * @throws DataError for a label that training data does not have, no row, and as `labelledRows`
 */
export async function checkTable(
  table: LabelledTable,
  labels: readonly string[],
  trained: Seen = new Seen(),
): Promise<{
  readonly hash: string;
  readonly rows: number;
  readonly shared: number;
  readonly found: ReadonlySet<string>;
}> {
  const ids = new Map(labels.map((name, id) => [name, id]));
  let [rows, shared] = [0, 0];
  const found = new Set<string>();
  for await (const row of labelledRows(table)) {
    for (const id of idsOf(row, ids)) found.add(labels[id] as string);
    rows++;
    if (trained.has(textKey(row.texts))) shared++;
  }
  if (rows === 0) throw new DataError(`${table.path}: holds no row to evaluate on`);
  return { hash: (await hashFile(table.path)).sha256, rows, shared, found };
}

/**
 * Which rows are held out: the same share of each stratum, to the nearest row and at least one where there are two; drawn by the seed.
 * @returns 1 for a row that is held out
 */
export function heldOutRows(strata: ArrayLike<number>, share: number, seed: number): Uint8Array {
  const members = new Map<number, Growing>();
  for (let row = 0; row < strata.length; row++) {
    const stratum = strata[row] as number;
    const rows = members.get(stratum) ?? new Growing();
    rows.push(row);
    members.set(stratum, rows);
  }
  const held = new Uint8Array(strata.length);
  for (const [stratum, { values: rows }] of members) {
    const wanted = Math.max(rows.length > 1 ? 1 : 0, Math.round(share * rows.length));
    const order = permutation({ seed, stream: STREAM.validation, step: stratum }, rows.length);
    for (const i of order.subarray(0, wanted)) held[rows[i] as number] = 1;
  }
  return held;
}

/**
 * What the user should know of the rows that are held out: labels, or sets of them, that stand on one row each are all trained on.
 * @throws DataError where no row is held out
 */
export function heldOutNotes(held: Uint8Array, share: number, path: string): string[] {
  const count = held.reduce((sum, value) => sum + value, 0);
  const why = 'labels, or sets of labels, of a single row are trained on';
  const remedy = 'give --validation-file, or a larger --validation-split';
  if (count === 0) throw new DataError(`${path}: no row is left to evaluate on: ${why}; ${remedy}`);
  return 2 * count < share * held.length
    ? [`${path}: ${count} of ${held.length} rows are held out, fewer than asked for: ${why}; ${remedy}`]
    : [];
}
