/**
 * BERT's, RoBERTa's and ELECTRA's encoder (HF `BertModel`, `RobertaModel`, `ElectraModel`; Devlin et al. 2019), as a pure function over
 * tfjs tensors. Letters: B rows of the batch, S their length, E examples (one a row, or several), H hidden size; rows of a matrix are tokens, B S of them.
 */

import { attention } from '../engine/fused.js';
import { assertShape } from '../engine/shape.js';
import * as tf from '../engine/tfjs.js';
import { embeddingSize, type ModelConfig } from './config.js';
import {
  activate,
  closeSubLayer,
  keyMap,
  layerNorm,
  linear,
  type ModelContext,
  withRowsOf,
} from './layers.js';
import { recomputed } from './recompute.js';

interface TokenInputs {
  /** int32 [B, S] */
  readonly inputIds: tf.Tensor;
  /** int32 [B, S] */
  readonly tokenTypeIds: tf.Tensor;
}

/** One example a row, padded on the right: what is evaluated and served. */
export interface PaddedInputs extends TokenInputs {
  /** int32 [B, S], 1 token, 0 padding */
  readonly attentionMask: tf.Tensor;
}

/** Several examples a row, E in the batch: what is trained on. A token attends to its own example. */
export interface PackedInputs extends TokenInputs {
  /** int32 [B, S], place of each token in its example */
  readonly positions: tf.Tensor;
  /** int32 [B, S], number of each token's example, from 1; 0 where there is none */
  readonly segments: tf.Tensor;
  /** int32 [E], index in the rows of each example's first token */
  readonly starts: tf.Tensor;
}

export type EncoderInputs = PaddedInputs | PackedInputs;

const isPacked = (inputs: EncoderInputs): inputs is PackedInputs => 'segments' in inputs;

/** Most negative float32: what Hugging Face adds to the scores of padding. */
const MASKED = -3.4028234663852886e38;

/** 0 where `kept` is true, a large negative number elsewhere. */
const maskedWhereNot = (kept: tf.Tensor): tf.Tensor => tf.mul(tf.sub(1, tf.cast(kept, 'float32')), MASKED);

/** Sum of word, position and token-type embeddings, layer norm, dropout; mapped to H where the embeddings are of another size -> [rows, H]. */
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

/**
 * Position embeddings that broadcast to [B, S, embedding size]. RoBERTa's start after the padding index; its padding has the index itself.
 * In packed rows positions start anew: a product with one-hot rows, whose gradient is a product too, not a scatter.
 */
