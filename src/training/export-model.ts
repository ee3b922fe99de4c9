/** Models as ONNX files in the layout and with the input and output names of Hugging Face's exporters. */

import { trace } from '../engine/compile.js';
import { type ExportedGraph, exportGraph } from '../engine/export.js';
import { writeModel } from '../engine/onnx-writer.js';
import * as tf from '../engine/tfjs.js';
import type { Adaptation } from '../models/adaptation.js';
import type { HeadSpec, ModelConfig } from '../models/config.js';
import { type EncoderInputs, encode } from '../models/encoder.js';
import { headLogits, maskedLmLogits, readsOf } from '../models/heads.js';
import { modelContext } from '../models/layers.js';
import type { ParameterSpec, Parameters } from '../models/parameters.js';
import { type BatchShape, paddedInputs, parameterInputs, type Tensors } from './model.js';

export interface ExportableModel {
  readonly config: ModelConfig;
  readonly head: HeadSpec;
  readonly specs: readonly ParameterSpec[];
  readonly adaptation: Adaptation;
}

/** `logits` [B, C] or, for masked tokens, [B, S, vocabulary]; a span head has `start_logits` and `end_logits`, [B, S]. */
function outputs(model: ExportableModel, { rows, length }: BatchShape, tensors: Tensors): Tensors {
  const { config, adaptation, head } = model;
  const context = modelContext({ config, adaptation, parameters: tensors, batch: rows, seq: length });
  const hidden = encode(context, tensors as unknown as EncoderInputs, readsOf(head));
  if (head.kind === 'masked-lm')
    return { logits: tf.reshape(maskedLmLogits(context, hidden), [rows, length, config.vocabSize]) };
  const logits = headLogits(context, head, hidden);
  if (head.kind !== 'span') return { logits };
  const part = (at: number): tf.Tensor =>
    tf.reshape(tf.slice(logits, [at, 0], [1, rows * length]), [rows, length]);
  return { start_logits: part(0), end_logits: part(1) };
}

/** RoBERTa's exporters leave token types out: it has one. */
const inputNames = ({ modelType }: ModelConfig): Record<string, string> => ({
  inputIds: 'input_ids',
  attentionMask: 'attention_mask',
  ...(modelType !== 'roberta' ? { tokenTypeIds: 'token_type_ids' } : {}),
});

/** The model as one program with its weights, free batch size and sequence length. */
export const exportModel = (model: ExportableModel, parameters: Parameters): ExportedGraph =>
  exportGraph(
    (size) =>
      trace({ ...parameterInputs(model.specs), ...paddedInputs(size) }, (tensors) =>
        outputs(model, size, tensors),
      ).graph,
    inputNames(model.config),
    Object.fromEntries(parameters),
  );

/** {@link exportModel} as the bytes of an ONNX file. */
export function exportOnnx(model: ExportableModel, parameters: Parameters): Uint8Array {
  const { graph, weights } = exportModel(model, parameters);
  return writeModel(graph, { weights: weights.values() });
}
