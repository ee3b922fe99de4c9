/**
 * LLaMA (Touvron et al. 2023; HF `LlamaModel`): RMS norms before the sub-layers, rotary positions, fewer heads of keys than of queries,
 * SwiGLU, no biases. Qwen2 (HF `Qwen2Model`) is the same with biases of query, key and value; SmolLM2 is a LLaMA.
 */
import { z } from 'zod';
import { attention } from '../../engine/fused.js';
import { rmsNorm, rotary, swiglu } from '../../engine/fused-decoder.js';
import * as tf from '../../engine/tfjs.js';
import { DataError } from '../../errors.js';
import { blockReads } from '../attending.js';
import type { LlamaConfig, LlamaType, RopeScaling } from '../config.js';
import { checkHeads, count, parseFields, rate, sharedFields } from '../config-fields.js';
import { tokenRows } from '../embeddings.js';
import type { Family, ReadConfig } from '../family.js';
import type { ModelInputs, Reads } from '../inputs.js';
import { adapted, linear, type ModelContext, vector } from '../layers.js';
import { embedding, linearMap, type Module, norm } from '../modules.js';
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
import { rotaryAngles } from './rotary.js';

const ropeSchema = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: count.optional(),
  partial_rotary_factor: z.number().optional(),
});

const fieldsSchema = z.object({
  ...sharedFields,
  ...decoderFields,
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  hidden_act: z.string().default('silu'),
  max_position_embeddings: count.default(2048),
  initializer_range: z.number().positive().default(0.02),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  attention_dropout: rate.default(0),
  sliding_window: z.number().nullish(),
  use_sliding_window: z.boolean().nullish(),
  layer_types: z.array(z.string()).nullish(),
  num_local_experts: z.number().nullish(),
  num_experts: z.number().nullish(),
});
type Fields = z.infer<typeof fieldsSchema>;

/**
 * Files of transformers 5 have `rope_parameters`, earlier ones `rope_theta` and `rope_scaling`. `dynamic` scaling changes nothing within the
 * model's positions, and longer rows are refused.
 * @throws DataError for another scaling
 */
function ropeOf(raw: Fields, path: string): Pick<LlamaConfig, 'ropeTheta' | 'ropeScaling'> {
  const scaling = raw.rope_parameters ?? raw.rope_scaling ?? {};
  const ropeTheta = scaling.rope_theta ?? raw.rope_theta ?? 10000;
  const kind = scaling.rope_type ?? scaling.type ?? 'default';
  if ((scaling.partial_rotary_factor ?? 1) !== 1)
    throw new DataError(`${path}: partial_rotary_factor ${scaling.partial_rotary_factor} is not supported`);
  if (kind === 'default' || kind === 'dynamic') return { ropeTheta };
  const wanted = <T>(value: T | undefined, field: string): T => {
    if (value === undefined) throw new DataError(`${path}: rope scaling '${kind}' wants ${field}`);
    return value;
  };
  const factor = (): number => wanted(scaling.factor, 'factor');
  if (kind === 'linear') return { ropeTheta, ropeScaling: { kind, factor: factor() } };
  if (kind !== 'llama3')
    throw new DataError(
      `${path}: rope scaling '${kind}' is not supported; supported: default, linear, dynamic, llama3`,
    );
  return {
    ropeTheta,
    ropeScaling: {
      ...{ kind, factor: factor() },
      lowFrequencyFactor: wanted(scaling.low_freq_factor, 'low_freq_factor'),
      highFrequencyFactor: wanted(scaling.high_freq_factor, 'high_freq_factor'),
      originalMaxPositionEmbeddings: scaling.original_max_position_embeddings ?? raw.max_position_embeddings,
    },
  };
}

const ropeScalingJson = (scaling: RopeScaling): Record<string, unknown> =>
  scaling.kind === 'linear'
    ? { rope_type: 'linear', factor: scaling.factor }
    : {
        rope_type: 'llama3',
        factor: scaling.factor,
        low_freq_factor: scaling.lowFrequencyFactor,
        high_freq_factor: scaling.highFrequencyFactor,
        original_max_position_embeddings: scaling.originalMaxPositionEmbeddings,
      };

