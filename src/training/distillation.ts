/**
 * Distillation of an encoder as an {@link Objective}: teacher and student read the same tokens in one graph, so that the teacher's states
 * never leave the device; gradients are asked for the student's parameters only.
 *
 * `minilm`: MiniLMv2 (Wang et al. 2021, section 3): the self-attention relations Q-Q, K-K and V-V of one teacher layer with those of the
 * student's last, in as many relation heads on both sides, so that neither widths nor attention heads need agree. `tinybert`: TinyBERT
 * (Jiao et al. 2020, section 3.1): hidden states, through one map to the teacher's width, and attention scores of every student layer
 * with those of the teacher layers spread over it. With either, or alone, the teacher's distribution of masked tokens (DistilBERT, Sanh et al. 2019,
 * section 3).
 */
import type { MaskedBatch } from '../datasets/masking.js';
import type { CompileOptions, Randomness } from '../engine/compile.js';
import * as tf from '../engine/tfjs.js';
import { noAdaptation } from '../models/adaptation.js';
import type { ModelConfig } from '../models/config.js';
import { hiddenStates } from '../models/forward.js';
import { maskedLmLogits } from '../models/heads.js';
import { modelContext } from '../models/layers.js';
import type { ParameterSpec, Parameters, Trains } from '../models/parameters.js';
import {
  type DistillationSettings,
  divergence,
  layerLoss,
  relationLoss,
  type Side,
  statesTo,
  sum,
} from './distillation-losses.js';
import { checkFiniteHeldOut } from './finite.js';
import { outputsOver } from './held-out.js';
import { fixedRows } from './masked-lm.js';
import type { Tensors } from './model.js';
import type { WideObjective } from './objective.js';
import type { TextEvaluation } from './pretrain.js';

interface Encoder {
  readonly config: ModelConfig;
  readonly specs: readonly ParameterSpec[];
}

/** The student's specs and the teacher's, by their own names. */
export interface Distillation extends DistillationSettings {
  readonly student: Encoder;
  readonly teacher: Encoder;
}

const TEACHER = 'teacher.';
/** [teacher's H, student's H] */
const PROJECTION = 'distillation.projection.weight';

/** A teacher's parameter among the student's. */
export const teacherName = (name: string): string => `${TEACHER}${name}`;

const isLearnt = ({ logitsWeight }: Pick<DistillationSettings, 'logitsWeight'>): boolean => logitsWeight > 0;

/** What of the teacher is computed. */
function teacherSpecs({ teacher, ...settings }: Distillation): ParameterSpec[] {
  const blocks = isLearnt(settings) ? teacher.config.numHiddenLayers : settings.teacherLayer;
  return teacher.specs
    .filter(({ place }) =>
      place.kind === 'block' ? place.index < blocks : place.kind === 'embeddings' || isLearnt(settings),
    )
    .map((spec) => ({ ...spec, name: teacherName(spec.name) }));
}

const projectionSpec = ({ student, teacher }: Distillation): ParameterSpec => ({
  name: PROJECTION,
  shape: [teacher.config.hiddenSize, student.config.hiddenSize],
  place: { kind: 'classifier' },
  initialiser: { kind: 'normal' },
  decay: true,
  origin: 'base',
});

/** Everything that the graph reads: the student's parameters, the map of hidden states, and what of the teacher is computed. */
export const distillationSpecs = (distillation: Distillation): ParameterSpec[] => [
  ...distillation.student.specs,
  ...(distillation.method === 'tinybert' ? [projectionSpec(distillation)] : []),
  ...teacherSpecs(distillation),
];

/**
 * Which parameters the loss depends on. Relations alone leave the upper part of the student's last block, and no method but the logits
 * reaches the masked-language head: these keep their values.
 */
export function distillationTrains({ student, method, ...settings }: Distillation): Trains {
  const last = `.layer.${student.config.numHiddenLayers - 1}.`;
  return ({ name, place }) => {
    if (name.startsWith(TEACHER)) return false;
    if (isLearnt(settings) || name === PROJECTION) return true;
    if (place.kind !== 'block') return place.kind === 'embeddings';
    return method === 'tinybert' || !name.includes(last) || name.includes('.attention.self.');
  };
}

/** Losses by what they compare; those that are learnt, weighted and added up, are the objective. */
export interface DistillationLosses {
  /** `relations`, `layers`, `logits`. */
  readonly parts: Readonly<Record<string, tf.Scalar>>;
  readonly total: tf.Scalar;
}

/** The objective, and its parts for who wants to see them apart. */
export interface DistillationObjective extends WideObjective<MaskedBatch> {
  losses(shape: MaskedBatch, tensors: Tensors, random: Randomness | undefined): DistillationLosses;
}

/** The text as it was before masking. */
function unmasked({ inputIds, maskedPositions, maskedLabels, maskedWeights }: MaskedBatch): Int32Array {
  const ids = Int32Array.from(inputIds);
  maskedPositions.forEach((position, i) => {
    if (maskedWeights[i] !== 0) ids[position] = maskedLabels[i] as number;
  });
  return ids;
}

