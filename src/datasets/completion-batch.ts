/** Examples of a causal model as rows: packed to train on, padded to evaluate. */
import type { CompletionFeature } from './completion.js';
import { IGNORED } from './completion.js';
import { type PackingOptions, planRows } from './row-packing.js';

/**
 * Examples laid end to end in few dense rows. Attention sees its own segment only, positions start anew with each example, and the last token
 * of an example predicts nothing, so that each example has the loss that it has alone.
 */
export interface CompletionBatch {
  /** [rows, length] */
  readonly inputIds: Int32Array;
  /** [rows, length]: at each place the id that the model is to give the next place, -100 where there is none to learn: shifted already. */
  readonly labels: Int32Array;
  /** [rows, length], place of each token in its example */
  readonly positions: Int32Array;
  /** [rows, length], number of the token's example in this batch, from 1; 0 where there is none */
  readonly segments: Int32Array;
  readonly rows: number;
  readonly length: number;
  /** Labels that are learnt. */
  readonly targets: number;
}

/**
 * Packs examples into one batch; one example a row where `maxLength` leaves room for no second.
 * @param padTokenId what fills the rows
 * @throws DataError for an example without tokens, or over the maximum length
 * @example
 * ```ts
 * import { datasets } from 'progtuning';
 *
 * const feature = { inputIds: Int32Array.of(5, 6, 7), labels: Int32Array.of(-100, 6, 7) };
 * const options = { maxLength: 8, shapes: 'any', padTokenId: 0 } as const;
 * const batch = datasets.completionBatch([feature, feature], options);
 * console.log(batch.rows, batch.length, batch.labels.join(' ')); // 1 8 6 7 -100 6 7 -100 -100 -100
 * ```
 */
export function completionBatch(
  features: readonly CompletionFeature[],
  { padTokenId, ...packing }: PackingOptions & { readonly padTokenId: number },
): CompletionBatch {
  const { rows, length, starts } = planRows(
    features.map(({ inputIds }) => inputIds.length),
    packing,
  );
  const inputIds = new Int32Array(rows * length).fill(padTokenId);
  const labels = new Int32Array(rows * length).fill(IGNORED);
  const positions = new Int32Array(rows * length);
  const segments = new Int32Array(rows * length);
  features.forEach((feature, i) => {
    const start = starts[i] as number;
    const tokens = feature.inputIds.length;
    inputIds.set(feature.inputIds, start);
    labels.set(feature.labels.subarray(1), start);
    segments.fill(i + 1, start, start + tokens);
    for (let position = 0; position < tokens; position++) positions[start + position] = position;
  });
  const targets = labels.reduce((count, label) => count + (label === IGNORED ? 0 : 1), 0);
  return { inputIds, labels, positions, segments, rows, length, targets };
}
