/** The classification head of RoBERTa and ELECTRA: a dense layer with an activation in place of BERT's pooler. */
import type { Tensor2D } from '../../engine/tfjs.js';
import type { Activation, EncoderConfig } from '../config.js';
import { activate, linear, type ModelContext } from '../layers.js';
import { linearMap, type Module } from '../modules.js';

export const denseClassifier = ({ hiddenSize }: EncoderConfig, numLabels: number): Module[] => [
  linearMap('classifier.dense', hiddenSize, hiddenSize, { kind: 'pooler' }),
  linearMap('classifier.out_proj', numLabels, hiddenSize, { kind: 'classifier' }),
];

/** HF `RobertaClassificationHead`, `ElectraClassificationHead`: first [E, H] -> [E, C]. */
export function classifyDense(
  context: ModelContext<EncoderConfig>,
  first: Tensor2D,
  activation: Activation,
): Tensor2D {
  const { hiddenDropoutProb, classifierDropout: rate = hiddenDropoutProb } = context.config;
  const inner = linear(context, 'classifier.dense', context.dropout(first, rate));
  const active = activate(activation, inner);
  return linear(context, 'classifier.out_proj', context.dropout(active, rate));
}
