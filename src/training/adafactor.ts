/**
 * Adafactor (Shazeer and Stern 2018, arXiv 1804.04235) at a given learning rate, as transformers' `Adafactor` with `scale_parameter`,
 * `relative_step` and `warmup_init` False and no first moment: what T5 is fine-tuned with. Second moments of a matrix are kept as one number a
 * row (in `m`) and one a column (in `v`).
 */
import { type AdamWOptions, adamw, clipFactor } from './adamw.js';
import type { TrainedTensor } from './state.js';

/** Of transformers' `Adafactor`, and the norm that gradients are clipped to. */
export interface AdafactorOptions {
  /** Tells it from AdamW's. */
  readonly kind: 'adafactor';
  /** Added to squared gradients. */
  readonly epsilon: number;
  /** The root mean square that an update is clipped to. */
  readonly clipThreshold: number;
  /** Second moments of step t weigh 1 - t ** decayRate. */
  readonly decayRate: number;
  /** Not applied to biases and norms. */
  readonly weightDecay: number;
  /** Of all gradients together; 0: no clipping. */
  readonly maxGradientNorm: number;
}

/**
 * The defaults of transformers, and gradients clipped to a norm of 1 as in its Trainer.
 * @example
 * ```ts
 * import { training } from 'progtuning';
 *
 * console.log(training.ADAFACTOR_DEFAULTS.decayRate); // -0.8
 * ```
 */
export const ADAFACTOR_DEFAULTS: AdafactorOptions = {
  kind: 'adafactor',
  epsilon: 1e-30,
  clipThreshold: 1,
  decayRate: -0.8,
  weightDecay: 0,
  maxGradientNorm: 1,
};

/** Moving averages of the squared gradients' means over rows (`m`) and columns (`v`), and of their mean over all rows. */
function factoredMoments(
  { g, m, v }: TrainedTensor['arrays'],
  rows: number,
  columns: number,
  { clip, epsilon, beta }: { readonly clip: number; readonly epsilon: number; readonly beta: number },
): number {
  const sums = new Float64Array(columns);
  let all = 0;
  for (let row = 0, at = 0; row < rows; row++) {
    let sum = 0;
    for (let column = 0; column < columns; column++, at++) {
      const square = ((g[at] as number) * clip) ** 2 + epsilon;
      sum += square;
      sums[column] = (sums[column] as number) + square;
    }
    m[row] = beta * (m[row] as number) + (1 - beta) * (sum / columns);
    all += m[row] as number;
  }
  for (let column = 0; column < columns; column++)
    v[column] = beta * (v[column] as number) + (1 - beta) * ((sums[column] as number) / rows);
  return all / rows;
}

/** Writes the update over the gradient, before its clipping. */
function update(tensor: TrainedTensor, clip: number, { epsilon, decayRate }: AdafactorOptions): void {
  const { g, m, v } = tensor.arrays;
  const beta = 1 - tensor.steps ** decayRate;
  const { shape } = tensor.spec;
  if (shape.length < 2) {
    for (let i = 0; i < g.length; i++) {
      const gradient = (g[i] as number) * clip;
      v[i] = beta * (v[i] as number) + (1 - beta) * (gradient ** 2 + epsilon);
      g[i] = gradient / Math.sqrt(v[i] as number);
    }
    return;
  }
  const [rows, columns] = shape as [number, number];
  const mean = factoredMoments(tensor.arrays, rows, columns, { clip, epsilon, beta });
  const ofColumns = Float64Array.from(v.subarray(0, columns), (value) => 1 / Math.sqrt(value));
  for (let row = 0, at = 0; row < rows; row++) {
    const ofRow = clip / Math.sqrt((m[row] as number) / mean);
    for (let column = 0; column < columns; column++, at++)
      g[at] = (g[at] as number) * ofRow * (ofColumns[column] as number);
  }
}

/** Updates each tensor from its gradient, which it overwrites. @param gradientNorm global norm over the same tensors, before clipping */
export function adafactor(
  tensors: Iterable<TrainedTensor>,
  learningRate: number,
  gradientNorm: number,
  options: AdafactorOptions,
): void {
  const clip = clipFactor(gradientNorm, options.maxGradientNorm);
  for (const tensor of tensors) {
    tensor.steps += 1;
    update(tensor, clip, options);
    const { p, g } = tensor.arrays;
    const rate = learningRate * tensor.rateFactor;
    let squares = 0;
    for (let i = 0; i < g.length; i++) squares += (g[i] as number) ** 2;
    const scale = rate / Math.max(1, Math.sqrt(squares / g.length) / options.clipThreshold);
    const decay = tensor.spec.decay ? rate * options.weightDecay : 0;
    for (let i = 0; i < p.length; i++) p[i] = (p[i] as number) * (1 - decay) - scale * (g[i] as number);
  }
}

/** How a step is taken from its gradients. */
export type Optimiser = AdamWOptions | AdafactorOptions;

export const isAdafactor = (optimiser: Optimiser): optimiser is AdafactorOptions => 'kind' in optimiser;

/** A step of either. @param gradientNorm as in both */
export function takeStep(
  tensors: Iterable<TrainedTensor>,
  learningRate: number,
  gradientNorm: number,
  optimiser: Optimiser,
): void {
  if (isAdafactor(optimiser)) adafactor(tensors, learningRate, gradientNorm, optimiser);
  else adamw(tensors, learningRate, gradientNorm, optimiser);
}
