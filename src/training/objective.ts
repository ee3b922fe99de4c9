/** What is minimised: the inputs of a loss besides the parameters, how a batch feeds them, and the loss itself. */

import type { Batch } from '../datasets/batch.js';
import type { Randomness, TensorSpecs } from '../engine/compile.js';
import type { Placement } from '../engine/dropout.js';
import type { Feeds } from '../engine/session.js';
import type * as tf from '../engine/tfjs.js';
import { familyOf } from '../models/families.js';
import type { KnownStates } from '../models/forward.js';
import { headLogits, headLoss, type LabelledHead, softTargetLoss } from '../models/heads.js';
import type { PackedInputs } from '../models/inputs.js';
import type { ParameterSpec } from '../models/parameters.js';
import {
  attendingInputs,
  type BatchShape,
  type Model,
  type PackedShape,
  packedInputs,
  readStates,
  type Tensors,
} from './model.js';
import { nextTokenFeeds, nextTokenInputs, nextTokenLoss, predictedTokens } from './next-token.js';
import { decoderFeeds, targetsOf, writtenFeeds, writtenTokens } from './pairs.js';

/** `S`: what of a batch its program depends on. */
export interface Objective<B extends S, S extends BatchShape = B> {
  readonly specs: readonly ParameterSpec[];
  /** Whether one program serves batches of all sizes: then only `rows` and `length` of a shape may differ from batch to batch. */
  readonly anySize: boolean;
  inputs(shape: S): TensorSpecs;
  /** What the mean is over: examples (as much as they weigh), or predicted tokens. */
  size(batch: B): number;
  /** @param total size of the whole step, of which the batch may be a part */
  feeds(batch: B, total: number): Feeds;
  /** Where the examples lie: what their dropout is drawn by. */
  placement(batch: B): Placement;
  /** The batch's share of the mean loss over the step. `tensors` holds parameters and inputs by name; no dropout without `random`. */
  loss(shape: S, tensors: Tensors, random: Randomness | undefined): tf.Scalar;
}

/** An objective whose batches can be laid into larger rows, which changes no number: batches of one shape can be stacked. */
export interface WideObjective<B extends S, S extends BatchShape = B> extends Objective<B, S> {
  /** @param shape at least as many rows, at least as long */
  widened(batch: B, shape: BatchShape): B;
}

/** Rows of one length as more and longer ones: where their tokens go. */
function wider(from: BatchShape, { rows, length }: BatchShape) {
  return {
    ids(ids: Int32Array): Int32Array {
      const wide = new Int32Array(rows * length);
      for (let row = 0; row < from.rows; row++)
        wide.set(ids.subarray(row * from.length, (row + 1) * from.length), row * length);
      return wide;
    },
    starts: (starts: Int32Array): Int32Array =>
      starts.map((start) => Math.floor(start / from.length) * length + (start % from.length)),
  };
}

/** The batch in more and longer rows; what they have more is nobody's. */
function widened(batch: Batch, { rows, length, targetLength = 0 }: BatchShape): Batch {
  const { ids, starts } = wider(batch, { rows, length });
  const { target } = batch;
  const wideTarget = wider(
    { rows: batch.rows, length: batch.targetLength ?? 0 },
    { rows, length: targetLength },
  );
  return {
    ...batch,
    ...{ inputIds: ids(batch.inputIds), tokenTypeIds: ids(batch.tokenTypeIds) },
    ...{ positions: ids(batch.positions), segments: ids(batch.segments) },
    starts: starts(batch.starts),
    ...{ rows, length },
    ...(target
      ? {
          target: {
            ...{ ids: wideTarget.ids(target.ids), segments: wideTarget.ids(target.segments) },
            ...{ starts: wideTarget.starts(target.starts), lengths: target.lengths },
          },
          targetLength,
        }
      : {}),
  };
}

