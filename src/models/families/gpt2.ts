/**
 * GPT-2 (Radford et al. 2019; HF `GPT2Model`): learned positions, norms before the sub-layers, query, key and value in one map, weights
 * as `Conv1D` has them, [in, out].
 */
import { attention, stopGradient } from '../../engine/fused.js';
import { geluTanh } from '../../engine/fused-decoder.js';
import * as tf from '../../engine/tfjs.js';
import * as z from '../../schema.js';
import { blockReads, dropoutMask } from '../attending.js';
import type { Gpt2Config } from '../config.js';
import { checkHeads, count, parseFields, rate, sharedFields } from '../config-fields.js';
import { positionRows, tokenRows } from '../embeddings.js';
import { type Family, likeBlocks, type ReadConfig } from '../family.js';
import type { ModelInputs, Reads } from '../inputs.js';
import { activate, adapted, conv1d, layerNorm, linear, type ModelContext, vector } from '../layers.js';
import { embedding, linearMap, type Module, norm } from '../modules.js';
import { withPast } from '../past.js';
import {
  decoderArchitecture,
  decoderFields,
  decoderHead,
  decoderHeadCounts,
  OUTPUT_MODULE,
  refuse,
  specialTokens,
  specialTokensJson,
} from './decoder.js';

const fieldsSchema = z.object({
  ...sharedFields,
  ...decoderFields,
  vocab_size: count.default(50257),
  n_positions: count.default(1024),
  n_embd: count.default(768),
  n_layer: count.default(12),
  n_head: count.default(12),
  n_inner: count.nullish(),
  activation_function: z.enum(['gelu', 'gelu_new', 'relu', 'tanh', 'silu']).default('gelu_new'),
  resid_pdrop: rate.default(0.1),
  embd_pdrop: rate.default(0.1),
  attn_pdrop: rate.default(0.1),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  initializer_range: z.number().positive().default(0.02),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  add_cross_attention: z.boolean().default(false),
});

function readGpt2Config(json: unknown, path: string): ReadConfig<Gpt2Config> {
  const raw = parseFields(json, fieldsSchema, path);
  checkHeads(raw.n_embd, raw.n_head, path, ['n_embd', 'n_head']);
  refuse(path, [
    [!raw.scale_attn_weights, 'scale_attn_weights false is not supported'],
    [raw.scale_attn_by_inverse_layer_idx, 'scale_attn_by_inverse_layer_idx true is not supported'],
    [raw.add_cross_attention, 'add_cross_attention true is not supported'],
  ]);
  const config: Gpt2Config = {
    modelType: 'gpt2',
    vocabSize: raw.vocab_size,
    hiddenSize: raw.n_embd,
    numHiddenLayers: raw.n_layer,
    numAttentionHeads: raw.n_head,
    intermediateSize: raw.n_inner ?? 4 * raw.n_embd,
    hiddenAct: raw.activation_function,
    maxPositionEmbeddings: raw.n_positions,
    layerNormEps: raw.layer_norm_epsilon,
    hiddenDropoutProb: raw.resid_pdrop,
    embeddingDropoutProb: raw.embd_pdrop,
    attentionProbsDropoutProb: raw.attn_pdrop,
    initializerRange: raw.initializer_range,
    ...specialTokens(raw),
    ...(raw.tie_word_embeddings === false ? { tieWordEmbeddings: false as const } : {}),
  };
  return { fields: raw, config };
}

const configJson = (config: Gpt2Config): Record<string, unknown> => ({
  model_type: 'gpt2',
  vocab_size: config.vocabSize,
  n_positions: config.maxPositionEmbeddings,
  n_embd: config.hiddenSize,
  n_layer: config.numHiddenLayers,
  n_head: config.numAttentionHeads,
  n_inner: config.intermediateSize,
  activation_function: config.hiddenAct,
  resid_pdrop: config.hiddenDropoutProb,
  embd_pdrop: config.embeddingDropoutProb,
  attn_pdrop: config.attentionProbsDropoutProb,
  layer_norm_epsilon: config.layerNormEps,
  initializer_range: config.initializerRange,
  ...specialTokensJson(config),
  tie_word_embeddings: config.tieWordEmbeddings !== false,
});

const blockName = (index: number): string => `transformer.h.${index}`;
const FINAL = 'transformer.ln_f';

function blockModules(index: number, c: Gpt2Config): Module[] {
  const place = { kind: 'block', index } as const;
  const [module, h, i] = [blockName(index), c.hiddenSize, c.intermediateSize];
  const layout = 'in-out' as const;
  // HF `_init_weights`, after the GPT-2 paper: the maps that are added up over the blocks begin smaller.
  const deviation = c.initializerRange / Math.sqrt(2 * c.numHiddenLayers);
  return [
    norm(`${module}.ln_1`, h, place),
    linearMap(`${module}.attn.c_attn`, 3 * h, h, place, { layout }),
    linearMap(`${module}.attn.c_proj`, h, h, place, { layout, deviation }),
    norm(`${module}.ln_2`, h, place),
    linearMap(`${module}.mlp.c_fc`, i, h, place, { layout }),
    linearMap(`${module}.mlp.c_proj`, h, i, place, { layout, deviation }),
  ];
}

const PLAIN = ['attn.attn_dropout', 'attn.resid_dropout', 'mlp.act', 'mlp.dropout'];

type Context = ModelContext<Gpt2Config>;

