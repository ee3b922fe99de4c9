/** Features -> batches: packed to train on, padded to evaluate. */
import { permutation, type RandomKey } from '../random.js';
import type { Batch, Feature, FeatureList, PaddedBatch, TargetRows } from './batch.js';
import { type PackingOptions, type PairPlan, planPairs, planRows, type RowPlan } from './row-packing.js';

/** Sizes of a batch: examples, and tokens in a row. */
export interface BatchOptions extends PackingOptions {
  readonly batchSize: number;
  readonly padTokenId: number;
}

function labelsOf(features: readonly Feature[], slots: number): Float32Array {
  const width = features.reduce(
    (most, { span, classes }) => Math.max(most, (span ?? classes)?.length ?? 1),
    1,
  );
  const labels = new Float32Array(width * slots);
  features.forEach(({ label = 0, span, classes }, i) => {
    labels.set(span ?? classes ?? [label], width * i);
  });
  return labels;
}

/**
 * Packs features into one batch.
 * @param examples their numbers in the data set; default: their places in the batch
 */
export function makeBatch(
  features: readonly Feature[],
  { batchSize, padTokenId, ...packing }: BatchOptions,
  examples: ArrayLike<number> = features.map((_, i) => i),
): Batch {
  const lengths = features.map(({ inputIds }) => inputIds.length);
  const { rows, length, starts, ...paired } = planOf(features, lengths, packing);
  const slots = Math.max(batchSize, features.length);
  const perSlot = (values: ArrayLike<number>): Int32Array => {
    const array = new Int32Array(slots);
    array.set(values);
    return array;
  };
  const inputIds = new Int32Array(rows * length).fill(padTokenId);
  const [tokenTypeIds, positions, segments] = [0, 1, 2].map(() => new Int32Array(rows * length)) as [
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  features.forEach((feature, i) => {
    const [start, tokens] = [starts[i] as number, lengths[i] as number];
    inputIds.set(feature.inputIds, start);
    tokenTypeIds.set(feature.tokenTypeIds, start);
    segments.fill(i + 1, start, start + tokens);
    for (let position = 0; position < tokens; position++) positions[start + position] = position;
  });
  return {
    ...{ inputIds, tokenTypeIds, positions, segments, rows, length, slots },
    starts: perSlot(starts),
    lengths: perSlot(lengths),
    examples: perSlot(examples),
    labels: labelsOf(features, slots),
    count: features.length,
    ...(paired.target ? targetOf(features, { rows, ...paired.target }, perSlot, padTokenId) : {}),
  };
}

/** Rows of the features, and where they are pairs of their targets too. */
function planOf(
  features: readonly Feature[],
  lengths: readonly number[],
  packing: PackingOptions,
): RowPlan & Partial<Pick<PairPlan, 'target'>> {
  const targets = features.flatMap(({ target }) => (target ? [target.length] : []));
  return targets.length === 0 ? planRows(lengths, packing) : planPairs(lengths, targets, packing);
}

/** The features' targets in rows. */
function targetOf(
  features: readonly Feature[],
  { rows, length, starts }: RowPlan,
  perSlot: (values: ArrayLike<number>) => Int32Array,
  padTokenId: number,
): { readonly target: TargetRows; readonly targetLength: number } {
  const ids = new Int32Array(rows * length).fill(padTokenId);
  const segments = new Int32Array(rows * length);
  const lengths = features.map(({ target = [] }, i) => {
    const start = starts[i] as number;
    ids.set(target, start);
    segments.fill(i + 1, start, start + target.length);
    return target.length;
  });
  return {
    target: { ids, segments, starts: perSlot(starts), lengths: perSlot(lengths) },
    targetLength: length,
  };
}

/** One feature a row. @param length of the rows; default: that of the longest */
export function padBatch(
  features: readonly Feature[],
  padTokenId: number,
  length = features.reduce((most, { inputIds }) => Math.max(most, inputIds.length), 1),
): PaddedBatch {
  const rows = features.length;
  const inputIds = new Int32Array(rows * length).fill(padTokenId);
  const attentionMask = new Int32Array(rows * length);
  const tokenTypeIds = new Int32Array(rows * length);
  features.forEach((feature, row) => {
    inputIds.set(feature.inputIds, row * length);
    tokenTypeIds.set(feature.tokenTypeIds, row * length);
    attentionMask.fill(1, row * length, row * length + feature.inputIds.length);
  });
  return { inputIds, attentionMask, tokenTypeIds, rows, length };
}

/** In which order examples are taken. */
export interface PlanOptions {
  readonly batchSize: number;
  /** A permutation that depends on the key alone; undefined: the order of the file. */
  readonly shuffle?: RandomKey | undefined;
  /** Token counts: rows of like length share a batch, so that little is padding (HF `group_by_length`). */
  readonly lengths?: ArrayLike<number> | undefined;
}

/** Batches whose rows are sorted together, as in HF's `LengthGroupedSampler`. */
const MEGABATCH = 50;

/** Which examples go into which batch. The last batch may be short. */
export function planBatches(count: number, { batchSize, shuffle, lengths }: PlanOptions): Uint32Array[] {
  const order = shuffle ? permutation(shuffle, count) : new Uint32Array(count).map((_, i) => i);
  const cut = (indices: Uint32Array, size: number): Uint32Array[] =>
    Array.from({ length: Math.ceil(indices.length / size) }, (_, i) =>
      indices.subarray(i * size, (i + 1) * size),
    );
  if (!lengths) return cut(order, batchSize);
  const longestFirst = (indices: Uint32Array): Uint32Array =>
    Uint32Array.from([...indices].sort((a, b) => (lengths[b] as number) - (lengths[a] as number)));
  const batches = cut(order, MEGABATCH * batchSize).flatMap((megabatch) =>
    cut(longestFirst(megabatch), batchSize),
  );
  if (!shuffle) return batches;
  // Sorted batches in sorted order would show the model lengths in waves: draw the order of the batches too.
  return [...permutation({ ...shuffle, stream: shuffle.stream + 64 }, batches.length)].map(
    (i) => batches[i] as Uint32Array,
  );
}

/**
 * The batches of one epoch, made as they are asked for.
 * @example
 * ```ts
 * import { datasets } from 'progtuning';
 *
 * const features = [5, 9, 7].map((tokens) => ({
 *   inputIds: new Int32Array(tokens).fill(6),
 *   tokenTypeIds: new Int32Array(tokens),
 *   label: 0,
 * }));
 * const options = { batchSize: 2, padTokenId: 0, maxLength: 64, shapes: 'any' } as const;
 * const counts = [...datasets.batchesOf(features, options)].map((batch) => batch.count);
 * console.log(counts.join()); // 2,1
 * ```
 */
export function* batchesOf(
  features: FeatureList,
  options: BatchOptions,
  plan: Pick<PlanOptions, 'shuffle'> & { readonly groupByLength?: boolean } = {},
): Generator<Batch> {
  const lengths = plan.groupByLength ? lengthsOf(features) : undefined;
  for (const indices of planBatches(features.length, {
    batchSize: options.batchSize,
    shuffle: plan.shuffle,
    lengths,
  })) {
    yield makeBatch(
      Array.from(indices, (index) => features.at(index) as Feature),
      options,
      indices,
    );
  }
}

/** Tokens of each. */
function lengthsOf(features: FeatureList): Uint32Array {
  const lengths = new Uint32Array(features.length);
  let i = 0;
  for (const { inputIds } of features) lengths[i++] = inputIds.length;
  return lengths;
}

/** Feature indices by length, longest first: evaluation batches that hardly pad. */
export function byLength(features: FeatureList): number[] {
  const lengths = lengthsOf(features);
  return Array.from(lengths, (_, i) => i).sort(
    (a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b,
  );
}
