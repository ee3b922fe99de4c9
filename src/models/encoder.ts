/**
 * BERT's, RoBERTa's and ELECTRA's encoder (HF `BertModel`, `RobertaModel`, `ElectraModel`; Devlin et al. 2019), as a pure function over
 * tfjs tensors. Letters: B batch, S sequence length, H hidden size, E embedding size (H but for ELECTRA small); rows = B S.
 */
import * as tf from '@tensorflow/tfjs';
import { attention } from '../engine/fused.js';
import { assertShape } from '../engine/shape.js';
import { embeddingSize } from './config.js';
import { activate, closeSubLayer, dense, keyMap, layerNorm, linear, type ModelContext } from './layers.js';

export interface EncoderInputs {
  /** int32 [B, S] */
  readonly inputIds: tf.Tensor;
  /** int32 [B, S], 1 token, 0 padding; padding is on the right */
  readonly attentionMask: tf.Tensor;
  /** int32 [B, S] */
  readonly tokenTypeIds: tf.Tensor;
}

/** Most negative float32: what Hugging Face adds to the scores of padding. */
const MASKED = -3.4028234663852886e38;

/** Sum of word, position and token-type embeddings, layer norm, dropout; mapped from E to H where they differ -> [rows, H]. */
function embed(context: ModelContext, inputs: EncoderInputs): tf.Tensor2D {
  const { config, batch, seq } = context;
  const module = `${config.modelType}.embeddings`;
  const e = embeddingSize(config);
  const words = tf.gather(
    context.parameter(`${module}.word_embeddings.weight`),
    tf.reshape(inputs.inputIds, [batch * seq]),
  );
  const types = context.parameter(`${module}.token_type_embeddings.weight`);
  // A product with one-hot rows instead of a look-up: its gradient is a product too, not a scatter.
  const oneHot =
    config.typeVocabSize === 1
      ? tf.ones([batch * seq, 1])
      : tf
          .oneHot(tf.reshape(inputs.tokenTypeIds, [batch * seq]) as tf.Tensor1D, config.typeVocabSize)
          .toFloat();
  const typed = tf.add(words, tf.matMul(oneHot as tf.Tensor2D, types));
  const summed = tf.add(tf.reshape(typed, [batch, seq, e]), positions(context, inputs, module));
  const normed = layerNorm(context, `${module}.LayerNorm`, tf.reshape(summed, [batch * seq, e]));
  const embedded = context.dropout(normed, config.hiddenDropoutProb);
  return e === config.hiddenSize
    ? embedded
    : dense(context, `${config.modelType}.embeddings_project`, embedded);
}

/** Position embeddings that broadcast to [B, S, E]. RoBERTa's start after the padding index; its padding has the index itself. */
function positions(context: ModelContext, inputs: EncoderInputs, module: string): tf.Tensor3D {
  const { config, batch, seq } = context;
  const table = context.parameter(`${module}.position_embeddings.weight`);
  const first = config.modelType === 'roberta' ? config.padTokenId + 1 : 0;
  const e = embeddingSize(config);
  const rows = tf.reshape(tf.slice(table, [first, 0], [seq, e]), [1, seq, e]) as tf.Tensor3D;
  if (config.modelType !== 'roberta') return rows;
  const real = tf.reshape(inputs.attentionMask.toFloat(), [batch, seq, 1]);
  const padding = tf.reshape(tf.slice(table, [config.padTokenId, 0], [1, e]), [1, 1, e]);
  return tf.add(tf.mul(rows, real), tf.mul(padding, tf.sub(1, real))) as tf.Tensor3D;
}

/**
 * Which of the last hidden states the head reads. The last block computes keys and values of every token, and everything else of
 * these rows only: the same numbers as HF's, without 5/6 of that block for a classifier.
 */
export type Reads =
  | { readonly kind: 'all' }
  /** The first token of each example. */
  | { readonly kind: 'first' }
  /** int32 [N], indices into the rows. */
  | { readonly kind: 'rows'; readonly rows: tf.Tensor1D };

/** [B S, H] -> [B, H] */
function firstTokens({ batch, seq }: ModelContext, x: tf.Tensor2D): tf.Tensor2D {
  const h = x.shape[1];
  return tf.reshape(tf.slice(tf.reshape(x, [batch, seq, h]), [0, 0, 0], [batch, 1, h]), [batch, h]);
}

/** One block: self-attention and feed-forward, each closed by residual and layer norm. x [rows, H] -> [rows that are read, H]. */
function block(
  context: ModelContext,
  index: number,
  x: tf.Tensor2D,
  bias: tf.Tensor,
  reads: Reads,
): tf.Tensor2D {
  const { config, batch, seq } = context;
  const module = `${config.modelType}.encoder.layer.${index}`;
  const heads = config.numAttentionHeads;
  const queries = reads.kind === 'first' ? firstTokens(context, x) : x;
  const q = linear(context, `${module}.attention.self.query`, queries);
  const k = keyMap(context, `${module}.attention.self.key`, x);
  const v = linear(context, `${module}.attention.self.value`, x);
  const maskShape = [batch, heads, queries.shape[0] / batch, seq];
  const mask = context.random?.mask(maskShape, config.attentionProbsDropoutProb);
  const attended = attention(q, k, v, bias, mask, { batch, heads });
  const read = (rows: tf.Tensor2D): tf.Tensor2D =>
    reads.kind === 'rows' ? tf.gather(rows, reads.rows) : rows;
  const middle = closeSubLayer(
    context,
    `${module}.attention.output`,
    'attention',
    read(attended),
    read(queries),
  );
  const inner = activate(config.hiddenAct, linear(context, `${module}.intermediate.dense`, middle));
  return closeSubLayer(context, `${module}.output`, 'feed-forward', inner, middle);
}

/** Hidden states [rows, H] before a block: where an encoder starts whose lower blocks are known already. */
export interface KnownStates {
  readonly block: number;
  readonly hidden: tf.Tensor2D;
}

/** What is added to the scores of keys: 0, or for padding a large negative number. [B, 1, 1, S] */
function attentionBias(
  { batch, seq }: ModelContext,
  { attentionMask }: Pick<EncoderInputs, 'attentionMask'>,
): tf.Tensor {
  assertShape(attentionMask, { batch, seq }, 'attentionMask');
  return tf.mul(tf.sub(1, tf.reshape(attentionMask.toFloat(), [batch, 1, 1, seq])), MASKED);
}

/** Hidden states [rows, H] before block `end`. With `known`, of the inputs only the attention mask is read. */
export function statesBefore(
  context: ModelContext,
  inputs: EncoderInputs,
  end: number,
  known?: KnownStates,
): tf.Tensor2D {
  const { batch, seq } = context;
  if (!known) {
    assertShape(inputs.inputIds, { batch, seq }, 'inputIds');
    assertShape(inputs.tokenTypeIds, { batch, seq }, 'tokenTypeIds');
  }
  const bias = attentionBias(context, inputs);
  let x = known?.hidden ?? embed(context, inputs);
  for (let index = known?.block ?? 0; index < end; index++)
    x = block(context, index, x, bias, { kind: 'all' });
  return x;
}

/** The last hidden states that are read: [B S, H], [B, H] or [N, H]. */
export function encode(
  context: ModelContext,
  inputs: EncoderInputs,
  reads: Reads,
  known?: KnownStates,
): tf.Tensor2D {
  const last = context.config.numHiddenLayers - 1;
  const x = statesBefore(context, inputs, last, known);
  return block(context, last, x, attentionBias(context, inputs), reads);
}
