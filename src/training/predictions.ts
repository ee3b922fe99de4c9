/** Logits -> predictions: class ids, or scores clipped to the task's range by nobody (HF's `run_glue` does not either). */

/** @param logits [labels] per example; one label: regression @returns one number per example */
export const predictionsOf = (logits: readonly Float32Array[]): Float32Array =>
  Float32Array.from(logits, (row) => (row.length === 1 ? (row[0] as number) : argMax(row)));

function argMax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

/** Probability of each class: of the one that holds, or with `multiLabel` of each by itself. */
export function probabilities(logits: Float32Array, multiLabel: boolean): number[] {
  if (multiLabel) return Array.from(logits, sigmoid);
  const most = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** Multi-label: of each class whether it holds, 0 or 1: its probability is over a half. */
export const holding = (logits: Float32Array): number[] => Array.from(logits, (logit) => (logit > 0 ? 1 : 0));
