/**
 * AdamW as `torch.optim.AdamW` (Loshchilov and Hutter 2019), in place on {@link TrainedTensor}s, after clipping by the global norm
 * as `torch.nn.utils.clip_grad_norm_`. A tensor counts its own steps: one that is frozen keeps its moments and its count.
 */
import type { TrainedTensor } from './state.js';

export interface AdamWOptions {
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  /** Not applied to biases and layer norms. */
  readonly weightDecay: number;
  /** 0: no clipping. */
  readonly maxGradientNorm: number;
}

export const ADAMW_DEFAULTS: AdamWOptions = {
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradientNorm: 1,
};

/** Factor on every gradient: min(1, max / (norm + 1e-6)). */
export const clipFactor = (norm: number, max: number): number =>
  max > 0 ? Math.min(1, max / (norm + 1e-6)) : 1;

/** Updates each tensor from its gradient. @param gradientNorm global norm over the same tensors, before clipping */
export function adamw(
  tensors: Iterable<TrainedTensor>,
  learningRate: number,
  gradientNorm: number,
  options: AdamWOptions,
): void {
  const { betas, epsilon, weightDecay, maxGradientNorm } = options;
  const clip = clipFactor(gradientNorm, maxGradientNorm);
  for (const tensor of tensors) {
    tensor.steps += 1;
    const decay = tensor.spec.decay ? 1 - learningRate * weightDecay : 1;
    const stepSize = learningRate / (1 - betas[0] ** tensor.steps);
    const correction = Math.sqrt(1 - betas[1] ** tensor.steps);
    tensor.arena.adamw(tensor.arrays, clip, decay, betas, stepSize, correction, epsilon);
  }
}
