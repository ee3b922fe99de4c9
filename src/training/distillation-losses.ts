/** What distillation compares. Letters: B rows of the batch, S their length, H a hidden size; rows of a matrix are tokens, B S of them. */
import * as tf from '../engine/tfjs.js';
import { type AttentionVectors, attentionVectors } from '../models/encoder.js';
import { familyOf } from '../models/families.js';
import { statesBefore } from '../models/forward.js';
import type { ModelInputs } from '../models/inputs.js';
import type { ModelContext } from '../models/layers.js';

export const DISTILLATION_METHODS = ['minilm', 'tinybert', 'logits'] as const;

/**
 * What the student learns from the teacher.
 *
 * @useDeclaredType
 */
export type DistillationMethod = (typeof DISTILLATION_METHODS)[number];

/** What is compared, and with how much weight. */
export interface DistillationSettings {
  /** `logits`: the distribution of masked tokens alone. */
  readonly method: DistillationMethod;
  /** The teacher's layer, from 1, whose relations are learnt, or the last one that is. */
  readonly teacherLayer: number;
  /** Relation heads of `minilm`: both hidden sizes are cut into so many. */
  readonly relationHeads: number;
  /** Weight of the distribution of masked tokens; above 0 the input is masked. */
  readonly logitsWeight: number;
}

/** Rows of a batch and their length: all of them full. */
export interface Rows {
  readonly rows: number;
  readonly length: number;
}

/** Dot products of all pairs of tokens over the root of their width: [B S, H] twice -> [B, heads, S, S]. */
function scores(a: tf.Tensor2D, b: tf.Tensor2D, { rows, length }: Rows, heads: number): tf.Tensor4D {
  const size = a.shape[1] / heads;
  const split = (x: tf.Tensor2D): tf.Tensor4D =>
    tf.transpose(tf.reshape(x, [rows, length, heads, size]), [0, 2, 1, 3]);
  return tf.mul(tf.matMul(split(a), split(b), false, true), 1 / Math.sqrt(size));
}

/**
 * Kullback-Leibler divergence of the student's softmax over the last axis from the teacher's, summed with `weights`, which broadcast to
 * [..., 1]. Its gradient by the student's logits, (student - teacher) weight, is written out: a third of the passes over memory.
 */
export function divergence(student: tf.Tensor, teacher: tf.Tensor, weights: tf.Tensor): tf.Scalar {
  const logTeacher = tf.logSoftmax(teacher);
  const op = tf.customGrad((...args: unknown[]) => {
    const [logits, save] = args as [tf.Tensor, tf.GradSaveFunc];
    const logStudent = tf.logSoftmax(logits);
    const target = tf.exp(logTeacher);
    const each = tf.sum(tf.mul(target, tf.sub(logTeacher, logStudent)), -1, true);
    save([logStudent, target]);
    return {
      value: tf.sum(tf.mul(each, weights)),
      gradFunc: (dy: tf.Tensor, [own, wanted]: tf.Tensor[]) =>
        tf.mul(tf.sub(tf.exp(own as tf.Tensor), wanted as tf.Tensor), tf.mul(weights, dy)),
    };
  });
  return op(student) as tf.Scalar;
}

const meanSquare = (a: tf.Tensor, b: tf.Tensor): tf.Scalar => tf.mean(tf.square(tf.sub(a, b)));

export const sum = (terms: readonly tf.Scalar[]): tf.Scalar =>
  terms.reduce((total, term) => tf.add(total, term) as tf.Scalar);

/** Hidden states [B S, H] before block `from`, and each block's up to `to`. */
export function statesTo(context: ModelContext, inputs: ModelInputs, to: number): tf.Tensor2D[] {
  const states = [statesBefore(context, inputs, 0)];
  for (let block = 0; block < to; block++)
    states.push(statesBefore(context, inputs, block + 1, { block, hidden: states[block] as tf.Tensor2D }));
  return states;
}

/** Teacher layers beside the student's layers 0 (the embeddings) to L: spread evenly up to `teacherLayer`. */
export const layerMap = (layers: number, teacherLayer: number): number[] =>
  Array.from({ length: layers + 1 }, (_, layer) => Math.round((layer * teacherLayer) / layers));

/** An encoder that has read the batch. */
export interface Side {
  readonly context: ModelContext;
  /** Before each of its blocks, as far as they are known, and after the last of these. */
  readonly states: readonly tf.Tensor2D[];
}

/** @param block 0-based */
const vectorsOf = ({ context, states }: Side, block: number): AttentionVectors =>
  attentionVectors(
    context,
    familyOf(context.config).blockName(context.config, block),
    states[block] as tf.Tensor2D,
  );

/** Mean over batch, heads and tokens of the divergence of relations; the three kinds added up. */
export function relationLoss(
  student: Side,
  teacher: Side,
  shape: Rows,
  settings: DistillationSettings,
): tf.Scalar {
  const { relationHeads: heads, teacherLayer } = settings;
  const own = vectorsOf(student, student.context.config.numHiddenLayers - 1);
  const wanted = vectorsOf(teacher, teacherLayer - 1);
  const mean = tf.scalar(1 / (shape.rows * heads * shape.length));
  return sum(
    (['queries', 'keys', 'values'] as const).map((kind) =>
      divergence(
        scores(own[kind], own[kind], shape, heads),
        scores(wanted[kind], wanted[kind], shape, heads),
        mean,
      ),
    ),
  );
}

/** Mean squares of hidden states and of attention scores before the softmax, layer by layer, added up. */
export function layerLoss(
  student: Side,
  teacher: Side,
  shape: Rows,
  projection: tf.Tensor2D,
  { teacherLayer }: DistillationSettings,
): tf.Scalar {
  const layers = student.context.config.numHiddenLayers;
  const attention = (side: Side, layer: number): tf.Tensor4D => {
    const { queries, keys } = vectorsOf(side, layer - 1);
    return scores(queries, keys, shape, side.context.config.numAttentionHeads);
  };
  return sum(
    layerMap(layers, teacherLayer).flatMap((wanted, layer) => {
      const mapped = tf.matMul(student.states[layer] as tf.Tensor2D, projection, false, true);
      const hidden = meanSquare(mapped, teacher.states[wanted] as tf.Tensor2D);
      return layer === 0
        ? [hidden]
        : [hidden, meanSquare(attention(student, layer), attention(teacher, wanted))];
    }),
  );
}
