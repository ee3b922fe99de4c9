/** What is minimised: the inputs of a loss besides the parameters, how a batch feeds them, and the loss itself. */
import type * as tf from '@tensorflow/tfjs';
import type { Batch } from '../datasets/batch.js';
import type { Randomness, TensorSpecs } from '../engine/compile.js';
import type { Feeds } from '../engine/session.js';
import type { KnownStates } from '../models/encoder.js';
import { headLoss } from '../models/heads.js';
import type { ParameterSpec } from '../models/parameters.js';
import { type BatchShape, encoderInputs, forward, type Model, type Tensors } from './model.js';

export interface Objective<B extends BatchShape> {
  readonly specs: readonly ParameterSpec[];
  inputs(shape: B): TensorSpecs;
  /** What the mean is over: examples, or predicted tokens. */
  size(batch: B): number;
  /** @param total size of the whole step, of which the batch may be a part */
  feeds(batch: B, total: number): Feeds;
  /** The batch's share of the mean loss over the step. `tensors` holds parameters and inputs by name; no dropout without `random`. */
  loss(shape: B, tensors: Tensors, random: Randomness | undefined): tf.Scalar;
}

/** Labels as the head's loss wants them: see `headLoss`. */
function labelSpec({ head }: Model, { rows }: BatchShape): TensorSpecs[string] {
  if (head.kind === 'span') return { shape: [2, rows], dtype: 'int32' };
  return { shape: [rows], dtype: head.numLabels === 1 ? 'float32' : 'int32' };
}

function labelData({ head }: Model, { labels, rows }: Batch): Float32Array | Int32Array {
  if (head.kind === 'span') {
    return Int32Array.from(
      { length: 2 * rows },
      (_, i) => labels[2 * (i % rows) + Math.floor(i / rows)] as number,
    );
  }
  return head.numLabels === 1 ? labels : Int32Array.from(labels);
}

const rowWeights = ({ rows, count }: Batch, total: number): Float32Array =>
  Float32Array.from({ length: rows }, (_, i) => (i < count ? 1 / total : 0));

export const encoderFeeds = ({ inputIds, attentionMask, tokenTypeIds }: Batch): Feeds => ({
  inputIds,
  attentionMask,
  tokenTypeIds,
});

const taskInputs = (model: Model, shape: BatchShape): TensorSpecs => ({
  labels: labelSpec(model, shape),
  weights: { shape: [shape.rows] },
});

const taskFeeds = (model: Model, batch: Batch, total: number): Feeds => ({
  labels: labelData(model, batch),
  weights: rowWeights(batch, total),
});

function taskLoss(
  model: Model,
  shape: BatchShape,
  tensors: Tensors,
  random: Randomness | undefined,
  known?: KnownStates,
): tf.Scalar {
  const { labels, weights, attentionMask } = tensors as Record<string, tf.Tensor>;
  const logits = forward(model, shape, tensors, random, known);
  return headLoss(
    model.head,
    logits,
    labels as tf.Tensor,
    weights as tf.Tensor1D,
    attentionMask as tf.Tensor,
  );
}

/** Fine-tuning on a task. */
export const taskObjective = (model: Model): Objective<Batch> => ({
  specs: model.specs,
  inputs: (shape) => ({ ...encoderInputs(shape), ...taskInputs(model, shape) }),
  size: ({ count }) => count,
  feeds: (batch, total) => ({ ...encoderFeeds(batch), ...taskFeeds(model, batch, total) }),
  loss: (shape, tensors, random) => taskLoss(model, shape, tensors, random),
});

/** A batch with its hidden states [rows length, H] before some block. */
export interface StatedBatch extends Batch {
  readonly hidden: Float32Array;
}

/** Fine-tuning of the blocks from `block` on, whose inputs are known. */
export const upperObjective = (model: Model, block: number): Objective<StatedBatch> => ({
  specs: model.specs,
  inputs: (shape) => ({
    hidden: { shape: [shape.rows * shape.length, model.config.hiddenSize] },
    attentionMask: encoderInputs(shape).attentionMask,
    ...taskInputs(model, shape),
  }),
  size: ({ count }) => count,
  feeds: (batch, total) => ({
    hidden: batch.hidden,
    attentionMask: batch.attentionMask,
    ...taskFeeds(model, batch, total),
  }),
  loss: (shape, tensors, random) =>
    taskLoss(model, shape, tensors, random, { block, hidden: tensors.hidden as tf.Tensor2D }),
});