/** How classes count in the loss of a classifier of one class at a time, as in PyTorch's `CrossEntropyLoss`. */
export interface LossSettings {
  /** `label_smoothing`: share of the target that is spread evenly over all classes. */
  readonly labelSmoothing?: number | undefined;
  /** `weight`, by class id: the mean over a step is weighted by its labels' classes. */
  readonly classWeights?: readonly number[] | undefined;
  /**
   * Next tokens: the rows' logits are computed in so many pieces, one after another. It changes memory, and no number beyond rounding.
   * A power of 2 up to 8; default 1.
   */
  readonly vocabularyPieces?: number | undefined;
}

/** Labels as the head's loss wants them: see `headLoss`. */
function labelSpec(head: LabelledHead, { slots }: PackedShape): TensorSpecs[string] {
  if (head.kind === 'span') return { shape: [2, slots], dtype: 'int32' };
  if (head.multiLabel) return { shape: [slots, head.numLabels], dtype: 'int32' };
  return { shape: [slots], dtype: head.numLabels === 1 ? 'float32' : 'int32' };
}

function labelData(head: LabelledHead, { labels, starts, slots }: Batch): Float32Array | Int32Array {
  if (head.kind === 'span') {
    const ends = Int32Array.from({ length: 2 * slots }, (_, i) => {
      const slot = i % slots;
      return (starts[slot] as number) + (labels[2 * slot + Math.floor(i / slots)] as number);
    });
    return ends;
  }
  return head.numLabels === 1 && !head.multiLabel ? labels : Int32Array.from(labels);
}

const classWeight = ({ classWeights }: LossSettings, label: number): number => classWeights?.[label] ?? 1;

/** Examples of a batch, each as much as its class weighs. */
function sizeOf({ labels, count }: Batch, loss: LossSettings): number {
  if (!loss.classWeights) return count;
  return labels.subarray(0, count).reduce((sum, label) => sum + classWeight(loss, label), 0);
}

const weightsOf = ({ labels, slots, count }: Batch, total: number, loss: LossSettings): Float32Array =>
  Float32Array.from({ length: slots }, (_, i) =>
    i < count ? (loss.classWeights ? classWeight(loss, labels[i] as number) : 1) / total : 0,
  );

/** [slots, C]: what the log-probability of each class is multiplied by. */
function softTargets(
  { numLabels }: Extract<Model['head'], { kind: 'classification' }>,
  { labels, slots, count }: Batch,
  total: number,
  loss: LossSettings,
): Float32Array {
  const { labelSmoothing = 0 } = loss;
  const spread = labelSmoothing / numLabels;
  return Float32Array.from({ length: slots * numLabels }, (_, i) => {
    const [slot, label] = [Math.floor(i / numLabels), i % numLabels];
    if (slot >= count) return 0;
    const share = (labels[slot] === label ? 1 - labelSmoothing : 0) + spread;
    return (share * classWeight(loss, label)) / total;
  });
}

function taskInputs(model: Model, shape: PackedShape, { labelSmoothing }: LossSettings): TensorSpecs {
  const { head } = model;
  if (head.kind === 'causal-lm') return nextTokenInputs(shape);
  if (head.kind === 'seq2seq-lm') return nextTokenInputs({ ...shape, length: shape.targetLength ?? 0 });
  if (labelSmoothing && head.kind === 'classification')
    return { targets: { shape: [shape.slots, head.numLabels] } };
  return { labels: labelSpec(head, shape), weights: { shape: [shape.slots] } };
}

function taskFeeds(model: Model, batch: Batch, total: number, loss: LossSettings): Feeds {
  const { head } = model;
  if (head.kind === 'causal-lm') return nextTokenFeeds(batch, total);
  if (head.kind === 'seq2seq-lm') return writtenFeeds(batch, total);
  if (loss.labelSmoothing && head.kind === 'classification')
    return { targets: softTargets(head, batch, total, loss) };
  return { labels: labelData(head, batch), weights: weightsOf(batch, total, loss) };
}

