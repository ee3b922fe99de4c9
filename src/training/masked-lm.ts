/** Masked-language modelling (Devlin et al. 2019, section 3.1) as an {@link Objective}: only masked positions reach the vocabulary. */
import * as tf from '@tensorflow/tfjs';
import type { MaskedBatch } from '../datasets/masking.js';
import { crossEntropy } from '../engine/fused.js';
import { noAdaptation } from '../models/adaptation.js';
import type { ModelConfig } from '../models/config.js';
import { type EncoderInputs, encode } from '../models/encoder.js';
import { maskedLmLogits } from '../models/heads.js';
import { modelContext } from '../models/layers.js';
import type { ParameterSpec } from '../models/parameters.js';
import type { Objective } from './objective.js';

const predicted = ({ maskedWeights }: MaskedBatch): number =>
  maskedWeights.reduce((total, weight) => total + weight, 0);

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
  size: predicted,
  feeds: ({ inputIds, maskedPositions, maskedLabels, maskedWeights }, total) => ({
    inputIds,
    positions: maskedPositions,
    labels: maskedLabels,
    weights: maskedWeights.map((weight) => weight / Math.max(total, 1)),
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
    const reads = { kind: 'rows', rows: tensors.positions as tf.Tensor1D } as const;
    const logits = maskedLmLogits(context, encode(context, inputs, reads));
    return crossEntropy(logits, tensors.labels as tf.Tensor1D, tensors.weights as tf.Tensor1D);
  },
});
