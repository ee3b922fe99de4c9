/**
 * What BERT, RoBERTa and ELECTRA share (HF `BertModel`, `RobertaModel`, `ElectraModel`; Devlin et al. 2019), as pure functions over
 * tfjs tensors. Letters: B rows of the batch, S their length, H hidden size; rows of a matrix are tokens, B S of them.
 */

import { attention } from '../engine/fused.js';
import * as tf from '../engine/tfjs.js';
import { blockReads, dropoutMask } from './attending.js';
import { type EncoderConfig, embeddingSize } from './config.js';
import { positionRows, tokenRows } from './embeddings.js';
import { isPacked, type ModelInputs, type Reads } from './inputs.js';
import { activate, adapted, keyMap, layerNorm, linear, type ModelContext } from './layers.js';

type Context = ModelContext<EncoderConfig>;

/** Sum of word, position and token-type embeddings, layer norm, dropout; mapped to H where the embeddings are of another size -> [rows, H]. */
export function embedTokens(context: Context, inputs: ModelInputs): tf.Tensor2D {
  const { config, batch, seq } = context;
  const module = `${config.modelType}.embeddings`;
  const e = embeddingSize(config);
  const words = tokenRows(context, `${module}.word_embeddings.weight`, inputs);
  const types = context.parameter(`${module}.token_type_embeddings.weight`);
  // A product with one-hot rows instead of a look-up: its gradient is a product too, not a scatter.
  const oneHot =
    config.typeVocabSize === 1
      ? tf.ones([batch * seq, 1])
      : tf.cast(
          tf.oneHot(tf.reshape(inputs.tokenTypeIds, [batch * seq]) as tf.Tensor1D, config.typeVocabSize),
          'float32',
        );
  const typed = tf.add(words, tf.matMul(oneHot as tf.Tensor2D, types));
  const summed = tf.add(tf.reshape(typed, [batch, seq, e]), positions(context, inputs, module));
  const normed = layerNorm(context, `${module}.LayerNorm`, tf.reshape(summed, [batch * seq, e]));
  const embedded = context.dropout(normed, config.hiddenDropoutProb);
  return e === config.hiddenSize
    ? embedded
    : linear(context, `${config.modelType}.embeddings_project`, embedded);
}

/** Position embeddings that broadcast to [B, S, embedding size]. RoBERTa's start after the padding index; its padding has the index itself. */
function positions(context: Context, inputs: ModelInputs, module: string): tf.Tensor3D {
  const { config, batch, seq } = context;
  const name = `${module}.position_embeddings.weight`;
  const first = config.modelType === 'roberta' ? config.padTokenId + 1 : 0;
  const rows = positionRows(context, name, inputs, first);
  if (isPacked(inputs) || config.modelType !== 'roberta') return rows;
  const e = embeddingSize(config);
  const real = tf.reshape(tf.cast(inputs.attentionMask, 'float32'), [batch, seq, 1]);
  const padding = tf.reshape(tf.slice(context.parameter(name), [config.padTokenId, 0], [1, e]), [1, 1, e]);
  return tf.add(tf.mul(rows, real), tf.mul(padding, tf.sub(1, real))) as tf.Tensor3D;
}

/** One block: self-attention and feed-forward, each closed by residual and layer norm. x [rows, H] -> [rows that are read, H]. */
export function encoderBlock(
  context: Context,
  module: string,
  inputs: ModelInputs,
  x: tf.Tensor2D,
  reads: Reads,
): tf.Tensor2D {
  const { config } = context;
  const heads = config.numAttentionHeads;
  const { asking, read, asker, reader, batch, dropout, bias } = blockReads(context, inputs, reads, false);
  const queries = asking(x);
  const masked = bias();
  const q = linear(asker(context), `${module}.attention.self.query`, queries);
  const k = keyMap(context, `${module}.attention.self.key`, x);
  const v = linear(context, `${module}.attention.self.value`, x);
  const mask = dropoutMask(context, { batch, dropout }, queries, x);
  const attended = attention(q, k, v, masked, mask, { batch, heads });
  const rest = reader(context);
  const middle = closeSubLayer(
    rest,
    `${module}.attention.output`,
    'attention',
    read(attended),
    read(queries),
  );
  const inner = activate(config.hiddenAct, linear(rest, `${module}.intermediate.dense`, middle));
  return closeSubLayer(rest, `${module}.output`, 'feed-forward', inner, middle);
}

/**
 * Dense map, dropout, adapter hook, residual, layer norm (HF `BertSelfOutput` and `BertOutput`).
 * @param h [rows, in] the sub-layer's inner result @param residual [rows, hidden] its input
 */
function closeSubLayer(
  context: Context,
  module: string,
  subLayer: 'attention' | 'feed-forward',
  h: tf.Tensor2D,
  residual: tf.Tensor2D,
): tf.Tensor2D {
  const projected = context.dropout(linear(context, `${module}.dense`, h), context.config.hiddenDropoutProb);
  const closed = adapted(context, module, subLayer, projected);
  return layerNorm(context, `${module}.LayerNorm`, tf.add(closed, residual));
}

/** What a block's self-attention is made of, each [rows, H]: what distillation compares. */
export interface AttentionVectors {
  readonly queries: tf.Tensor2D;
  readonly keys: tf.Tensor2D;
  readonly values: tf.Tensor2D;
}

/** @param x [rows, H], the states before the block @param module of the block */
export function attentionVectors(context: ModelContext, module: string, x: tf.Tensor2D): AttentionVectors {
  const of = (map: string): tf.Tensor2D => linear(context, `${module}.attention.self.${map}`, x);
  return { queries: of('query'), keys: of('key'), values: of('value') };
}
