/** `config.json` of BERT, RoBERTa and ELECTRA. */
import { DataError } from '../../errors.js';
import * as z from '../../schema.js';
import { type EncoderConfig, type EncoderType, embeddingSize } from '../config.js';
import { checkHeads, count, parseFields, rate, sharedFields, tokenId } from '../config-fields.js';
import type { ReadConfig } from '../family.js';

const fieldsSchema = z.object({
  ...sharedFields,
  vocab_size: count,
  hidden_size: count,
  embedding_size: count.optional(),
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  hidden_act: z.enum(['gelu', 'gelu_new', 'relu', 'tanh', 'silu']).default('gelu'),
  max_position_embeddings: count.default(512),
  type_vocab_size: count.default(2),
  layer_norm_eps: z.number().positive().default(1e-12),
  hidden_dropout_prob: rate.default(0.1),
  attention_probs_dropout_prob: rate.default(0.1),
  classifier_dropout: rate.nullish().transform((value) => value ?? undefined),
  initializer_range: z.number().positive().default(0.02),
  pad_token_id: tokenId.nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  position_embedding_type: z.string().nullish(),
  is_decoder: z.boolean().nullish(),
});

/** @throws DataError */
export function readEncoderConfig(
  json: unknown,
  path: string,
  modelType: EncoderType,
): ReadConfig<EncoderConfig> {
  const raw = parseFields(json, fieldsSchema, path);
  checkHeads(raw.hidden_size, raw.num_attention_heads, path, ['hidden_size', 'num_attention_heads']);
  if (raw.position_embedding_type && raw.position_embedding_type !== 'absolute') {
    throw new DataError(
      `${path}: position_embedding_type '${raw.position_embedding_type}' is not supported; supported: absolute`,
    );
  }
  if (raw.is_decoder)
    throw new DataError(`${path}: is_decoder is true; ${modelType} is supported as an encoder only`);
  const config: EncoderConfig = {
    modelType,
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    // ElectraConfig's own default.
    ...(modelType === 'electra' ? { embeddingSize: raw.embedding_size ?? 128 } : {}),
    numHiddenLayers: raw.num_hidden_layers,
    numAttentionHeads: raw.num_attention_heads,
    intermediateSize: raw.intermediate_size,
    hiddenAct: raw.hidden_act,
    maxPositionEmbeddings: raw.max_position_embeddings,
    typeVocabSize: raw.type_vocab_size,
    layerNormEps: raw.layer_norm_eps,
    hiddenDropoutProb: raw.hidden_dropout_prob,
    attentionProbsDropoutProb: raw.attention_probs_dropout_prob,
    ...(raw.classifier_dropout === undefined ? {} : { classifierDropout: raw.classifier_dropout }),
    initializerRange: raw.initializer_range,
    padTokenId: raw.pad_token_id ?? (modelType === 'roberta' ? 1 : 0),
    ...(raw.tie_word_embeddings === false ? { tieWordEmbeddings: false as const } : {}),
  };
  return { fields: raw, config };
}

export const encoderConfigJson = (config: EncoderConfig): Record<string, unknown> => ({
  model_type: config.modelType,
  vocab_size: config.vocabSize,
  hidden_size: config.hiddenSize,
  ...(config.modelType === 'electra' ? { embedding_size: embeddingSize(config) } : {}),
  num_hidden_layers: config.numHiddenLayers,
  num_attention_heads: config.numAttentionHeads,
  intermediate_size: config.intermediateSize,
  hidden_act: config.hiddenAct,
  max_position_embeddings: config.maxPositionEmbeddings,
  type_vocab_size: config.typeVocabSize,
  layer_norm_eps: config.layerNormEps,
  hidden_dropout_prob: config.hiddenDropoutProb,
  attention_probs_dropout_prob: config.attentionProbsDropoutProb,
  ...(config.classifierDropout === undefined ? {} : { classifier_dropout: config.classifierDropout }),
  initializer_range: config.initializerRange,
  pad_token_id: config.padTokenId,
  position_embedding_type: 'absolute',
  ...(config.tieWordEmbeddings === false ? { tie_word_embeddings: false } : {}),
});