function positions(context: ModelContext, inputs: EncoderInputs, module: string): tf.Tensor3D {
  const { config, batch, seq } = context;
  const table = context.parameter(`${module}.position_embeddings.weight`);
  const first = config.modelType === 'roberta' ? config.padTokenId + 1 : 0;
  const e = embeddingSize(config);
  const used = tf.slice(table, [first, 0], [seq, e]);
  if (isPacked(inputs)) {
    const places = tf.reshape(inputs.positions, [batch * seq]) as tf.Tensor1D;
    return tf.reshape(tf.matMul(tf.cast(tf.oneHot(places, seq), 'float32') as tf.Tensor2D, used), [
      batch,
      seq,
      e,
    ]);
  }
  const rows = tf.reshape(used, [1, seq, e]) as tf.Tensor3D;
  if (config.modelType !== 'roberta') return rows;
  const real = tf.reshape(tf.cast(inputs.attentionMask, 'float32'), [batch, seq, 1]);
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

/** The first token of each example: [B S, H] -> [E, H], E = B where rows are padded. */
function firstTokens({ batch, seq }: ModelContext, inputs: EncoderInputs, x: tf.Tensor2D): tf.Tensor2D {
  if (isPacked(inputs)) return tf.gather(x, inputs.starts as tf.Tensor1D);
  const h = x.shape[1];
  return tf.reshape(tf.slice(tf.reshape(x, [batch, seq, h]), [0, 0, 0], [batch, 1, h]), [batch, h]);
}

/** Who attends to whom: rows of queries and keys, what is added to their scores, and whose the dropped probabilities are. */
interface Attending {
  readonly queries: tf.Tensor2D;
  /** Matrices of the attention: queries and keys are split into so many. */
  readonly batch: number;
  readonly bias: tf.Tensor;
  readonly dropout: 'attention' | 'first';
}

/** All tokens of a row, to those of their own example. The bias is [B, 1, 1, S], or in packed rows [B, 1, S, S]. */
function allTokens({ batch, seq }: ModelContext, inputs: EncoderInputs, x: tf.Tensor2D): Attending {
  const shape = { batch, seq };
  if (!isPacked(inputs)) {
    assertShape(inputs.attentionMask, shape, 'attentionMask');
    const bias = maskedWhereNot(tf.reshape(inputs.attentionMask, [batch, 1, 1, seq]));
    return { queries: x, batch, bias, dropout: 'attention' };
  }
  assertShape(inputs.segments, shape, 'segments');
  const [of, to] = [
    tf.reshape(inputs.segments, [batch, 1, seq, 1]),
    tf.reshape(inputs.segments, [batch, 1, 1, seq]),
  ];
  return { queries: x, batch, bias: maskedWhereNot(tf.equal(of, to)), dropout: 'attention' };
}

/**
 * The scores of each example's tokens are kept, those of all others masked: float32 [E, B S].
 * @param slots E
 */
export function ownTokens({ segments }: PackedInputs, slots: number): tf.Tensor2D {
  const numbers = tf.tensor2d(
    Int32Array.from({ length: slots }, (_, slot) => slot + 1),
    [slots, 1],
    'int32',
  );
  return maskedWhereNot(tf.equal(numbers, tf.reshape(segments, [1, -1]))) as tf.Tensor2D;
}

/** The first token of each example alone. In packed rows these are E queries to the tokens of all rows. */
function firstOnly(context: ModelContext, inputs: EncoderInputs, x: tf.Tensor2D): Attending {
  const queries = firstTokens(context, inputs, x);
  if (!isPacked(inputs)) return { ...allTokens(context, inputs, x), queries };
  const [slots, tokens] = [queries.shape[0], x.shape[0]];
  const bias = tf.reshape(ownTokens(inputs, slots), [1, 1, slots, tokens]);
  return { queries, batch: 1, bias, dropout: 'first' };
}

/** One block: self-attention and feed-forward, each closed by residual and layer norm. x [rows, H] -> [rows that are read, H]. */
function block(
  context: ModelContext,
  index: number,
  inputs: EncoderInputs,
  x: tf.Tensor2D,
  reads: Reads,
): tf.Tensor2D {
  const { config } = context;
  const module = blockName(config, index);
  const heads = config.numAttentionHeads;
  const first = reads.kind === 'first';
  const { queries, batch, bias, dropout } = (first ? firstOnly : allTokens)(context, inputs, x);
  const q = linear(
    first ? withRowsOf(context, 'examples') : context,
    `${module}.attention.self.query`,
    queries,
  );
  const k = keyMap(context, `${module}.attention.self.key`, x);
  const v = linear(context, `${module}.attention.self.value`, x);
  const maskShape = [batch, heads, queries.shape[0] / batch, x.shape[0] / batch];
  const mask = context.random?.mask(maskShape, config.attentionProbsDropoutProb, dropout);
  const attended = attention(q, k, v, bias, mask, { batch, heads });
  const read = (rows: tf.Tensor2D): tf.Tensor2D =>
    reads.kind === 'rows' ? tf.gather(rows, reads.rows) : rows;
  const reader = reads.kind === 'all' ? context : withRowsOf(context, first ? 'examples' : 'place');
  const middle = closeSubLayer(
    reader,
    `${module}.attention.output`,
    'attention',
    read(attended),
    read(queries),
  );
  const inner = activate(config.hiddenAct, linear(reader, `${module}.intermediate.dense`, middle));
  return closeSubLayer(reader, `${module}.output`, 'feed-forward', inner, middle);
}

/** Hidden states [rows, H] before a block: where an encoder starts whose lower blocks are known already. */
export interface KnownStates {
  readonly block: number;
  readonly hidden: tf.Tensor2D;
}

const blockName = ({ modelType }: ModelConfig, index: number): string =>
  `${modelType}.encoder.layer.${index}`;

const parametersOfBlock = ({ config, parameters }: ModelContext, index: number): string[] =>
  Object.keys(parameters).filter((name) => name.startsWith(`${blockName(config, index)}.`));

/** Hidden states [rows, H] before block `end`. With `known`, of the inputs only what says who attends to whom is read. */
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
  let x = known?.hidden ?? embed(context, inputs);
  for (let index = known?.block ?? 0; index < end; index++) {
    const compute = (within: ModelContext, given: tf.Tensor2D): tf.Tensor2D =>
      block(within, index, inputs, given, { kind: 'all' });
    x = context.gradientCheckpointing
      ? recomputed(context, parametersOfBlock(context, index), x, compute)
      : compute(context, x);
  }
  return x;
}

/** What a block's self-attention is made of, each [rows, H]: what distillation compares. */
export interface AttentionVectors {
  readonly queries: tf.Tensor2D;
  readonly keys: tf.Tensor2D;
  readonly values: tf.Tensor2D;
}

/** @param x [rows, H], the states before the block */
export function attentionVectors(context: ModelContext, index: number, x: tf.Tensor2D): AttentionVectors {
  const of = (map: string): tf.Tensor2D =>
    linear(context, `${blockName(context.config, index)}.attention.self.${map}`, x);
  return { queries: of('query'), keys: of('key'), values: of('value') };
}

/** The last hidden states that are read: [B S, H], [E, H] or [N, H]. */
export function encode(
  context: ModelContext,
  inputs: EncoderInputs,
  reads: Reads,
  known?: KnownStates,
): tf.Tensor2D {
  const last = context.config.numHiddenLayers - 1;
  const x = statesBefore(context, inputs, last, known);
  return block(context, last, inputs, x, reads);
}
