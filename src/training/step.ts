/** What a training step computes, and how a stage of steps is driven: the same on every device. */

import type { Randomness } from '../engine/compile.js';
import { squaredNorms } from '../engine/fused.js';
import * as tf from '../engine/tfjs.js';
import type { ParameterSpec } from '../models/parameters.js';
import type { RandomKey } from '../random.js';
import type { Optimiser } from './adafactor.js';
import type { BatchShape, Tensors } from './model.js';
import type { Objective } from './objective.js';
import type { TrainedTensor } from './state.js';

export interface StepResult {
  readonly loss: number;
  /** Global L2 norm over the stage's trained parameters, before clipping. */
  readonly gradientNorm: number;
  /** Squared L2 norm of each trained tensor's gradient, in the order of `trained`; absent where steps run in chunks. */
  readonly squaredNorms?: ArrayLike<number>;
}

export interface Stage<B> {
  readonly trained: readonly TrainedTensor[];
  /**
   * Forward and backward of one step: leaves the gradients in `trained[i].arrays.g`, or on the device.
   * @param batches one, or several whose gradients add up to those of all their examples as one batch (gradient accumulation)
   */
  run(batches: readonly B[], random: RandomKey): Promise<StepResult>;
  /** The optimiser on the stage's tensors with the gradients of the last `run`. */
  update(learningRate: number, gradientNorm: number, options: Optimiser): Promise<void>;
  /** Afterwards the state's arrays hold what was trained: before they are read, and before `close`. */
  settle(): Promise<void>;
  readonly compileMilliseconds: number;
  close(): Promise<void>;
}

export const gradientName = (parameter: string): string => `d ${parameter}`;
export const sumName = (parameter: string): string => `sum of d ${parameter}`;

/**
 * The traced step: loss, the squared norm of each gradient, the gradients as `d <parameter>`; with `accumulate` added to those of
 * the batches before, which come in as `sum of d <parameter>`.
 */
export function stepFunction<B extends S, S extends BatchShape>(
  objective: Objective<B, S>,
  shape: S,
  trained: readonly ParameterSpec[],
  accumulate: boolean,
) {
  const names = trained.map(({ name }) => name);
  return (inputs: Tensors, random: Randomness): Tensors => {
    const loss = (...values: tf.Tensor[]): tf.Scalar => {
      const changed = Object.fromEntries(names.map((name, i) => [name, values[i] as tf.Tensor]));
      return objective.loss(shape, { ...inputs, ...changed }, random);
    };
    const { value, grads } = tf.valueAndGrads(loss)(names.map((name) => inputs[name] as tf.Tensor));
    const sums = accumulate
      ? grads.map((gradient, i) => tf.add(inputs[sumName(names[i] as string)] as tf.Tensor, gradient))
      : grads;
    const gradients = Object.fromEntries(sums.map((sum, i) => [gradientName(names[i] as string), sum]));
    return { loss: value, squaredNorms: squaredNorms(sums), ...gradients };
  };
}
