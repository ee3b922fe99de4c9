/** BERT (Devlin et al. 2019; HF `BertModel`): its classifier reads a pooler, which is part of the model. */
import * as tf from '../../engine/tfjs.js';
import { linear, type ModelContext } from '../layers.js';
import { linearMap } from '../modules.js';
import { encoderFamily } from './encoder-family.js';

/** HF `BertPooler`: first tokens [E, H] -> [E, H]. */
export const pool = (context: ModelContext, first: tf.Tensor2D): tf.Tensor2D =>
  tf.tanh(linear(context, 'bert.pooler.dense', first));

export const bert = encoderFamily({
  modelType: 'bert',
  className: 'Bert',
  pooler: 'bert.pooler',
  tokenTypes: true,
  unusedPositions: () => 0,
  classifier: ({ hiddenSize }, numLabels) => [
    linearMap('bert.pooler.dense', hiddenSize, hiddenSize, { kind: 'pooler' }),
    linearMap('classifier', numLabels, hiddenSize, { kind: 'classifier' }),
  ],
  plainClassifier: ['bert.pooler.activation', 'dropout'],
  /** HF `BertForSequenceClassification`: pooler, dropout, classifier. */
  classify(context, first) {
    const { hiddenDropoutProb, classifierDropout: rate = hiddenDropoutProb } = context.config;
    return linear(context, 'classifier', context.dropout(pool(context, first), rate));
  },
});
