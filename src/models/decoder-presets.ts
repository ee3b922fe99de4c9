/** Published shapes of decoders, by hub id. */
import type { Gpt2Config, LlamaConfig } from './config.js';

const gpt2: Gpt2Config = {
  modelType: 'gpt2',
  vocabSize: 50257,
  hiddenSize: 768,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  intermediateSize: 3072,
  hiddenAct: 'gelu_new',
  maxPositionEmbeddings: 1024,
  layerNormEps: 1e-5,
  hiddenDropoutProb: 0.1,
  embeddingDropoutProb: 0.1,
  attentionProbsDropoutProb: 0.1,
  initializerRange: 0.02,
  padTokenId: 50256,
  bosTokenId: 50256,
  eosTokenId: 50256,
};

const llama2: LlamaConfig = {
  modelType: 'llama',
  vocabSize: 32000,
  hiddenSize: 4096,
  numHiddenLayers: 32,
  numAttentionHeads: 32,
  numKeyValueHeads: 32,
  headSize: 128,
  intermediateSize: 11008,
  hiddenAct: 'silu',
  maxPositionEmbeddings: 4096,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  attentionBias: 'none',
  mlpBias: false,
  attentionProbsDropoutProb: 0,
  initializerRange: 0.02,
  padTokenId: 2,
  bosTokenId: 1,
  eosTokenId: 2,
  tieWordEmbeddings: false,
};

const { tieWordEmbeddings: _untied, ...tied } = llama2;

export const DECODER_PRESETS: Readonly<Record<string, Gpt2Config | LlamaConfig>> = {
  gpt2,
  'gpt2-medium': {
    ...gpt2,
    ...{ hiddenSize: 1024, numHiddenLayers: 24, numAttentionHeads: 16, intermediateSize: 4096 },
  },
  'HuggingFaceTB/SmolLM2-135M': {
    ...tied,
    ...{ vocabSize: 49152, hiddenSize: 576, numHiddenLayers: 30, numAttentionHeads: 9, numKeyValueHeads: 3 },
    ...{ headSize: 64, intermediateSize: 1536, maxPositionEmbeddings: 8192, ropeTheta: 100000 },
    ...{ initializerRange: 1 / 24, padTokenId: 0, bosTokenId: 0, eosTokenId: 0 },
  },
  'Qwen/Qwen2.5-0.5B': {
    ...tied,
    modelType: 'qwen2',
    ...{
      vocabSize: 151936,
      hiddenSize: 896,
      numHiddenLayers: 24,
      numAttentionHeads: 14,
      numKeyValueHeads: 2,
    },
    ...{
      headSize: 64,
      intermediateSize: 4864,
      maxPositionEmbeddings: 32768,
      ropeTheta: 1e6,
      rmsNormEps: 1e-6,
    },
    attentionBias: 'query-key-value',
    ...{ padTokenId: 151643, bosTokenId: 151643, eosTokenId: 151643 },
  },
  'meta-llama/Llama-3.2-1B': {
    ...tied,
    ...{ vocabSize: 128256, hiddenSize: 2048, numHiddenLayers: 16, numKeyValueHeads: 8, headSize: 64 },
    ...{ intermediateSize: 8192, maxPositionEmbeddings: 131072, ropeTheta: 500000 },
    ropeScaling: {
      ...{ kind: 'llama3', factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4 },
      originalMaxPositionEmbeddings: 8192,
    },
    ...{ padTokenId: 128001, bosTokenId: 128000, eosTokenId: 128001 },
  },
  'meta-llama/Llama-2-7b-hf': llama2,
};
