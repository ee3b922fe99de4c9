/** What sits on the encoder, and the losses. B batch, S sequence length, H hidden size, C labels. */
import * as tf from '@tensorflow/tfjs';
import { crossEntropy, linear } from '../engine/fused.js';
import type { HeadSpec } from './config.js';
import type { Reads } from './encoder.js';
import { activate, dense, layerNorm, type ModelContext } from './layers.js';

/** The heads that a task is fine-tuned with. */
export type TaskHead = Exclude<HeadSpec, { kind: 'masked-lm' }>;

/**
 * Vocabulary logits of tokens (HF `BertForMaskedLM`). In training only chosen tokens come here.
 * @param rows hidden states [N, H] @returns [N, vocabulary]
 */
export function maskedLmLogits(context: ModelContext, rows: tf.Tensor2D): tf.Tensor2D {
  const inner = activate(context.config.hiddenAct, dense(context, 'cls.predictions.transform.dense', rows));
  const normed = layerNorm(context, 'cls.predictions.transform.LayerNorm', inner);
  const words = context.parameter(`${context.config.modelType}.embeddings.word_embeddings.weight`);
  return linear(normed, words, context.parameter('cls.predictions.bias') as unknown as tf.Tensor1D);
}

/** HF `BertPooler`: first tokens [B, H] -> [B, H]. */
const pool = (context: ModelContext, first: tf.Tensor2D): tf.Tensor2D =>
  tf.tanh(dense(context, 'bert.pooler.dense', first));

/** Next-sentence logits (HF `BertForPreTraining`): first tokens [B, H] -> [B, 2]; class 0: the second segment follows the first. */
export const nextSentenceLogits = (context: ModelContext, first: tf.Tensor2D): tf.Tensor2D =>
  dense(context, 'cls.seq_relationship', pool(context, first));

/**
 * HF `BertForSequenceClassification` (pooler, dropout, classifier), `RobertaClassificationHead` and `ElectraClassificationHead`, which
 * has a GELU where RoBERTa's has tanh: first [B, H] -> [B, C].
 */
function classify(context: ModelContext, first: tf.Tensor2D): tf.Tensor2D {
  const rate = context.config.hiddenDropoutProb;
  const type = context.config.modelType;
  if (type !== 'bert') {
    const inner = dense(context, 'classifier.dense', context.dropout(first, rate));
    const active = activate(type === 'electra' ? 'gelu' : 'tanh', inner);
    return dense(context, 'classifier.out_proj', context.dropout(active, rate));
  }
  return dense(context, 'classifier', context.dropout(pool(context, first), rate));
}

/** The hidden states that the head takes from the encoder. */
export const readsOf = (head: HeadSpec): Reads => ({
  kind: head.kind === 'classification' ? 'first' : 'all',
});

/**
 * Logits of the head over the hidden states it reads: classification and regression [B, C]; span [2, B, S], start then end (HF `BertForQuestionAnswering`).
 */
export function headLogits(context: ModelContext, head: TaskHead, hidden: tf.Tensor2D): tf.Tensor {
  if (head.kind === 'classification') return classify(context, hidden);
  const logits = tf.reshape(dense(context, 'qa_outputs', hidden), [context.batch, context.seq, 2]);
  return tf.transpose(logits, [2, 0, 1]);
}

/** Taken from a padding token's logit: its share of the softmax is then exactly 0 in float32. */
const PADDING_SCORE = 1e9;

/**
 * Mean loss over the weighted examples.
 * Deviation: HF's span softmax runs over padding too (`run_qa` pads every row to one length). Ours leaves padding out, so that the
 * loss does not depend on the length that a batch happens to be padded to; on rows without padding both are the same.
 * @param labels classification int32 [B]; regression float32 [B]; span int32 [2, B], start then end token
 * @param weights [B], summing to 1: 0 for rows that only fill the batch
 * @param mask int32 [B, S], 1 for a token, 0 for padding: read by the span loss
 */
export function headLoss(
  head: TaskHead,
  logits: tf.Tensor,
  labels: tf.Tensor,
  weights: tf.Tensor1D,
  mask: tf.Tensor,
): tf.Scalar {
  if (head.kind === 'span') {
    const [, batch, seq] = logits.shape as [number, number, number];
    const padding = tf.mul(tf.sub(tf.cast(mask, 'float32'), 1), PADDING_SCORE);
    const both = tf.reshape(tf.add(logits, padding), [2 * batch, seq]) as tf.Tensor2D;
    const half = tf.mul(weights, 0.5) as tf.Tensor1D;
    const halves = tf.concat1d([half, half]);
    return crossEntropy(both, tf.reshape(labels, [2 * batch]), halves);
  }
  if (head.numLabels === 1) {
    const difference = tf.sub(tf.reshape(logits, [logits.shape[0] as number]), labels);
    return tf.sum(tf.mul(tf.square(difference), weights));
  }
  return crossEntropy(logits as tf.Tensor2D, labels as tf.Tensor1D, weights);
}
