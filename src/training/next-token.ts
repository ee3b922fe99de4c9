/**
 * Causal language modelling (Radford et al. 2019): each token is predicted from those before it in its example. The loss is the mean over
 * predicted tokens, as HF `ForCausalLMLoss`; what stands before an example's `label` (a prompt) is given and not predicted.
 */
import type { Batch } from '../datasets/batch.js';
import type { TensorSpecs } from '../engine/compile.js';
import { tokenLosses, vocabularyLoss } from '../engine/fused-decoder.js';
import type { Feeds } from '../engine/session.js';
import * as tf from '../engine/tfjs.js';
import { outputEmbedding } from '../models/heads.js';
import type { ModelContext } from '../models/layers.js';
import type { PackedShape, Tensors } from './model.js';

/** Place in its example of the first token that is predicted: the first of all has nothing before it. */
export const firstPredicted = (label: number | undefined): number => Math.max(1, label ?? 0);

/** Tokens of a batch that are predicted. */
export const predictedTokens = ({ lengths, labels, count }: Batch): number =>
  lengths
    .subarray(0, count)
    .reduce((sum, length, slot) => sum + Math.max(0, length - firstPredicted(labels[slot])), 0);

/** Of every place in the rows: the next token, and what predicting it weighs. */
export const nextTokenInputs = ({ rows, length }: PackedShape): TensorSpecs => ({
  labels: { shape: [rows * length], dtype: 'int32' },
  weights: { shape: [rows * length] },
});

/** @param total predicted tokens of the whole step */
export function nextTokenFeeds(batch: Batch, total: number): Feeds {
  const { inputIds, starts, lengths, labels: first, count } = batch;
  const labels = new Int32Array(inputIds.length);
  const weights = new Float32Array(inputIds.length);
  for (let slot = 0; slot < count; slot++) {
    const [start, length] = [starts[slot] as number, lengths[slot] as number];
    for (let place = firstPredicted(first[slot]); place < length; place++) {
      labels[start + place - 1] = inputIds[start + place] as number;
      weights[start + place - 1] = 1 / total;
    }
  }
  return { labels, weights };
}

/** @param hidden [rows length, H] @param pieces see `LossSettings.vocabularyPieces` */
export const nextTokenLoss = (
  context: ModelContext,
  hidden: tf.Tensor2D,
  { labels, weights }: Tensors,
  pieces: number,
): tf.Scalar =>
  vocabularyLoss(
    { hidden, embedding: outputEmbedding(context), labels: labels as tf.Tensor1D, pieces },
    weights as tf.Tensor1D,
  );

/**
 * Negative log-probability of each row's next token: [B, S], of which the last column says nothing.
 * @param inputIds int32 [B, S] @param hidden [B S, H]
 */
export function nextTokenLosses(
  context: ModelContext,
  inputIds: tf.Tensor,
  hidden: tf.Tensor2D,
): tf.Tensor2D {
  const { batch, seq } = context;
  const next = tf.pad(tf.slice(inputIds as tf.Tensor2D, [0, 1], [batch, seq - 1]), [
    [0, 0],
    [0, 1],
  ]);
  const labels = tf.reshape(next, [batch * seq]) as tf.Tensor1D;
  const losses = tokenLosses({ hidden, embedding: outputEmbedding(context), labels, pieces: 1 });
  return tf.reshape(losses, [batch, seq]);
}

/** Most bytes of logits that are held at a time. */
const PIECE_BYTES = 2 ** 27;

/** Most pieces, and least tokens of a row that can be cut into so many: pieces of `Split` are never empty then. */
const [MOST_PIECES, LEAST_TOKENS] = [8, 64];

/** How many pieces a batch of so many tokens is cut into before the vocabulary: a power of 2. */
export function vocabularyPieces(
  { vocabSize }: { readonly vocabSize: number },
  { batchSize, maxLength }: { readonly batchSize: number; readonly maxLength: number },
): number {
  if (maxLength < LEAST_TOKENS && maxLength % MOST_PIECES !== 0) return 1;
  const wanted = (4 * vocabSize * batchSize * maxLength) / PIECE_BYTES;
  return Math.min(MOST_PIECES, 2 ** Math.max(0, Math.ceil(Math.log2(wanted))));
}
