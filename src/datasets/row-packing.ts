/** Which row an example goes into: first-fit decreasing (Johnson 1973), over a few row lengths. */
import { DataError } from '../errors.js';

export interface RowPlan {
  readonly rows: number;
  readonly length: number;
  /** Index in the flattened rows of each example's first token, in the order of the examples. */
  readonly starts: readonly number[];
}

/** Rows of pairs of texts, the second ones in rows of their own. */
export interface PairPlan extends RowPlan {
  readonly target: Omit<RowPlan, 'rows'>;
}

/** Row lengths are multiples of this: what the matrix products and element-wise loops work in. */
const STEP = 8;

/**
 * A row twice as long costs every token twice the attention: about `length / 2000` of what the rest of a block costs, measured on
 * BERT-base. So of two layouts with as many tokens that with the shorter rows is taken.
 */
const ATTENTION_COST = 1 / 2000;

const roundUp = (length: number, step: number): number => Math.ceil(length / step) * step;

/** An example needs room for both of its texts in one row. */
function firstFitPairs(
  sources: readonly number[],
  targets: readonly number[],
  order: readonly number[],
  [length, targetLength]: readonly [number, number],
): PairPlan {
  const free: [source: number, target: number][] = [];
  const starts = new Array<number>(sources.length).fill(0);
  const targetStarts = starts.slice();
  for (const example of order) {
    const [source, target] = [sources[example] as number, targets[example] as number];
    let row = free.findIndex(([room, targetRoom]) => room >= source && targetRoom >= target);
    if (row < 0) row = free.push([length, targetLength]) - 1;
    const room = free[row] as [number, number];
    starts[example] = (row + 1) * length - room[0];
    targetStarts[example] = (row + 1) * targetLength - room[1];
    room[0] -= source;
    room[1] -= target;
  }
  const rows = Math.max(1, free.length);
  return { rows, length, starts, target: { length: targetLength, starts: targetStarts } };
}

function firstFit(lengths: readonly number[], order: readonly number[], length: number): RowPlan {
  const free: number[] = [];
  const starts = new Array<number>(lengths.length).fill(0);
  for (const example of order) {
    const need = lengths[example] as number;
    let row = free.findIndex((room) => room >= need);
    if (row < 0) row = free.push(length) - 1;
    const room = free[row] as number;
    starts[example] = row * length + length - room;
    free[row] = room - need;
  }
  return { rows: Math.max(1, free.length), length, starts };
}

/** How examples are laid end to end in rows. */
export interface PackingOptions {
  /** Longest row that the model takes. */
  readonly maxLength: number;
  /**
   * `any`: what computes least. `few`: rows and lengths come from a few values, for devices that compile a program for each shape.
   */
  readonly shapes: 'any' | 'few';
}

/** The length that rows of `length` tokens are padded to where shapes are few: multiples of 8 up to 64, of 16 up to 128, of 32 beyond. */
export function bucketLength(length: number, maxLength: number): number {
  const step = length <= 64 ? 8 : length <= 128 ? 16 : 32;
  return Math.min(roundUp(length, step), maxLength);
}

/** Rows in steps of an eighth to a quarter of their number. */
const bucketRows = (rows: number): number =>
  roundUp(rows, Math.max(1, 2 ** (Math.floor(Math.log2(rows)) - 2)));

/** @throws DataError for an example without tokens, or with more than a row takes */
function checkLengths(lengths: readonly number[], maxLength: number): void {
  for (const [example, length] of lengths.entries()) {
    if (length < 1) throw new DataError(`example ${example + 1} of the batch has no tokens; leave it out`);
    if (length > maxLength)
      throw new DataError(
        `example ${example + 1} of the batch has ${length} tokens, over the maximum length ${maxLength}; cut it, or raise the length`,
      );
  }
}

const longestFirst = (lengths: readonly number[]): number[] =>
  lengths.map((_, i) => i).sort((a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b);

/**
 * Lays examples of the given lengths into rows. No row is shorter than the longest example, so each example is whole.
 * A pure function of its arguments: what is computed does not depend on anything else.
 * @throws DataError for an example without tokens, or with more than a row takes
 */
export function planRows(lengths: readonly number[], { maxLength, shapes }: PackingOptions): RowPlan {
  checkLengths(lengths, maxLength);
  const longest = Math.max(1, ...lengths);
  const order = longestFirst(lengths);
  if (shapes === 'few') {
    const plan = firstFit(lengths, order, bucketLength(longest, maxLength));
    return { ...plan, rows: bucketRows(plan.rows) };
  }
  const least = Math.min(roundUp(longest, STEP), maxLength);
  const most = Math.max(least, Math.min(maxLength, 2 * least));
  const cost = ({ rows, length }: RowPlan): number => rows * length * (1 + length * ATTENTION_COST);
  let best = firstFit(lengths, order, least);
  for (let length = least + STEP; length <= most; length += STEP) {
    const plan = firstFit(lengths, order, length);
    if (cost(plan) < cost(best)) best = plan;
  }
  return best;
}

/**
 * Lays pairs of texts into rows, each pair's texts into one row of either kind: what attends from the one to the other then stays within a
 * row. Of the layouts whose rows are up to twice as long as the longest text of either kind, and long in the same proportion, the one that
 * computes least is taken.
 * @throws DataError as {@link planRows}
 */
export function planPairs(
  sources: readonly number[],
  targets: readonly number[],
  { maxLength, shapes }: PackingOptions,
): PairPlan {
  checkLengths(sources, maxLength);
  checkLengths(targets, maxLength);
  const order = longestFirst(sources.map((source, i) => source + (targets[i] as number)));
  const longest = [sources, targets].map((lengths) => Math.max(1, ...lengths)) as [number, number];
  if (shapes === 'few') {
    const [source, target] = longest.map((length) => bucketLength(length, maxLength)) as [number, number];
    const plan = firstFitPairs(sources, targets, order, [source, target]);
    return { ...plan, rows: bucketRows(plan.rows) };
  }
  const cost = ({ rows, length, target }: PairPlan): number =>
    rows *
    (length * (1 + length * ATTENTION_COST) +
      target.length * (1 + (length + target.length) * ATTENTION_COST));
  let best: PairPlan | undefined;
  for (let times = 1; times <= 2; times += 0.125) {
    const lengths = longest.map((length) => Math.min(maxLength, roundUp(times * length, STEP))) as [
      number,
      number,
    ];
    const plan = firstFitPairs(sources, targets, order, lengths);
    if (!best || cost(plan) < cost(best)) best = plan;
  }
  return best as PairPlan;
}