export function distillationObjective(distillation: Distillation): DistillationObjective {
  const { student, teacher, method, teacherLayer } = distillation;
  const learnsLogits = isLearnt(distillation);
  const losses: DistillationObjective['losses'] = ({ rows, length }, tensors, random) => {
    const given = tensors as Record<string, tf.Tensor>;
    const inputs = {
      inputIds: given.inputIds as tf.Tensor,
      attentionMask: tf.ones([rows, length], 'int32'),
      tokenTypeIds: tf.zeros([rows, length], 'int32'),
    };
    const own = Object.entries(given).filter(([name]) => name.startsWith(TEACHER));
    const teachers = Object.fromEntries(own.map(([name, value]) => [name.slice(TEACHER.length), value]));
    const side = (
      config: ModelConfig,
      parameters: Tensors,
      drawn: Randomness | undefined,
      to: number,
    ): Side => {
      const context = modelContext({
        ...{ config, parameters, adaptation: noAdaptation },
        ...{ batch: rows, seq: length, random: drawn },
      });
      return { context, states: statesTo(context, inputs, to) };
    };
    const [layers, teacherLayers] = [student.config.numHiddenLayers, teacher.config.numHiddenLayers];
    const upTo =
      method === 'tinybert'
        ? [layers, teacherLayer]
        : [layers - 1, Math.min(teacherLayer, teacherLayers - 1)];
    const learner = side(student.config, tensors, random, upTo[0] as number);
    const master = side(teacher.config, teachers, undefined, upTo[1] as number);
    const parts: Record<string, tf.Scalar> = {};
    if (method === 'minilm') parts.relations = relationLoss(learner, master, { rows, length }, distillation);
    if (method === 'tinybert') {
      const projection = given[PROJECTION] as tf.Tensor2D;
      parts.layers = layerLoss(learner, master, { rows, length }, projection, distillation);
    }
    const share = given.share as tf.Scalar;
    const terms = Object.values(parts).map((part) => tf.mul(part, share) as tf.Scalar);
    if (learnsLogits) {
      const read = { kind: 'rows', rows: given.positions as tf.Tensor1D } as const;
      const logits = ({ context, states }: Side): tf.Tensor2D => {
        const block = Math.min(states.length, context.config.numHiddenLayers) - 1;
        const known = { block, hidden: states[block] as tf.Tensor2D };
        return maskedLmLogits(context, hiddenStates(context, inputs, read, known));
      };
      const weights = tf.reshape(given.weights as tf.Tensor, [-1, 1]);
      parts.logits = divergence(logits(learner), logits(master), weights);
      terms.push(tf.mul(parts.logits, distillation.logitsWeight));
    }
    return { parts, total: sum(terms) };
  };
  return {
    ...fixedRows,
    losses,
    specs: distillationSpecs(distillation),
    inputs: ({ rows, length, maskedPositions }) => ({
      inputIds: { shape: [rows, length], dtype: 'int32' },
      share: { shape: [] },
      ...(learnsLogits && {
        positions: { shape: [maskedPositions.length], dtype: 'int32' },
        weights: { shape: [maskedPositions.length] },
      }),
    }),
    size: ({ rows, length }) => rows * length,
    feeds: (batch, total) => {
      const { rows, length, inputIds, maskedPositions, maskedWeights } = batch;
      const share = (rows * length) / total;
      if (!learnsLogits) return { inputIds: unmasked(batch), share: Float32Array.of(share) };
      const predicted = Math.max(
        1,
        maskedWeights.reduce((count, weight) => count + weight, 0),
      );
      const weights = maskedWeights.map((weight) => (weight * share) / predicted);
      return { inputIds, share: Float32Array.of(share), positions: maskedPositions, weights };
    },
    loss: (shape, tensors, random) => losses(shape, tensors, random).total,
  };
}

/** Over all batches, without dropout: the loss, and what it is made of. @throws DataError for a loss that is not a number */
export async function evaluateDistillation(
  objective: DistillationObjective,
  parameters: Parameters,
  batches: Iterable<MaskedBatch>,
  options: CompileOptions,
): Promise<TextEvaluation> {
  const losses = (batch: MaskedBatch, tensors: Tensors): Tensors => {
    const { parts, total } = objective.losses(batch, tensors, undefined);
    return { ...parts, total };
  };
  const sums: Record<string, number> = {};
  let all = 0;
  for await (const { size, outputs } of outputsOver(objective, parameters, batches, losses, options)) {
    for (const [name, [value]] of Object.entries(outputs as Record<string, Float32Array>)) {
      checkFiniteHeldOut(value as number);
      sums[name] = (sums[name] ?? 0) + (value as number) * size;
    }
    all += size;
  }
  const { total, ...parts } = Object.fromEntries(
    Object.entries(sums).map(([name, value]) => [name, value / all]),
  );
  return { loss: total ?? Number.NaN, parts };
}
