/** ELECTRA (Clark et al. 2020; HF `ElectraModel`): BERT whose small sizes have narrower embeddings, and a head with GELU. */
import { classifyDense, denseClassifier } from './dense-classifier.js';
import { encoderFamily } from './encoder-family.js';

export const electra = encoderFamily({
  modelType: 'electra',
  className: 'Electra',
  pooler: undefined,
  tokenTypes: true,
  unusedPositions: () => 0,
  classifier: denseClassifier,
  plainClassifier: ['classifier.activation', 'classifier.dropout'],
  classify: (context, first) => classifyDense(context, first, 'gelu'),
});
