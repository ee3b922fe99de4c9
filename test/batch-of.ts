/** Batches out of the padded rows that golden files hold. */
import type { Batch, PaddedBatch } from '../src/datasets/batch.js';
import { makeBatch } from '../src/datasets/batches.js';

export type Rows = readonly (readonly number[])[];

const flat = (rows: Rows): Int32Array => Int32Array.from(rows.flat());

export const paddedBatch = (ids: Rows, mask: Rows, types: Rows | undefined): PaddedBatch => ({
  inputIds: flat(ids),
  attentionMask: flat(mask),
  tokenTypeIds: types ? flat(types) : new Int32Array(ids.flat().length),
  rows: ids.length,
  length: ids[0]?.length ?? 0,
});

/** The rows' real tokens, packed. @param labels a number a row, or first and last token of the answer one after the other */
export function packedBatch(
  { inputIds, attentionMask, tokenTypeIds, rows, length }: PaddedBatch,
  labels: readonly number[],
): Batch {
  const features = Array.from({ length: rows }, (_, row) => {
    const tokens = attentionMask
      .subarray(row * length, (row + 1) * length)
      .reduce((sum, real) => sum + real, 0);
    const of = (ids: Int32Array): Int32Array => ids.slice(row * length, row * length + tokens);
    const given = { inputIds: of(inputIds), tokenTypeIds: of(tokenTypeIds) };
    if (labels.length === rows) return { ...given, label: labels[row] as number };
    return { ...given, span: [labels[2 * row], labels[2 * row + 1]] as [number, number] };
  });
  return makeBatch(features, { batchSize: rows, padTokenId: 0, maxLength: length, shapes: 'any' });
}
