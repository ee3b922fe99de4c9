/** Logits -> predictions: class ids, or scores clipped to the task's range by nobody (HF's `run_glue` does not either). */

/** @param logits [labels] per example; one label: regression @returns one number per example */
export const predictionsOf = (logits: readonly Float32Array[]): Float32Array =>
  Float32Array.from(logits, (row) => (row.length === 1 ? (row[0] as number) : argMax(row)));

function argMax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}