function embed(context: Context, inputs: ModelInputs): tf.Tensor2D {
  const { config, batch, seq } = context;
  const h = config.hiddenSize;
  const words = tf.reshape(tokenRows(context, 'transformer.wte.weight', inputs), [batch, seq, h]);
  const summed = tf.add(words, positionRows(context, 'transformer.wpe.weight', inputs));
  return context.dropout(tf.reshape(summed, [batch * seq, h]), config.embeddingDropoutProb);
}

/**
 * Query, key and value of all tokens, [rows, H] each. The key's part of the bias takes no gradient, which is exactly 0: see `keyMap`.
 */
function queryKeyValue(context: Context, module: string, x: tf.Tensor2D): tf.Tensor2D[] {
  const h = context.config.hiddenSize;
  const [q, k, v] = tf.split(vector(context, `${module}.bias`), 3) as [tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
  const bias = tf.concat1d([q, stopGradient(k), v]);
  return tf.split(conv1d(context, module, x, bias), [h, h, h], 1);
}

/** x + dropout(map(h)), with the adapter hook before the sum. @param module of the sub-layer, whose last map is `c_proj` */
function closeSubLayer(
  context: Context,
  module: string,
  subLayer: 'attention' | 'feed-forward',
  h: tf.Tensor2D,
  residual: tf.Tensor2D,
): tf.Tensor2D {
  const projected = context.dropout(conv1d(context, `${module}.c_proj`, h), context.config.hiddenDropoutProb);
  return tf.add(residual, adapted(context, module, subLayer, projected));
}

function block(
  context: Context,
  index: number,
  inputs: ModelInputs,
  x: tf.Tensor2D,
  reads: Reads,
): tf.Tensor2D {
  const { config } = context;
  const [module, heads] = [blockName(index), config.numAttentionHeads];
  const { asking, read, reader, batch, dropout, bias } = blockReads(context, inputs, reads, true);
  const normed = layerNorm(context, `${module}.ln_1`, x);
  const [all, k, v] = queryKeyValue(context, `${module}.attn.c_attn`, normed) as [
    tf.Tensor2D,
    tf.Tensor2D,
    tf.Tensor2D,
  ];
  const q = asking(all);
  const mask = dropoutMask(context, { batch, dropout }, q, x);
  const [keys, values] = withPast(context, `${module}.attn`, k, v);
  const attended = attention(q, keys, values, bias(), mask, { batch, heads });
  const rest = reader(context);
  const middle = closeSubLayer(rest, `${module}.attn`, 'attention', read(attended), read(asking(x)));
  const inner = conv1d(rest, `${module}.mlp.c_fc`, layerNorm(rest, `${module}.ln_2`, middle));
  // Encoders with this activation keep the numbers of their composed form.
  const active = config.hiddenAct === 'gelu_new' ? geluTanh(inner) : activate(config.hiddenAct, inner);
  return closeSubLayer(rest, `${module}.mlp`, 'feed-forward', active, middle);
}

export const gpt2: Family<Gpt2Config> = {
  ...{ className: 'GPT2', pooler: undefined, tokenTypes: false, causal: true },
  architecture: decoderArchitecture('GPT2', 'LMHeadModel'),
  readConfig: readGpt2Config,
  configJson,
  longestRow: ({ maxPositionEmbeddings }) => maxPositionEmbeddings,
  withDropout: (config, rate) => ({
    ...config,
    ...{ hiddenDropoutProb: rate, embeddingDropoutProb: rate, attentionProbsDropoutProb: rate },
  }),
  modules: (config, head) => [
    embedding('transformer.wte', config.vocabSize, config.hiddenSize, { kind: 'embeddings' }),
    embedding('transformer.wpe', config.maxPositionEmbeddings, config.hiddenSize, { kind: 'embeddings' }),
    ...Array.from({ length: config.numHiddenLayers }, (_, index) => blockModules(index, config)).flat(),
    norm(FINAL, config.hiddenSize, { kind: 'final' }),
    ...decoderHead(config, head),
  ],
  plainModules: (config, head) => [
    'transformer.drop',
    ...Array.from({ length: config.numHiddenLayers }, (_, index) =>
      PLAIN.map((name) => `${blockName(index)}.${name}`),
    ).flat(),
    ...(head.kind === 'causal-lm' ? [OUTPUT_MODULE] : []),
  ],
  blockName: (_, index) => blockName(index),
  subLayers: (_, index) => [
    { module: `${blockName(index)}.attn`, kind: 'attention', index },
    { module: `${blockName(index)}.mlp`, kind: 'feed-forward', index },
  ],
  placeCounts(config, head) {
    const { hiddenSize: h, intermediateSize: i } = config;
    return {
      embeddings: (config.vocabSize + config.maxPositionEmbeddings) * h,
      blocks: likeBlocks(config, 4 * (h * h + h) + 2 * h + (h * i + i) + (i * h + h) + 2 * h),
      ...decoderHeadCounts(config, head, 2 * h),
    };
  },
  loraTargets: ['c_attn'],
  // Query, key and value share one bias.
  queryAndIntermediate: undefined,
  prefix: 'transformer',
  bareNames: /^(?:wte|wpe|h|ln_f)\./,
  canonicalName: (stored) => stored,
  // The causal mask of old files.
  buffers: /\.attn\.(?:masked_)?bias$/,
  wordEmbedding: () => 'transformer.wte.weight',
  outputEmbedding: `${OUTPUT_MODULE}.weight`,
  embed,
  block,
  finish: (context, x) => layerNorm(context, FINAL, x),
  classify: (context, last) => linear(context, 'score', last),
};
