/** The shape of a model, as Hugging Face's `config.json` gives it, and presets that need no weights. */

import { DECODER_PRESETS } from './decoder-presets.js';
import { T5_PRESETS } from './t5-presets.js';

/** By Hugging Face's `hidden_act`. */
export type Activation = 'gelu' | 'gelu_new' | 'relu' | 'tanh' | 'silu';

/** Encoders, by Hugging Face's `model_type`. */
export type EncoderType = 'bert' | 'roberta' | 'electra';

/** Models that are built as LLaMA, by Hugging Face's `model_type`. */
export type LlamaType = 'llama' | 'qwen2';

/** Families, by Hugging Face's `model_type`. */
export type ModelType = EncoderType | 'gpt2' | LlamaType | 't5';

/** What every family has, by Hugging Face's names in camelCase. */
export interface ModelShape {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  /** Blocks; of a model with two stacks those of both. */
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly intermediateSize: number;
  readonly hiddenAct: Activation;
  readonly maxPositionEmbeddings: number;
  readonly attentionProbsDropoutProb: number;
  readonly initializerRange: number;
  readonly padTokenId: number;
  /** False: predicted tokens have an output embedding of their own. Absent: it is the word embedding. */
  readonly tieWordEmbeddings?: false;
}

/** Hugging Face's `BertConfig` / `RobertaConfig` / `ElectraConfig` fields, in camelCase. */
export interface EncoderConfig extends ModelShape {
  readonly modelType: EncoderType;
  /** Width of the embeddings where a map takes them to the hidden size (ELECTRA small). */
  readonly embeddingSize?: number;
  readonly typeVocabSize: number;
  readonly layerNormEps: number;
  readonly hiddenDropoutProb: number;
  /** Of a classification head. Absent: `hiddenDropoutProb`. */
  readonly classifierDropout?: number;
}

/** What a decoder's `config.json` says of its special tokens. */
export interface DecoderShape extends ModelShape {
  readonly bosTokenId?: number;
  /** One, or several that each end a text. */
  readonly eosTokenId?: number | readonly number[];
}

/** Hugging Face's `GPT2Config`; `hiddenDropoutProb` is `resid_pdrop`. */
export interface Gpt2Config extends DecoderShape {
  readonly modelType: 'gpt2';
  readonly layerNormEps: number;
  readonly hiddenDropoutProb: number;
  readonly embeddingDropoutProb: number;
}

/** How rotary positions reach further than they were trained for (HF `rope_parameters`). */
export type RopeScaling =
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalMaxPositionEmbeddings: number;
    };

/** Hugging Face's `LlamaConfig` / `Qwen2Config`. */
export interface LlamaConfig extends DecoderShape {
  readonly modelType: LlamaType;
  /** Fewer than heads: as many queries share a key and a value (grouped-query attention). */
  readonly numKeyValueHeads: number;
  /** Width of a head. */
  readonly headSize: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  readonly ropeScaling?: RopeScaling;
  /** Which maps of the attention have a bias: none, query, key and value (Qwen2), or all four. */
  readonly attentionBias: 'none' | 'query-key-value' | 'all';
  readonly mlpBias: boolean;
}

/** Hugging Face's `T5Config`; both dropouts are `dropout_rate`, `initializerRange` is `initializer_factor`. */
export interface T5Config extends DecoderShape {
  readonly modelType: 't5';
  /** Of the blocks, those of the decoder; the encoder's come before them. */
  readonly numDecoderLayers: number;
  /** Width of a head. */
  readonly headSize: number;
  /** The activation of one map is multiplied by another map (T5 v1.1). */
  readonly gated: boolean;
  readonly layerNormEps: number;
  readonly hiddenDropoutProb: number;
  readonly relativeAttentionNumBuckets: number;
  readonly relativeAttentionMaxDistance: number;
  /** What the decoder is given before the first token. */
  readonly decoderStartTokenId: number;
  /** The last hidden states are divided by the square root of the hidden size before the vocabulary (T5 v1.0). */
  readonly scaleDecoderOutputs: boolean;
}

/** A model's shape: told apart by `modelType`. */
export type ModelConfig = EncoderConfig | Gpt2Config | LlamaConfig | T5Config;

/** What a decoder that writes of its own text is given first; undefined of other models. */
export const decoderStart = (config: ModelConfig): number | undefined =>
  'decoderStartTokenId' in config ? config.decoderStartTokenId : undefined;

/** Ids that each end a text, by the model; none of an encoder. */
export const eosTokenIds = (config: ModelConfig): readonly number[] =>
  'eosTokenId' in config ? [config.eosTokenId ?? []].flat() : [];

export const embeddingSize = ({ embeddingSize, hiddenSize }: EncoderConfig): number =>
  embeddingSize ?? hiddenSize;

/**
 * What sits on top of the blocks. `classification` also serves regression (`numLabels` 1, MSE loss) and, with `multiLabel`, any number of
 * classes at once (sigmoid loss, HF `problem_type: multi_label_classification`).
 */
export type HeadSpec =
  | { readonly kind: 'classification'; readonly numLabels: number; readonly multiLabel?: true }
  | { readonly kind: 'span' }
  /** `nextSentence`: with a second head over the pooler that says whether one segment follows the other (HF `BertForPreTraining`). */
  | { readonly kind: 'masked-lm'; readonly nextSentence?: boolean }
  /** Each token is predicted from those before it. */
  | { readonly kind: 'causal-lm' }
  /** Each token of one text is predicted from those before it and from another text. */
  | { readonly kind: 'seq2seq-lm' };

const bertBase: EncoderConfig = {
  modelType: 'bert',
  vocabSize: 30522,
  hiddenSize: 768,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  intermediateSize: 3072,
  hiddenAct: 'gelu',
  maxPositionEmbeddings: 512,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  hiddenDropoutProb: 0.1,
  attentionProbsDropoutProb: 0.1,
  initializerRange: 0.02,
  padTokenId: 0,
};

const robertaBase: EncoderConfig = {
  ...bertBase,
  modelType: 'roberta',
  vocabSize: 50265,
  maxPositionEmbeddings: 514,
  typeVocabSize: 1,
  layerNormEps: 1e-5,
  padTokenId: 1,
};

const electraBase: EncoderConfig = { ...bertBase, modelType: 'electra' };

const large = {
  hiddenSize: 1024,
  numHiddenLayers: 24,
  numAttentionHeads: 16,
  intermediateSize: 4096,
} as const;

/**
 * Published shapes by hub id.
 * @example
 * ```ts
 * import { models } from 'progtuning';
 *
 * const { numHiddenLayers, hiddenSize } = models.PRESETS['roberta-large'];
 * console.log(numHiddenLayers, hiddenSize); // 24 1024
 * ```
 */
export const PRESETS: Readonly<Record<string, ModelConfig>> = {
  'bert-base-uncased': bertBase,
  'bert-base-cased': { ...bertBase, vocabSize: 28996 },
  'bert-large-uncased': { ...bertBase, ...large },
  'bert-large-cased': { ...bertBase, ...large, vocabSize: 28996 },
  'roberta-base': robertaBase,
  'roberta-large': { ...robertaBase, ...large },
  'google/electra-small-discriminator': {
    ...electraBase,
    embeddingSize: 128,
    hiddenSize: 256,
    numAttentionHeads: 4,
    intermediateSize: 1024,
  },
  'google/electra-base-discriminator': electraBase,
  ...DECODER_PRESETS,
  ...T5_PRESETS,
};