/** Index of each example's last token; that of the first in an empty slot. */
const endsOf = ({ starts, lengths }: Batch): Int32Array =>
  starts.map((start, slot) => start + Math.max(0, (lengths[slot] as number) - 1));

/** What {@link attendingInputs} wants. */
function attendingFeeds({ config }: Model, batch: Batch): Feeds {
  const { positions, segments, starts } = batch;
  const { causal, decoder } = familyOf(config);
  return {
    ...{ segments, starts },
    ...(causal ? { positions, ends: endsOf(batch) } : {}),
    ...(decoder ? decoderFeeds(config, batch) : {}),
  };
}

export const packedFeeds = (model: Model, batch: Batch): Feeds => ({
  ...{ inputIds: batch.inputIds, tokenTypeIds: batch.tokenTypeIds, positions: batch.positions },
  ...attendingFeeds(model, batch),
});

function taskLoss(
  model: Model,
  shape: PackedShape,
  tensors: Tensors,
  random: Randomness | undefined,
  loss: LossSettings,
  known?: KnownStates,
): tf.Scalar {
  const { head } = model;
  const { labels, weights, targets } = tensors as Record<string, tf.Tensor>;
  const { context, hidden } = readStates(model, shape, tensors, random, known);
  if (head.kind === 'causal-lm' || head.kind === 'seq2seq-lm')
    return nextTokenLoss(context, hidden, tensors, loss.vocabularyPieces ?? 1);
  const logits = headLogits(context, head, hidden);
  if (targets) return softTargetLoss(logits, targets as tf.Tensor2D);
  const inputs = tensors as unknown as PackedInputs;
  return headLoss(head, logits, labels as tf.Tensor, weights as tf.Tensor1D, inputs);
}

const task = ({ head }: Model, loss: LossSettings) =>
  ({
    anySize: true,
    size: (batch: Batch) => {
      if (head.kind === 'seq2seq-lm') return writtenTokens(batch);
      return head.kind === 'causal-lm' ? predictedTokens(batch) : sizeOf(batch, loss);
    },
    placement: (batch: Batch) => {
      const { length, examples, starts, lengths, targetLength } = batch;
      const placed = { length, examples, starts, lengths };
      if (targetLength === undefined) return placed;
      const target = targetsOf(batch);
      return { ...placed, target: { length: targetLength, starts: target.starts, lengths: target.lengths } };
    },
  }) as const;

/** Fine-tuning on a task. */
export const taskObjective = (model: Model, loss: LossSettings = {}): WideObjective<Batch, PackedShape> => ({
  ...task(model, loss),
  widened,
  specs: model.specs,
  inputs: (shape) => ({ ...packedInputs(model, shape), ...taskInputs(model, shape, loss) }),
  feeds: (batch, total) => ({ ...packedFeeds(model, batch), ...taskFeeds(model, batch, total, loss) }),
  loss: (shape, tensors, random) => taskLoss(model, shape, tensors, random, loss),
});

/** A batch with its hidden states [rows length, H] before some block. */
export interface StatedBatch extends Batch {
  readonly hidden: Float32Array;
}

/** Fine-tuning of the blocks from `block` on, whose inputs are known. */
export const upperObjective = (
  model: Model,
  block: number,
  loss: LossSettings = {},
): Objective<StatedBatch, PackedShape> => ({
  ...task(model, loss),
  specs: model.specs,
  inputs: (shape) => {
    const hidden = { shape: [shape.rows * shape.length, model.config.hiddenSize] };
    return { hidden, ...attendingInputs(model, shape), ...taskInputs(model, shape, loss) };
  },
  feeds: (batch, total) => ({
    hidden: batch.hidden,
    ...attendingFeeds(model, batch),
    ...taskFeeds(model, batch, total, loss),
  }),
  loss: (shape, tensors, random) =>
    taskLoss(model, shape, tensors, random, loss, { block, hidden: tensors.hidden as tf.Tensor2D }),
});
