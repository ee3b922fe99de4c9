/** `config.json` of T5. */
import { DataError } from '../../errors.js';
import * as z from '../../schema.js';
import type { Activation, T5Config } from '../config.js';
import { count, parseFields, rate, sharedFields, tokenId } from '../config-fields.js';
import type { ReadConfig } from '../family.js';
import { refuse } from './decoder.js';

const fieldsSchema = z.object({
  ...sharedFields,
  vocab_size: count.default(32128),
  d_model: count.default(512),
  d_kv: count.default(64),
  d_ff: count.default(2048),
  num_layers: count.default(6),
  num_decoder_layers: count.nullish(),
  num_heads: count.default(8),
  n_positions: count.default(512),
  relative_attention_num_buckets: count.default(32),
  relative_attention_max_distance: count.default(128),
  dropout_rate: rate.default(0.1),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  initializer_factor: z.number().positive().default(1),
  feed_forward_proj: z.string().default('relu'),
  is_encoder_decoder: z.boolean().default(true),
  pad_token_id: tokenId.nullish(),
  eos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
  decoder_start_token_id: tokenId.nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  scale_decoder_outputs: z.boolean().nullish(),
});

type FeedForward = Pick<T5Config, 'hiddenAct' | 'gated'>;

const ACTIVATIONS: readonly Activation[] = ['relu', 'gelu', 'gelu_new', 'tanh', 'silu'];

/** By HF's `feed_forward_proj`; the GELU of `gated-gelu` is the one by tanh. */
const FEED_FORWARDS: ReadonlyMap<string, FeedForward> = new Map<string, FeedForward>([
  ...ACTIVATIONS.map((hiddenAct): [string, FeedForward] => [hiddenAct, { hiddenAct, gated: false }]),
  ['gated-gelu', { hiddenAct: 'gelu_new', gated: true }],
  ...(['relu', 'tanh', 'silu'] as const).map((hiddenAct): [string, FeedForward] => [
    `gated-${hiddenAct}`,
    { hiddenAct, gated: true },
  ]),
]);

/** @throws DataError for one that is not known */
function feedForward(name: string, path: string): FeedForward {
  const found = FEED_FORWARDS.get(name);
  if (found) return found;
  throw new DataError(
    `${path}: feed_forward_proj '${name}' is not supported; supported: ${[...FEED_FORWARDS.keys()].join(', ')}`,
  );
}

/**
 * As transformers 5 reads it: an untied output embedding stands for outputs that are not scaled, unless `scale_decoder_outputs` says so.
 * @throws DataError
 */
export function readT5Config(json: unknown, path: string): ReadConfig<T5Config> {
  const raw = parseFields(json, fieldsSchema, path);
  const decoderLayers = raw.num_decoder_layers ?? raw.num_layers;
  const [exact, far] = [
    Math.floor(raw.relative_attention_num_buckets / 4),
    raw.relative_attention_max_distance,
  ];
  refuse(path, [
    [!raw.is_encoder_decoder, 'is_encoder_decoder false is not supported: t5 is an encoder and a decoder'],
    [exact < 1, `relative_attention_num_buckets ${raw.relative_attention_num_buckets}: wanted 4 or more`],
    [far <= 2 * exact, `relative_attention_max_distance ${far}: wanted more than ${2 * exact}`],
  ]);
  const padTokenId = raw.pad_token_id ?? 0;
  const config: T5Config = {
    modelType: 't5',
    vocabSize: raw.vocab_size,
    hiddenSize: raw.d_model,
    numHiddenLayers: raw.num_layers + decoderLayers,
    numDecoderLayers: decoderLayers,
    numAttentionHeads: raw.num_heads,
    headSize: raw.d_kv,
    intermediateSize: raw.d_ff,
    ...feedForward(raw.feed_forward_proj, path),
    maxPositionEmbeddings: raw.n_positions,
    layerNormEps: raw.layer_norm_epsilon,
    hiddenDropoutProb: raw.dropout_rate,
    attentionProbsDropoutProb: raw.dropout_rate,
    initializerRange: raw.initializer_factor,
    relativeAttentionNumBuckets: raw.relative_attention_num_buckets,
    relativeAttentionMaxDistance: raw.relative_attention_max_distance,
    padTokenId,
    eosTokenId: raw.eos_token_id ?? 1,
    decoderStartTokenId: raw.decoder_start_token_id ?? padTokenId,
    scaleDecoderOutputs: raw.scale_decoder_outputs ?? raw.tie_word_embeddings !== false,
    ...(raw.tie_word_embeddings === false ? { tieWordEmbeddings: false as const } : {}),
  };
  return { fields: raw, config };
}

export const t5ConfigJson = (config: T5Config): Record<string, unknown> => ({
  model_type: 't5',
  vocab_size: config.vocabSize,
  d_model: config.hiddenSize,
  d_kv: config.headSize,
  d_ff: config.intermediateSize,
  num_layers: config.numHiddenLayers - config.numDecoderLayers,
  num_decoder_layers: config.numDecoderLayers,
  num_heads: config.numAttentionHeads,
  n_positions: config.maxPositionEmbeddings,
  relative_attention_num_buckets: config.relativeAttentionNumBuckets,
  relative_attention_max_distance: config.relativeAttentionMaxDistance,
  dropout_rate: config.hiddenDropoutProb,
  layer_norm_epsilon: config.layerNormEps,
  // JavaScript writes 1.0 as 1, which Python refuses; it is what Python takes where nothing is said.
  ...(config.initializerRange === 1 ? {} : { initializer_factor: config.initializerRange }),
  feed_forward_proj: [...FEED_FORWARDS].find(
    ([, { hiddenAct, gated }]) => hiddenAct === config.hiddenAct && gated === config.gated,
  )?.[0],
  is_encoder_decoder: true,
  pad_token_id: config.padTokenId,
  eos_token_id: config.eosTokenId,
  decoder_start_token_id: config.decoderStartTokenId,
  // What older versions of transformers go by says both, so it is false only where both are.
  tie_word_embeddings: config.tieWordEmbeddings !== false || config.scaleDecoderOutputs,
  scale_decoder_outputs: config.scaleDecoderOutputs,
});
