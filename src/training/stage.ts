/**
 * One stage of a run: a fixed set of trained parameters, so one backward graph per batch shape. Only trained parameters are asked
 * for gradients; tfjs's tape leaves out everything below the lowest of them, which is Progtuning's saving.
 */
import * as tf from '@tensorflow/tfjs';
import { type Compiled, type CompileOptions, compile, type Randomness } from '../engine/compile.js';
import { squaredNorms } from '../engine/fused.js';
import type { ParameterSpec, Trains } from '../models/parameters.js';
import type { RandomKey } from '../random.js';
import { type BatchShape, parameterInputs, type Tensors } from './model.js';
import type { Objective } from './objective.js';
import { programCache } from './program-cache.js';
import type { TrainedTensor, TrainingState } from './state.js';

export interface StepResult {
  readonly loss: number;
  /** Global L2 norm over the stage's trained parameters, before clipping. */
  readonly gradientNorm: number;
}

export interface Stage<B> {
  readonly trained: readonly TrainedTensor[];
  /**
   * Forward and backward of one step: leaves the gradients in `trained[i].arrays.g`.
   * @param batches one, or several whose gradients add up to those of all their examples as one batch (gradient accumulation)
   */
  run(batches: readonly B[], random: RandomKey): Promise<StepResult>;
  readonly compileMilliseconds: number;
  close(): Promise<void>;
}

const gradientName = (parameter: string): string => `d ${parameter}`;
const sumName = (parameter: string): string => `sum of d ${parameter}`;

/**
 * The traced step: loss, the squared norm of each gradient, the gradients as `d <parameter>`; with `accumulate` added to those of
 * the batches before, which come in as `sum of d <parameter>`.
 */
function stepFunction<B extends BatchShape>(
  objective: Objective<B>,
  shape: B,
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

/** Forward and backward of one batch shape as a program; `shape` gives sizes only. */
export const compileStep = <B extends BatchShape>(
  objective: Objective<B>,
  shape: B,
  trained: readonly ParameterSpec[],
  options: CompileOptions,
  accumulate = false,
): Promise<Compiled> => {
  const sums = trained.map(({ name, shape }) => [sumName(name), { shape }] as const);
  return compile(
    {
      ...parameterInputs(objective.specs),
      ...objective.inputs(shape),
      ...(accumulate ? Object.fromEntries(sums) : {}),
    },
    stepFunction(objective, shape, trained, accumulate),
    options,
  );
};

export function openStage<B extends BatchShape>(
  objective: Objective<B>,
  state: TrainingState,
  trains: Trains,
  options: CompileOptions,
): Stage<B> {
  const specs = objective.specs.filter(trains);
  const trained = specs.map(({ name }) => state.trained.get(name) as TrainedTensor);
  const into = Object.fromEntries(trained.map(({ spec, arrays }) => [gradientName(spec.name), arrays.g]));
  const sums = Object.fromEntries(trained.map(({ spec, arrays }) => [sumName(spec.name), arrays.g]));
  const parameters = Object.fromEntries(state.parameters);
  const single = programCache<B>((shape) => compileStep(objective, shape, specs, options));
  const accumulating = programCache<B>((shape) => compileStep(objective, shape, specs, options, true));
  return {
    trained,
    async run(batches, random) {
      const several = batches.length > 1;
      const total = batches.reduce((sum, batch) => sum + objective.size(batch), 0);
      if (several) for (const { arrays } of trained) arrays.g.fill(0);
      let loss = 0;
      let squares = new Float32Array();
      for (const [index, batch] of batches.entries()) {
        const program = await (several ? accumulating : single).get(batch);
        // Sums are read and written in place: each is the last reader of its input.
        const feeds = { ...parameters, ...(several ? sums : {}), ...objective.feeds(batch, total) };
        const key = { ...random, step: random.step * batches.length + index };
        const outputs = await program.run(feeds, { into, random: key });
        loss += outputs.loss?.[0] as number;
        squares = outputs.squaredNorms as Float32Array<ArrayBuffer>;
      }
      return { loss, gradientNorm: Math.sqrt(squares.reduce((sum, square) => sum + square, 0)) };
    },
    get compileMilliseconds() {
      return single.compileMilliseconds + accumulating.compileMilliseconds;
    },
    async close() {
      await single.close();
      await accumulating.close();
    },
  };
}
