/** `config.json` of LLaMA and Qwen2. */
import { DataError } from '../../errors.js';
import * as z from '../../schema.js';
import type { LlamaConfig, LlamaType, RopeScaling } from '../config.js';
import { checkHeads, count, parseFields, rate, sharedFields } from '../config-fields.js';
import type { ReadConfig } from '../family.js';
import { decoderFields, refuse, specialTokens, specialTokensJson } from './decoder.js';

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

/** @throws DataError */
export function readLlamaConfig(json: unknown, path: string, modelType: LlamaType): ReadConfig<LlamaConfig> {
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

export const llamaConfigJson = (config: LlamaConfig): Record<string, unknown> => ({
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
