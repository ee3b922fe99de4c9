/** Masked-language modelling (Devlin et al. 2019, section 3.1) as an {@link Objective}: only masked positions reach the vocabulary. */
import * as tf from '@tensorflow/tfjs';
import { crossEntropy } from '../engine/fused.js';
import { noAdaptation } from '../models/adaptation.js';
import type { ModelConfig } from '../models/config.js';
import { type EncoderInputs, encode } from '../models/encoder.js';
import { maskedLmLogits } from '../models/heads.js';
import { modelContext } from '../models/layers.js';
import type { ParameterSpec } from '../models/parameters.js';
import type { BatchShape } from './model.js';
import type { Objective } from './objective.js';

/** Packed sequences without padding. */
export interface MaskedBatch extends BatchShape {
  /** [rows, length] after masking */
  readonly inputIds: Int32Array;
  /** [N] indices into the flattened rows */
  readonly maskedPositions: Int32Array;
  /** [N] the ids that stood there */
  readonly maskedLabels: Int32Array;
  /** [N], 1 or 0 for an unused slot */
  readonly maskedWeights: Float32Array;
}

/** Weights that sum to 1. */
function normalised(weights: Float32Array): Float32Array {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / Math.max(sum, 1));
}

export const maskedLmObjective = (
  config: ModelConfig,
  specs: readonly ParameterSpec[],
): Objective<MaskedBatch> => ({
  specs,
  inputs: ({ rows, length, maskedPositions }) => ({
    inputIds: { shape: [rows, length], dtype: 'int32' },
    positions: { shape: [maskedPositions.length], dtype: 'int32' },
    labels: { shape: [maskedPositions.length], dtype: 'int32' },
    weights: { shape: [maskedPositions.length] },
  }),
  feeds: ({ inputIds, maskedPositions, maskedLabels, maskedWeights }) => ({
    inputIds,
    positions: maskedPositions,
    labels: maskedLabels,
    weights: normalised(maskedWeights),
  }),
  loss({ rows, length }, tensors, random) {
    const context = modelContext({
      config,
      adaptation: noAdaptation,
      parameters: tensors,
      batch: rows,
      seq: length,
      random,
    });
    const inputs = {
      inputIds: tensors.inputIds as tf.Tensor,
      attentionMask: tf.ones([rows, length], 'int32'),
      tokenTypeIds: tf.zeros([rows, length], 'int32'),
    } satisfies EncoderInputs;
    const logits = maskedLmLogits(context, encode(context, inputs), tensors.positions as tf.Tensor1D);
    return crossEntropy(logits, tensors.labels as tf.Tensor1D, tensors.weights as tf.Tensor1D);
  },
});
