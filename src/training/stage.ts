/**
 * One stage of a run: a fixed set of trained parameters, so one backward graph per batch shape. Only trained parameters are asked
 * for gradients; tfjs's tape leaves out everything below the lowest of them, which is Progtuning's saving.
 */
import * as tf from '@tensorflow/tfjs';
import type { Batch } from '../datasets/batch.js';
import {
  type Compiled,
  type CompileOptions,
  compile,
  type Randomness,
  type TensorSpecs,
} from '../engine/compile.js';
import { squaredNorms } from '../engine/fused.js';
import { headLoss } from '../models/heads.js';
import type { ParameterSpec } from '../models/parameters.js';
import type { RandomKey } from '../random.js';
import { type BatchShape, batchInputs, forward, type Model, parameterInputs } from './model.js';
import { type ProgramCache, programCache } from './program-cache.js';
import type { TrainedTensor, TrainingState } from './state.js';

export interface StepResult {
  readonly loss: number;
  /** Global L2 norm over the stage's trained parameters, before clipping. */
  readonly gradientNorm: number;
}

export interface Stage {
  readonly trained: readonly TrainedTensor[];
  /** Forward and backward: leaves the gradients in `trained[i].arrays.g`. */
  run(batch: Batch, random: RandomKey): Promise<StepResult>;
  readonly compileMilliseconds: number;
  close(): Promise<void>;
}

/** Labels as the head's loss wants them. */
export function labelInputs(model: Model, { rows }: BatchShape): TensorSpecs {
  if (model.head.kind === 'span') return { labels: { shape: [2, rows], dtype: 'int32' } };
  return { labels: { shape: [rows], dtype: model.head.numLabels === 1 ? 'float32' : 'int32' } };
}

function labelFeeds(model: Model, batch: Batch): Float32Array | Int32Array {
  const { labels, rows } = batch;
  if (model.head.kind === 'span') {
    return Int32Array.from(
      { length: 2 * rows },
      (_, i) => labels[2 * (i % rows) + Math.floor(i / rows)] as number,
    );
  }
  return model.head.numLabels === 1 ? labels : Int32Array.from(labels);
}

/** The traced step: loss, the squared norm of each gradient, the gradients under their parameters' names. */
function stepFunction(model: Model, shape: BatchShape, trained: readonly ParameterSpec[]) {
  return (inputs: Readonly<Record<string, tf.Tensor>>, random: Randomness): Record<string, tf.Tensor> => {
    const names = trained.map(({ name }) => name);
    const loss = (...values: tf.Tensor[]): tf.Scalar => {
      const tensors = {
        ...inputs,
        ...Object.fromEntries(names.map((name, i) => [name, values[i] as tf.Tensor])),
      };
      const logits = forward(model, shape, tensors, random);
      return headLoss(model.head, logits, inputs.labels as tf.Tensor, inputs.weights as tf.Tensor1D);
    };
    const { value, grads } = tf.valueAndGrads(loss)(names.map((name) => inputs[name] as tf.Tensor));
    return {
      loss: value,
      squaredNorms: squaredNorms(grads),
      ...Object.fromEntries(grads.map((gradient, i) => [`d ${names[i]}`, gradient])),
    };
  };
}

export function compileStep(
  model: Model,
  shape: BatchShape,
  trained: readonly ParameterSpec[],
  options: CompileOptions,
): Promise<Compiled> {
  const inputs: TensorSpecs = {
    ...parameterInputs(model.specs),
    ...batchInputs(shape),
    ...labelInputs(model, shape),
    weights: { shape: [shape.rows] },
  };
  return compile(inputs, stepFunction(model, shape, trained), options);
}

const rowWeights = ({ rows, count }: Batch): Float32Array =>
  Float32Array.from({ length: rows }, (_, i) => (i < count ? 1 / count : 0));

/** Feeds of a batch besides the parameters. */
export const batchFeeds = (batch: Batch) => ({
  inputIds: batch.inputIds,
  attentionMask: batch.attentionMask,
  tokenTypeIds: batch.tokenTypeIds,
});

export function openStage(
  model: Model,
  state: TrainingState,
  trains: (spec: ParameterSpec) => boolean,
  options: CompileOptions,
): Stage {
  const specs = model.specs.filter(trains);
  const trained = specs.map(({ name }) => state.trained.get(name) as TrainedTensor);
  const into = Object.fromEntries(trained.map(({ spec, arrays }) => [`d ${spec.name}`, arrays.g]));
  const parameters = Object.fromEntries(state.parameters);
  const programs: ProgramCache = programCache((shape) => compileStep(model, shape, specs, options));
  return {
    trained,
    async run(batch, random) {
      const program = await programs.get(batch);
      const feeds = {
        ...parameters,
        ...batchFeeds(batch),
        labels: labelFeeds(model, batch),
        weights: rowWeights(batch),
      };
      const outputs = await program.run(feeds, { into, random });
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
