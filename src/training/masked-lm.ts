/**
 * Masked-language modelling (Devlin et al. 2019, section 3.1) as an {@link Objective}: only masked positions reach the vocabulary.
 * Where the batches are pairs of segments, next-sentence prediction is learnt beside it and the losses are added up.
 */

import type { MaskedBatch } from '../datasets/masking.js';
import type { Randomness } from '../engine/compile.js';
import { crossEntropy } from '../engine/fused.js';
import * as tf from '../engine/tfjs.js';
import { noAdaptation } from '../models/adaptation.js';
import type { ModelConfig } from '../models/config.js';
import { hiddenStates } from '../models/forward.js';
import { maskedLmLogits, nextSentenceLogits } from '../models/heads.js';
import type { ModelInputs } from '../models/inputs.js';
import { modelContext } from '../models/layers.js';
import type { ParameterSpec } from '../models/parameters.js';
import type { Tensors } from './model.js';
import type { Objective } from './objective.js';

const predicted = ({ maskedWeights }: MaskedBatch): number =>
  maskedWeights.reduce((total, weight) => total + weight, 0);

export interface PretrainingLosses {
  /** Of masked tokens. */
  readonly masked: tf.Scalar;
  /** Next sentence: its loss, and logits [rows, 2]. */
  readonly next?: { readonly loss: tf.Scalar; readonly logits: tf.Tensor2D };
}

/** The objective, and its parts for who wants to see them apart. */
export interface MaskedLmObjective extends Objective<MaskedBatch> {
  losses(shape: MaskedBatch, tensors: Tensors, random: Randomness | undefined): PretrainingLosses;
}

export function maskedLmObjective(config: ModelConfig, specs: readonly ParameterSpec[]): MaskedLmObjective {
  const losses: MaskedLmObjective['losses'] = ({ rows, length, maskedPositions, pairs }, tensors, random) => {
    const context = modelContext({
      config,
      adaptation: noAdaptation,
      parameters: tensors,
      batch: rows,
      seq: length,
      random,
    });
    const given = tensors as Record<string, tf.Tensor>;
    const inputs = {
      inputIds: given.inputIds as tf.Tensor,
      attentionMask: tf.ones([rows, length], 'int32'),
      tokenTypeIds: pairs ? (given.tokenTypeIds as tf.Tensor) : tf.zeros([rows, length], 'int32'),
    } satisfies ModelInputs;
    const read = hiddenStates(context, inputs, { kind: 'rows', rows: given.positions as tf.Tensor1D });
    const [count, width] = [maskedPositions.length, config.hiddenSize];
    const masked = (hidden: tf.Tensor2D): tf.Scalar =>
      crossEntropy(
        maskedLmLogits(context, hidden),
        given.labels as tf.Tensor1D,
        given.weights as tf.Tensor1D,
      );
    if (!pairs) return { masked: masked(read) };
    const logits = nextSentenceLogits(context, tf.slice(read, [count, 0], [rows, width]));
    const next = crossEntropy(logits, given.nextLabels as tf.Tensor1D, given.nextWeights as tf.Tensor1D);
    return { masked: masked(tf.slice(read, [0, 0], [count, width])), next: { loss: next, logits } };
  };
  return {
    specs,
    losses,
    anySize: false,
    placement: ({ rows, length, examples }) => ({
      length,
      examples,
      starts: examples.map((_, row) => row * length),
      lengths: new Int32Array(rows).fill(length),
    }),
    inputs: ({ rows, length, maskedPositions, pairs }) => ({
      inputIds: { shape: [rows, length], dtype: 'int32' },
      positions: { shape: [maskedPositions.length + (pairs ? rows : 0)], dtype: 'int32' },
      labels: { shape: [maskedPositions.length], dtype: 'int32' },
      weights: { shape: [maskedPositions.length] },
      ...(pairs && {
        tokenTypeIds: { shape: [rows, length], dtype: 'int32' },
        nextLabels: { shape: [rows], dtype: 'int32' },
        nextWeights: { shape: [rows] },
      }),
    }),
    size: predicted,
    feeds: (batch, total) => {
      const { rows, length, inputIds, maskedPositions, maskedLabels, maskedWeights, pairs } = batch;
      const share = Math.max(total, 1);
      const feeds = {
        inputIds,
        labels: maskedLabels,
        weights: maskedWeights.map((weight) => weight / share),
      };
      if (!pairs) return { ...feeds, positions: maskedPositions };
      // The first token of each row, after the masked ones.
      const positions = new Int32Array(maskedPositions.length + rows);
      positions.set(maskedPositions);
      for (let row = 0; row < rows; row++) positions[maskedPositions.length + row] = row * length;
      const nextWeights = new Float32Array(rows).fill(predicted(batch) / share / rows);
      return { ...feeds, positions, tokenTypeIds: pairs.tokenTypeIds, nextLabels: pairs.labels, nextWeights };
    },
    loss: (shape, tensors, random) => {
      const { masked, next } = losses(shape, tensors, random);
      return next ? tf.add(masked, next.loss) : masked;
    },
  };
}
