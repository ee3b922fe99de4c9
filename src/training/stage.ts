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
  /** Forward and backward: leaves the gradients in `trained[i].arrays.g`. */
  run(batch: B, random: RandomKey): Promise<StepResult>;
  readonly compileMilliseconds: number;
  close(): Promise<void>;
}

/** The traced step: loss, the squared norm of each gradient, the gradients as `d <parameter>`. */
function stepFunction<B extends BatchShape>(
  objective: Objective<B>,
  shape: B,
  trained: readonly ParameterSpec[],
) {
  const names = trained.map(({ name }) => name);
  return (inputs: Tensors, random: Randomness): Tensors => {
    const loss = (...values: tf.Tensor[]): tf.Scalar => {
      const changed = Object.fromEntries(names.map((name, i) => [name, values[i] as tf.Tensor]));
      return objective.loss(shape, { ...inputs, ...changed }, random);
    };
    const { value, grads } = tf.valueAndGrads(loss)(names.map((name) => inputs[name] as tf.Tensor));
    const gradients = Object.fromEntries(grads.map((gradient, i) => [`d ${names[i]}`, gradient]));
    return { loss: value, squaredNorms: squaredNorms(grads), ...gradients };
  };
}

/** Forward and backward of one batch shape as a program; `shape` gives sizes only. */
export const compileStep = <B extends BatchShape>(
  objective: Objective<B>,
  shape: B,
  trained: readonly ParameterSpec[],
  options: CompileOptions,
): Promise<Compiled> =>
  compile(
    { ...parameterInputs(objective.specs), ...objective.inputs(shape) },
    stepFunction(objective, shape, trained),
    options,
  );

export function openStage<B extends BatchShape>(
  objective: Objective<B>,
  state: TrainingState,
  trains: Trains,
  options: CompileOptions,
): Stage<B> {
  const specs = objective.specs.filter(trains);
  const trained = specs.map(({ name }) => state.trained.get(name) as TrainedTensor);
  const into = Object.fromEntries(trained.map(({ spec, arrays }) => [`d ${spec.name}`, arrays.g]));
  const parameters = Object.fromEntries(state.parameters);
  const programs = programCache<B>((shape) => compileStep(objective, shape, specs, options));
  return {
    trained,
    async run(batch, random) {
      const program = await programs.get(batch);
      const outputs = await program.run({ ...parameters, ...objective.feeds(batch) }, { into, random });
      const squares = outputs.squaredNorms as Float32Array;
      return {
        loss: outputs.loss?.[0] as number,
        gradientNorm: Math.sqrt(squares.reduce((sum, square) => sum + square, 0)),
      };
    },
    get compileMilliseconds() {
      return programs.compileMilliseconds;
    },
    close: () => programs.close(),
  };
}
