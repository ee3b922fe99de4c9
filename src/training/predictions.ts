/** Logits -> predictions: class ids, or scores clipped to the task's range by nobody (HF's `run_glue` does not either). */

/** @param logits [rows, labels] per batch, rows beyond `counts[i]` are padding @returns one number per example */
export function predictionsOf(
  logits: readonly Float32Array[],
  counts: readonly number[],
  labels: number,
): Float32Array {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const predictions = new Float32Array(total);
  let at = 0;
  logits.forEach((batch, b) => {
    for (let row = 0; row < (counts[b] as number); row++) {
      predictions[at++] =
        labels === 1 ? (batch[row] as number) : argMax(batch.subarray(row * labels, (row + 1) * labels));
    }
  });
  return predictions;
}

function argMax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}
