/** Published shapes of T5, by hub id: version 1.0 and 1.1. */
import type { T5Config } from './config.js';

const small: T5Config = {
  modelType: 't5',
  vocabSize: 32128,
  hiddenSize: 512,
  numHiddenLayers: 12,
  numDecoderLayers: 6,
  numAttentionHeads: 8,
  headSize: 64,
  intermediateSize: 2048,
  hiddenAct: 'relu',
  gated: false,
  maxPositionEmbeddings: 512,
  layerNormEps: 1e-6,
  hiddenDropoutProb: 0.1,
  attentionProbsDropoutProb: 0.1,
  initializerRange: 1,
  relativeAttentionNumBuckets: 32,
  relativeAttentionMaxDistance: 128,
  padTokenId: 0,
  eosTokenId: 1,
  decoderStartTokenId: 0,
  scaleDecoderOutputs: true,
};

const base = { hiddenSize: 768, numHiddenLayers: 24, numDecoderLayers: 12, numAttentionHeads: 12 } as const;

const v11 = {
  hiddenAct: 'gelu_new',
  gated: true,
  scaleDecoderOutputs: false,
  tieWordEmbeddings: false,
} as const;

export const T5_PRESETS: Readonly<Record<string, T5Config>> = {
  'google-t5/t5-small': small,
  'google-t5/t5-base': { ...small, ...base, intermediateSize: 3072 },
  'google/t5-v1_1-small': {
    ...small,
    ...v11,
    ...{ numHiddenLayers: 16, numDecoderLayers: 8, numAttentionHeads: 6, intermediateSize: 1024 },
  },
  'google/t5-v1_1-base': { ...small, ...v11, ...base, intermediateSize: 2048 },
};
