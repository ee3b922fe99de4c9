/**
 * Span corruption (Raffel et al. 2020, section 3.1.4; HF's `FlaxDataCollatorForT5MLM`): spans of a text are each replaced by one sentinel, and
 * the target is the sentinels, each followed by the span that it stands for.
 */
import { DataError } from '../errors.js';
import { fillBits, STREAM } from '../random.js';
import type { TextTokenizer } from '../tokenizers/tokenizer.js';
import type { Batch, Feature } from './batch.js';
import { makeBatch } from './batches.js';
import type { PackedRows } from './corpus.js';
import { firstRows, rowsOfSteps } from './masking.js';

export interface SpanOptions {
  readonly seed: number;
  /** Share of the tokens that is replaced. T5: 0.15. */
  readonly density: number;
  /** Mean tokens of a span. T5: 3. */
  readonly meanLength: number;
  /** The id that ends source and target. */
  readonly end: number;
  /** Ids of `<extra_id_0>`, `<extra_id_1>` ... */
  readonly sentinels: readonly number[];
}

/** @throws DataError for a tokenizer without sentinels */
export function sentinelIds({ tokenizer, effective }: TextTokenizer): number[] {
  const ids: number[] = [];
  for (;;) {
    const id = tokenizer.tokenToId(`<extra_id_${ids.length}>`);
    if (id === null) break;
    ids.push(id);
  }
  if (ids.length > 0) return ids;
  throw new DataError(
    `${effective.vocabulary.path}: the tokenizer has no sentinel tokens (<extra_id_0>, <extra_id_1> ...), which span corruption puts in the place of text; add them, or take a T5's tokenizer`,
  );
}

/** How many of a row's tokens are replaced, in how many spans: at least one of each, and a token stays before each span. */
export function spanCounts(
  length: number,
  { density, meanLength }: Pick<SpanOptions, 'density' | 'meanLength'>,
): { readonly replaced: number; readonly spans: number } {
  const replaced = Math.min(Math.max(Math.round(length * density), 1), length - 1);
  const spans = Math.max(1, Math.round(replaced / meanLength));
  return { replaced, spans: Math.min(spans, replaced, length - replaced) };
}

/** @throws DataError where a row has more spans than there are sentinels */
export function checkSentinels(length: number, options: SpanOptions): void {
  const { spans } = spanCounts(length, options);
  if (spans > options.sentinels.length)
    throw new DataError(
      `span corruption: a row of ${length} tokens has ${spans} spans, the tokenizer ${options.sentinels.length} sentinel tokens; take shorter rows or longer spans`,
    );
}

/** Uniform draws in [0, 1), one after the other. */
type Draw = () => number;

/** `total` cut into `parts` pieces of at least one each, all cuts as likely. */
function randomPieces(total: number, parts: number, draw: Draw): number[] {
  const cuts = new Set<number>();
  // Robert Floyd's sample without replacement, of the places between two tokens.
  for (let last = total - parts + 1; last < total; last++) {
    const at = 1 + Math.floor(draw() * last);
    cuts.add(cuts.has(at) ? last : at);
  }
  const ends = [...cuts].sort((a, b) => a - b);
  return [...ends, total].map((end, i) => end - (ends[i - 1] ?? 0));
}

/**
 * One text, corrupted. @param ids without special tokens, at least two @param draw of [0, 1)
 * @returns what is read, and what is to be written of it
 */
export function corrupted(
  ids: ArrayLike<number>,
  options: SpanOptions,
  draw: Draw,
): { readonly source: number[]; readonly target: number[] } {
  const { sentinels, end } = options;
  const { replaced, spans } = spanCounts(ids.length, options);
  const gaps = randomPieces(replaced, spans, draw);
  const kept = randomPieces(ids.length - replaced, spans, draw);
  const [source, target]: [number[], number[]] = [[], []];
  let at = 0;
  const take = (count: number, into: number[]): void => {
    for (const stop = at + count; at < stop; at++) into.push(ids[at] as number);
  };
  kept.forEach((count, span) => {
    take(count, source);
    source.push(sentinels[span] as number);
    target.push(sentinels[span] as number);
    take(gaps[span] as number, target);
  });
  return { source: [...source, end], target: [...target, end] };
}

/** Rows of text, corrupted: the same for the same seed and step. @param step keys the draws */
export function corruptedRows(
  rows: readonly ArrayLike<number>[],
  options: SpanOptions,
  step: number,
): Feature[] {
  const draws = rows.reduce((sum, { length }) => sum + 2 * spanCounts(length, options).spans, 0);
  const key = { seed: options.seed, stream: STREAM.mask, step };
  const bits = fillBits(key, new Uint32Array(draws));
  let at = 0;
  const draw = (): number => (bits[at++] as number) / 2 ** 32;
  return rows.map((row) => {
    const { source, target } = corrupted(row, options, draw);
    return {
      ...{ inputIds: Int32Array.from(source), tokenTypeIds: new Int32Array(source.length) },
      target: Int32Array.from(target),
    };
  });
}

/** Sizes of batches, and what the model pads with. */
export interface SpanBatching extends SpanOptions {
  readonly rows: number;
  readonly padTokenId: number;
  /** As in packing: `few` for devices that compile a program for each shape. */
  readonly shapes: 'any' | 'few';
}

function spanBatch(split: PackedRows, chosen: readonly number[], options: SpanBatching, step: number): Batch {
  const { length, ids } = split;
  const rows = chosen.map((row) => ids.subarray(row * length, (row + 1) * length));
  const { rows: batchSize, padTokenId, shapes } = options;
  const packing = { batchSize, padTokenId, shapes, maxLength: Number.POSITIVE_INFINITY };
  return makeBatch(corruptedRows(rows, options, step), packing, chosen);
}

/** The training batches: rows as masked text has them, spans drawn anew at every step. @returns the batch of a step */
export function spanBatches(split: PackedRows, options: SpanBatching): (step: number) => Batch {
  checkSentinels(split.length, options);
  const chosen = rowsOfSteps(split, options);
  return (step) => spanBatch(split, chosen(step), options, step);
}

/** The same spans of the same held-out rows, whenever it is asked. */
export function* heldOutSpanBatches(
  split: PackedRows,
  { maxRows = split.rows, ...options }: SpanBatching & { readonly maxRows?: number | undefined },
): Generator<Batch> {
  let step = 0;
  for (const chosen of firstRows(Math.min(split.rows, maxRows), options.rows))
    yield spanBatch(split, chosen, options, step++);
}
