/** RoBERTa (Liu et al. 2019; HF `RobertaModel`): BERT with positions that start after the padding index, and one token type. */
import { classifyDense, denseClassifier } from './dense-classifier.js';
import { encoderFamily } from './encoder-family.js';

export const roberta = encoderFamily({
  modelType: 'roberta',
  className: 'Roberta',
  pooler: undefined,
  // Its exporters leave token types out: it has one.
  tokenTypes: false,
  unusedPositions: ({ padTokenId }) => padTokenId + 1,
  classifier: denseClassifier,
  plainClassifier: ['classifier.dropout'],
  classify: (context, first) => classifyDense(context, first, 'tanh'),
});
