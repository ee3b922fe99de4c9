/** Models as ONNX files in the layout and with the input and output names of Hugging Face's exporters. */

import { trace } from '../engine/compile.js';
import { type ExportedGraph, exportGraph } from '../engine/export.js';
import * as tf from '../engine/tfjs.js';
import type { Adaptation } from '../models/adaptation.js';
import type { HeadSpec, ModelConfig } from '../models/config.js';
import { familyOf } from '../models/families.js';
import { hiddenStates } from '../models/forward.js';
import { headLogits, maskedLmLogits, outputEmbedding, readsOf } from '../models/heads.js';
import type { ModelInputs } from '../models/inputs.js';
import { modelContext } from '../models/layers.js';
import type { ParameterSpec, Parameters } from '../models/parameters.js';
import { type BatchShape, paddedInputs, parameterInputs, type Tensors } from './model.js';
import { nextTokenLosses } from './next-token.js';

export interface ExportableModel {
  readonly config: ModelConfig;
  readonly head: HeadSpec;
  readonly specs: readonly ParameterSpec[];
  readonly adaptation: Adaptation;
}

/** Of a model of the next token: `logits` of the vocabulary, or `token_losses` [B, S], the negative log-probability of each next token. */
export type NextTokenOutput = 'logits' | 'token_losses';

/** `logits` [B, C] or, for masked, next and written tokens, [B, S, vocabulary]; a span head has `start_logits` and `end_logits`, [B, S]. */
export function modelOutputs(
  model: ExportableModel,
  { rows, length, targetLength }: BatchShape,
  tensors: Tensors,
  next: NextTokenOutput = 'logits',
): Tensors {
  const { config, adaptation, head } = model;
  const context = modelContext({ config, adaptation, parameters: tensors, batch: rows, seq: length });
  const hidden = hiddenStates(context, tensors as unknown as ModelInputs, readsOf(config, head));
  if (head.kind === 'masked-lm')
    return { logits: tf.reshape(maskedLmLogits(context, hidden), [rows, length, config.vocabSize]) };
  if (head.kind === 'causal-lm' || head.kind === 'seq2seq-lm') {
    if (next === 'token_losses')
      return { token_losses: nextTokenLosses(context, tensors.inputIds as tf.Tensor, hidden) };
    const flat = tf.matMul(hidden, outputEmbedding(context), false, true);
    return { logits: tf.reshape(flat, [rows, targetLength ?? length, config.vocabSize]) };
  }
  const logits = headLogits(context, head, hidden);
  if (head.kind !== 'span') return { logits };
  const part = (at: number): tf.Tensor =>
    tf.reshape(tf.slice(logits, [at, 0], [1, rows * length]), [rows, length]);
  return { start_logits: part(0), end_logits: part(1) };
}

const inputNames = (config: ModelConfig): Record<string, string> => ({
  inputIds: 'input_ids',
  attentionMask: 'attention_mask',
  ...(familyOf(config).tokenTypes ? { tokenTypeIds: 'token_type_ids' } : {}),
});

/** The model as one program with its weights, free batch size and sequence length. */
export const exportModel = (
  model: ExportableModel,
  parameters: Parameters,
  next: NextTokenOutput = 'logits',
): ExportedGraph =>
  exportGraph(
    (size) =>
      trace({ ...parameterInputs(model.specs), ...paddedInputs(size) }, (tensors) =>
        modelOutputs(model, size, tensors, next),
      ).graph,
    inputNames(model.config),
    Object.fromEntries(parameters),
  );