function readLlamaConfig(json: unknown, path: string, modelType: LlamaType): ReadConfig<LlamaConfig> {
  const raw = parseFields(json, fieldsSchema, path);
  const heads = raw.num_attention_heads;
  const keyHeads = raw.num_key_value_heads ?? heads;
  const headSize = raw.head_dim ?? raw.hidden_size / heads;
  if (!raw.head_dim) checkHeads(raw.hidden_size, heads, path, ['hidden_size', 'num_attention_heads']);
  checkHeads(heads, keyHeads, path, ['num_attention_heads', 'num_key_value_heads']);
  const windows =
    raw.layer_types?.includes('sliding_attention') ||
    (typeof raw.sliding_window === 'number' && (modelType === 'llama' || raw.use_sliding_window === true));
  const experts = Math.max(raw.num_local_experts ?? 0, raw.num_experts ?? 0);
  refuse(path, [
    [experts > 1, `a mixture of ${experts} experts is not supported`],
    [windows, `sliding windows (sliding_window ${raw.sliding_window}) are not supported`],
    [headSize % 2 !== 0, `head_dim ${headSize} is odd, which rotary positions cannot be`],
    [raw.hidden_act !== 'silu', `hidden_act '${raw.hidden_act}' is not supported; supported: silu`],
  ]);
  const qkv = modelType === 'qwen2';
  const config: LlamaConfig = {
    modelType,
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    numHiddenLayers: raw.num_hidden_layers,
    numAttentionHeads: heads,
    numKeyValueHeads: keyHeads,
    headSize,
    intermediateSize: raw.intermediate_size,
    hiddenAct: 'silu',
    maxPositionEmbeddings: raw.max_position_embeddings,
    rmsNormEps: raw.rms_norm_eps,
    ...ropeOf(raw, path),
    attentionBias: qkv ? 'query-key-value' : raw.attention_bias ? 'all' : 'none',
    mlpBias: !qkv && raw.mlp_bias === true,
    attentionProbsDropoutProb: raw.attention_dropout,
    initializerRange: raw.initializer_range,
    ...specialTokens(raw),
    // Untied is the default of `LlamaConfig` and `Qwen2Config`.
    ...(raw.tie_word_embeddings === true ? {} : { tieWordEmbeddings: false as const }),
  };
  return { fields: raw, config };
}

const configJson = (config: LlamaConfig): Record<string, unknown> => ({
  model_type: config.modelType,
  vocab_size: config.vocabSize,
  hidden_size: config.hiddenSize,
  intermediate_size: config.intermediateSize,
  num_hidden_layers: config.numHiddenLayers,
  num_attention_heads: config.numAttentionHeads,
  num_key_value_heads: config.numKeyValueHeads,
  head_dim: config.headSize,
  hidden_act: config.hiddenAct,
  max_position_embeddings: config.maxPositionEmbeddings,
  initializer_range: config.initializerRange,
  rms_norm_eps: config.rmsNormEps,
  rope_theta: config.ropeTheta,
  ...(config.ropeScaling ? { rope_scaling: ropeScalingJson(config.ropeScaling) } : {}),
  ...(config.modelType === 'llama'
    ? { attention_bias: config.attentionBias === 'all', mlp_bias: config.mlpBias }
    : {}),
  attention_dropout: config.attentionProbsDropoutProb,
  ...specialTokensJson(config),
  tie_word_embeddings: config.tieWordEmbeddings !== false,
});

const blockName = (index: number): string => `model.layers.${index}`;
const FINAL = 'model.norm';

function blockModules(index: number, c: LlamaConfig): Module[] {
  const place = { kind: 'block', index } as const;
  const [module, h, i] = [blockName(index), c.hiddenSize, c.intermediateSize];
  const [wide, narrow] = [c.numAttentionHeads * c.headSize, c.numKeyValueHeads * c.headSize];
  const ofInputs = { bias: c.attentionBias !== 'none' };
  const ofMlp = { bias: c.mlpBias };
  return [
    linearMap(`${module}.self_attn.q_proj`, wide, h, place, ofInputs),
    linearMap(`${module}.self_attn.k_proj`, narrow, h, place, ofInputs),
    linearMap(`${module}.self_attn.v_proj`, narrow, h, place, ofInputs),
    linearMap(`${module}.self_attn.o_proj`, h, wide, place, { bias: c.attentionBias === 'all' }),
    linearMap(`${module}.mlp.gate_proj`, i, h, place, ofMlp),
    linearMap(`${module}.mlp.up_proj`, i, h, place, ofMlp),
    linearMap(`${module}.mlp.down_proj`, h, i, place, ofMlp),
    norm(`${module}.input_layernorm`, h, place, false),
    norm(`${module}.post_attention_layernorm`, h, place, false),
  ];
}

type Context = ModelContext<LlamaConfig>;

const normed = (context: Context, module: string, x: tf.Tensor2D): tf.Tensor2D =>
  rmsNorm(x, vector(context, `${module}.weight`), context.config.rmsNormEps);

