/**
 * AdamW as `torch.optim.AdamW` (Loshchilov and Hutter 2019), in place on {@link TrainedTensor}s, after clipping by the global norm
 * as `torch.nn.utils.clip_grad_norm_`. A tensor counts its own steps: one that is frozen keeps its moments and its count.
 */
import type { TrainedTensor } from './state.js';

/** Of `torch.optim.AdamW`, and the norm that gradients are clipped to. */
export interface AdamWOptions {
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  /** Not applied to biases and layer norms. */
  readonly weightDecay: number;
  /** 0: no clipping. */
  readonly maxGradientNorm: number;
}

/**
 * PyTorch's defaults, and gradients clipped to a norm of 1 as in Hugging Face's Trainer.
 * @example
 * ```ts
 * import { training } from 'progtuning';
 *
 * console.log(training.ADAMW_DEFAULTS.betas.join()); // 0.9,0.999
 * ```
 */
export const ADAMW_DEFAULTS: AdamWOptions = {
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradientNorm: 1,
};

/** Factor on every gradient: min(1, max / (norm + 1e-6)). */
export const clipFactor = (norm: number, max: number): number =>
  max > 0 ? Math.min(1, max / (norm + 1e-6)) : 1;

/** What one step multiplies and divides a tensor by. */
export interface AdamWFactors {
  readonly clip: number;
  readonly decay: number;
  readonly stepSize: number;
  readonly correction: number;
}

/** Counts a step of the tensor. @param gradientNorm global norm over the tensors of the stage, before clipping */
export function adamwFactors(
  tensor: TrainedTensor,
  learningRate: number,
  gradientNorm: number,
  { betas, weightDecay, maxGradientNorm }: AdamWOptions,
): AdamWFactors {
  tensor.steps += 1;
  const rate = learningRate * tensor.rateFactor;
  return {
    clip: clipFactor(gradientNorm, maxGradientNorm),
    decay: tensor.spec.decay ? 1 - rate * weightDecay : 1,
    stepSize: rate / (1 - betas[0] ** tensor.steps),
    correction: Math.sqrt(1 - betas[1] ** tensor.steps),
  };
}

/** Updates each tensor from its gradient. @param gradientNorm global norm over the same tensors, before clipping */
export function adamw(
  tensors: Iterable<TrainedTensor>,
  learningRate: number,
  gradientNorm: number,
  options: AdamWOptions,
): void {
  const { betas, epsilon } = options;
  for (const tensor of tensors) {
    const { clip, decay, stepSize, correction } = adamwFactors(tensor, learningRate, gradientNorm, options);
    tensor.arena.adamw(tensor.arrays, clip, decay, betas, stepSize, correction, epsilon);
  }
}
