/** What sits on the blocks, and the losses. B rows, S their length, E examples, H hidden size, C labels. */

import * as fused from '../engine/fused.js';
import * as tf from '../engine/tfjs.js';
import { ownTokens } from './attending.js';
import type { EncoderConfig, HeadSpec, ModelConfig } from './config.js';
import { pool } from './families/bert.js';
import { familyOf } from './families.js';
import type { PackedInputs, Reads } from './inputs.js';
import { activate, layerNorm, linear, type ModelContext, vector, withRowsOf } from './layers.js';

/** The heads that a task is fine-tuned with. */
export type TaskHead = Exclude<HeadSpec, { kind: 'masked-lm' }>;

/** Those whose examples have a label each, and logits of their own; the next token's are the vocabulary's. */
export type LabelledHead = Exclude<TaskHead, { kind: 'causal-lm' | 'seq2seq-lm' }>;

/** The table that gives the vocabulary's logits [vocabulary, H]: the word embedding, unless the model has one of its own. */
export function outputEmbedding(context: ModelContext): tf.Tensor2D {
  const { config } = context;
  const family = familyOf(config);
  return context.parameter(
    config.tieWordEmbeddings === false ? family.outputEmbedding : family.wordEmbedding(config),
  );
}

/**
 * Vocabulary logits of tokens (HF `BertForMaskedLM`). In training only chosen tokens come here.
 * @param rows hidden states [N, H] @returns [N, vocabulary]
 */
export function maskedLmLogits(context: ModelContext, rows: tf.Tensor2D): tf.Tensor2D {
  // Encoders alone have this head.
  const encoder = context as ModelContext<EncoderConfig>;
  const inner = activate(encoder.config.hiddenAct, linear(encoder, 'cls.predictions.transform.dense', rows));
  const normed = layerNorm(encoder, 'cls.predictions.transform.LayerNorm', inner);
  return fused.linear(normed, outputEmbedding(context), vector(context, 'cls.predictions.bias'));
}

/** Next-sentence logits (HF `BertForPreTraining`): first tokens [E, H] -> [E, 2]; class 0: the second segment follows the first. */
export const nextSentenceLogits = (context: ModelContext, first: tf.Tensor2D): tf.Tensor2D =>
  linear(context, 'cls.seq_relationship', pool(context, first));

/** The hidden states that the head takes from the blocks. */
export const readsOf = (config: ModelConfig, head: HeadSpec): Reads => ({
  kind: head.kind !== 'classification' ? 'all' : familyOf(config).causal ? 'last' : 'first',
});

/**
 * Logits of the head over the hidden states it reads: classification and regression [E, C]; span [2, B S], the starts of all tokens,
 * then their ends (HF `BertForQuestionAnswering`).
 */
export function headLogits(context: ModelContext, head: LabelledHead, hidden: tf.Tensor2D): tf.Tensor2D {
  if (head.kind === 'classification')
    return familyOf(context.config).classify(withRowsOf(context, 'examples'), hidden);
  return tf.transpose(linear(context, 'qa_outputs', hidden), [1, 0]);
}

/**
 * Sigmoid cross-entropy, mean over the classes (PyTorch `BCEWithLogitsLoss`), as the softmax one of the two logits 0 and x.
 * @param logits [E, C] @param labels [E, C] @param weights [E]
 */
function sigmoidLoss(logits: tf.Tensor2D, labels: tf.Tensor, weights: tf.Tensor1D): tf.Scalar {
  const [examples, classes] = logits.shape;
  const yes = tf.reshape(logits, [examples * classes, 1]);
  const each = tf.tile(tf.reshape(tf.div(weights, classes), [examples, 1]), [1, classes]);
  return fused.crossEntropy(
    tf.concat([tf.zerosLike(yes), yes], 1) as tf.Tensor2D,
    tf.reshape(labels, [examples * classes]),
    tf.reshape(each, [examples * classes]),
  );
}

/**
 * Cross-entropy with soft targets: smoothed labels and weighted classes (PyTorch `CrossEntropyLoss`).
 * @param logits [E, C] @param targets [E, C], the mean's weights in them: 0 in slots without an example
 */
export const softTargetLoss = (logits: tf.Tensor2D, targets: tf.Tensor2D): tf.Scalar =>
  tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), targets))) as tf.Scalar;

/**
 * Mean loss over the weighted examples.
 * Deviation: HF's span softmax runs over padding too (`run_qa` pads every row to one length). Ours runs over an example's own tokens, so
 * that the loss does not depend on what else is in the batch; on rows without padding both are the same.
 * @param labels classification int32 [E]; multi-label int32 [E, C], 0 or 1; regression float32 [E]; span int32 [2, E], index in the rows of first and last token
 * @param weights [E], summing to 1: 0 for slots without an example
 */
export function headLoss(
  head: LabelledHead,
  logits: tf.Tensor2D,
  labels: tf.Tensor,
  weights: tf.Tensor1D,
  inputs: PackedInputs,
): tf.Scalar {
  if (head.kind === 'span') {
    const [slots, tokens] = [weights.shape[0], logits.shape[1]];
    const own = tf.reshape(ownTokens(inputs, slots), [1, slots, tokens]);
    const both = tf.add(tf.reshape(logits, [2, 1, tokens]), own);
    const half = tf.mul(weights, 0.5) as tf.Tensor1D;
    return fused.crossEntropy(
      tf.reshape(both, [2 * slots, tokens]),
      tf.reshape(labels, [2 * slots]),
      tf.concat1d([half, half]),
    );
  }
  if (head.multiLabel) return sigmoidLoss(logits, labels, weights);
  if (head.numLabels === 1) {
    const difference = tf.sub(tf.reshape(logits, [logits.shape[0]]), labels);
    return tf.sum(tf.mul(tf.square(difference), weights));
  }
  return fused.crossEntropy(logits, labels as tf.Tensor1D, weights);
}