function attend(
  context: Context,
  module: string,
  inputs: ModelInputs,
  x: tf.Tensor2D,
  reads: Reads,
): tf.Tensor2D {
  const { config } = context;
  const heads = config.numAttentionHeads;
  const { asking, asker, batch, dropout, bias } = blockReads(context, inputs, reads, true);
  const { cos, sin } = rotaryAngles(context, inputs);
  const queries = linear(asker(context), `${module}.q_proj`, asking(x));
  const q = rotary(queries, asking(cos), asking(sin));
  const k = rotary(linear(context, `${module}.k_proj`, x), cos, sin);
  const v = linear(context, `${module}.v_proj`, x);
  const maskShape = [batch, heads, q.shape[0] / batch, x.shape[0] / batch];
  const mask = context.random?.mask(maskShape, config.attentionProbsDropoutProb, dropout);
  return attention(q, k, v, bias(), mask, { batch, heads, keyHeads: config.numKeyValueHeads });
}

function block(
  context: Context,
  index: number,
  inputs: ModelInputs,
  x: tf.Tensor2D,
  reads: Reads,
): tf.Tensor2D {
  const module = blockName(index);
  const { asking, read, reader } = blockReads(context, inputs, reads, true);
  const rest = reader(context);
  const given = normed(context, `${module}.input_layernorm`, x);
  const attended = read(attend(context, `${module}.self_attn`, inputs, given, reads));
  const mixed = linear(rest, `${module}.self_attn.o_proj`, attended);
  const middle = tf.add(
    read(asking(x)),
    adapted(rest, `${module}.self_attn`, 'attention', mixed),
  ) as tf.Tensor2D;
  const inner = normed(rest, `${module}.post_attention_layernorm`, middle);
  const map = (name: string, of: tf.Tensor2D): tf.Tensor2D => linear(rest, `${module}.mlp.${name}`, of);
  const fed = map('down_proj', swiglu(map('gate_proj', inner), map('up_proj', inner)));
  return tf.add(middle, adapted(rest, `${module}.mlp`, 'feed-forward', fed));
}

const llamaFamily = (modelType: LlamaType, className: string): Family<LlamaConfig> => ({
  ...{ className, pooler: undefined, tokenTypes: false, causal: true },
  architecture: decoderArchitecture(className, 'ForCausalLM'),
  readConfig: (json, path) => readLlamaConfig(json, path, modelType),
  configJson,
  longestRow: ({ maxPositionEmbeddings }) => maxPositionEmbeddings,
  withDropout: (config, rate) => ({ ...config, attentionProbsDropoutProb: rate }),
  modules: (config, head) => [
    embedding('model.embed_tokens', config.vocabSize, config.hiddenSize, { kind: 'embeddings' }),
    ...Array.from({ length: config.numHiddenLayers }, (_, index) => blockModules(index, config)).flat(),
    norm(FINAL, config.hiddenSize, { kind: 'final' }, false),
    ...decoderHead(config, head),
  ],
  plainModules: (config, head) => [
    'model.rotary_emb',
    ...Array.from({ length: config.numHiddenLayers }, (_, index) => `${blockName(index)}.mlp.act_fn`),
    ...(head.kind === 'causal-lm' ? [OUTPUT_MODULE] : []),
  ],
  blockName: (_, index) => blockName(index),
  subLayers: (_, index) => [
    { module: `${blockName(index)}.self_attn`, kind: 'attention', index },
    { module: `${blockName(index)}.mlp`, kind: 'feed-forward', index },
  ],
  placeCounts(config, head) {
    const { hiddenSize: h, intermediateSize: i, attentionBias, mlpBias } = config;
    const [wide, narrow] = [
      config.numAttentionHeads * config.headSize,
      config.numKeyValueHeads * config.headSize,
    ];
    const biases =
      (attentionBias === 'none' ? 0 : wide + 2 * narrow) +
      (attentionBias === 'all' ? h : 0) +
      (mlpBias ? 2 * i + h : 0);
    return {
      embeddings: config.vocabSize * h,
      perBlock: 2 * h * wide + 2 * h * narrow + 3 * h * i + 2 * h + biases,
      ...decoderHeadCounts(config, head, h),
    };
  },
  loraTargets: ['q_proj', 'v_proj'],
  queryAndIntermediate: undefined,
  prefix: 'model',
  bareNames: /^(?:embed_tokens|layers|norm)\./,
  canonicalName: (stored) => stored,
  buffers: /\.rotary_emb\.inv_freq$/,
  wordEmbedding: () => 'model.embed_tokens.weight',
  outputEmbedding: `${OUTPUT_MODULE}.weight`,
  embed: (context, inputs) => tokenRows(context, 'model.embed_tokens.weight', inputs),
  block,
  finish: (context, x) => normed(context, FINAL, x),
  classify: (context, last) => linear(context, 'score', last),
});

export const llama = llamaFamily('llama', 'Llama');
export const qwen2 = llamaFamily('qwen2', 'Qwen2');
