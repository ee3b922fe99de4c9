/** Features -> padded batches. */
import { permutation, type RandomKey } from '../random.js';
import type { Batch, Feature } from './batch.js';

export interface BatchOptions {
  readonly batchSize: number;
  readonly padTokenId: number;
  /** Longest row a model takes. */
  readonly maxLength: number;
  /**
   * `bucket`: lengths round up to a few values, so that few programs are compiled; `exact`: the batch's longest row.
   * The padding that buckets add changes no result: it is masked.
   */
  readonly lengths: 'bucket' | 'exact';
  /** Fills the last batch with empty rows, which weigh nothing, so that all batches have one shape. */
  readonly padRows: boolean;
}

/** The length that rows of `length` tokens are padded to: multiples of 8 up to 64, of 16 up to 128, of 32 beyond. */
export function bucketLength(length: number, maxLength: number): number {
  const step = length <= 64 ? 8 : length <= 128 ? 16 : 32;
  return Math.min(Math.ceil(length / step) * step, maxLength);
}

function labelsOf(features: readonly Feature[], rows: number): Float32Array {
  const spans = features.some(({ span }) => span);
  const labels = new Float32Array(spans ? 2 * rows : rows);
  features.forEach(({ label, span }, i) => {
    if (span) labels.set(span, 2 * i);
    else labels[i] = label ?? 0;
  });
  return labels;
}

/** Pads features to one batch. An empty row attends to its first position only. */
export function makeBatch(
  features: readonly Feature[],
  { batchSize, padTokenId, maxLength, lengths, padRows }: BatchOptions,
): Batch {
  const longest = features.reduce((most, { inputIds }) => Math.max(most, inputIds.length), 1);
  const length = lengths === 'exact' ? longest : bucketLength(longest, Math.max(maxLength, longest));
  const rows = padRows ? Math.max(batchSize, features.length) : features.length;
  const inputIds = new Int32Array(rows * length).fill(padTokenId);
  const attentionMask = new Int32Array(rows * length);
  const tokenTypeIds = new Int32Array(rows * length);
  features.forEach((feature, row) => {
    inputIds.set(feature.inputIds, row * length);
    tokenTypeIds.set(feature.tokenTypeIds, row * length);
    attentionMask.fill(1, row * length, row * length + feature.inputIds.length);
  });
  for (let row = features.length; row < rows; row++) attentionMask[row * length] = 1;
  return {
    inputIds,
    attentionMask,
    tokenTypeIds,
    labels: labelsOf(features, rows),
    rows,
    length,
    count: features.length,
  };
}

export interface PlanOptions {
  readonly batchSize: number;
  /** A permutation that depends on the key alone; undefined: the order of the file. */
  readonly shuffle?: RandomKey | undefined;
  /** Token counts: rows of like length share a batch, so that little is padding (HF `group_by_length`). */
  readonly lengths?: readonly number[] | undefined;
}

/** Batches whose rows are sorted together, as in HF's `LengthGroupedSampler`. */
const MEGABATCH = 50;

/** Which examples go into which batch. The last batch may be short. */
export function planBatches(count: number, { batchSize, shuffle, lengths }: PlanOptions): number[][] {
  const order = [...(shuffle ? permutation(shuffle, count) : Array.from({ length: count }, (_, i) => i))];
  const cut = (indices: readonly number[], size: number): number[][] =>
    Array.from({ length: Math.ceil(indices.length / size) }, (_, i) =>
      indices.slice(i * size, (i + 1) * size),
    );
  if (!lengths) return cut(order, batchSize);
  const longestFirst = (indices: readonly number[]): number[] =>
    [...indices].sort((a, b) => (lengths[b] as number) - (lengths[a] as number));
  const batches = cut(order, MEGABATCH * batchSize).flatMap((megabatch) =>
    cut(longestFirst(megabatch), batchSize),
  );
  if (!shuffle) return batches;
  // Sorted batches in sorted order would show the model lengths in waves: draw the order of the batches too.
  return [...permutation({ ...shuffle, stream: shuffle.stream + 64 }, batches.length)].map(
    (i) => batches[i] as number[],
  );
}

/** The batches of one epoch, made as they are asked for. */
export function* batchesOf(
  features: readonly Feature[],
  options: BatchOptions,
  plan: Pick<PlanOptions, 'shuffle'> & { readonly groupByLength?: boolean } = {},
): Generator<Batch> {
  const lengths = plan.groupByLength ? features.map(({ inputIds }) => inputIds.length) : undefined;
  for (const indices of planBatches(features.length, {
    batchSize: options.batchSize,
    shuffle: plan.shuffle,
    lengths,
  })) {
    yield makeBatch(
      indices.map((index) => features[index] as Feature),
      options,
    );
  }
}

/** Feature indices by length, longest first: evaluation batches that hardly pad. */
export const byLength = (features: readonly Feature[]): number[] =>
  features
    .map((_, i) => i)
    .sort((a, b) => (features[b]?.inputIds.length ?? 0) - (features[a]?.inputIds.length ?? 0) || a - b);
