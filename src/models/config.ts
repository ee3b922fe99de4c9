/** The shape of an encoder, as Hugging Face's `config.json` gives it, and presets that need no weights. */

/** By Hugging Face's `hidden_act`. */
export type Activation = 'gelu' | 'gelu_new' | 'relu' | 'tanh' | 'silu';

/** Families, by Hugging Face's `model_type`. */
export type ModelType = 'bert' | 'roberta' | 'electra';

/** Hugging Face's `BertConfig` / `RobertaConfig` / `ElectraConfig` fields, in camelCase. */
export interface ModelConfig {
  readonly modelType: ModelType;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  /** Width of the embeddings where a map takes them to the hidden size (ELECTRA small). */
  readonly embeddingSize?: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly intermediateSize: number;
  readonly hiddenAct: Activation;
  readonly maxPositionEmbeddings: number;
  readonly typeVocabSize: number;
  readonly layerNormEps: number;
  readonly hiddenDropoutProb: number;
  readonly attentionProbsDropoutProb: number;
  /** Of a classification head. Absent: `hiddenDropoutProb`. */
  readonly classifierDropout?: number;
  readonly initializerRange: number;
  readonly padTokenId: number;
  /** False: masked tokens have an output embedding of their own. Absent: it is the word embedding. */
  readonly tieWordEmbeddings?: false;
}

export const embeddingSize = ({ embeddingSize, hiddenSize }: ModelConfig): number =>
  embeddingSize ?? hiddenSize;

/** Tokens in a row that the position embeddings reach; RoBERTa's first ones are for padding. */
export const longestRow = ({ modelType, maxPositionEmbeddings, padTokenId }: ModelConfig): number =>
  maxPositionEmbeddings - (modelType === 'roberta' ? padTokenId + 1 : 0);

/**
 * What sits on top of the encoder. `classification` also serves regression (`numLabels` 1, MSE loss) and, with `multiLabel`, any number of
 * classes at once (sigmoid loss, HF `problem_type: multi_label_classification`).
 */
export type HeadSpec =
  | { readonly kind: 'classification'; readonly numLabels: number; readonly multiLabel?: true }
  | { readonly kind: 'span' }
  /** `nextSentence`: with a second head over the pooler that says whether one segment follows the other (HF `BertForPreTraining`). */
  | { readonly kind: 'masked-lm'; readonly nextSentence?: boolean };

const bertBase: ModelConfig = {
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

const robertaBase: ModelConfig = {
  ...bertBase,
  modelType: 'roberta',
  vocabSize: 50265,
  maxPositionEmbeddings: 514,
  typeVocabSize: 1,
  layerNormEps: 1e-5,
  padTokenId: 1,
};

const electraBase: ModelConfig = { ...bertBase, modelType: 'electra' };

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
};
