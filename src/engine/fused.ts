/**
 * The pieces of a Transformer that have gradients of their own while tracing and are composed of plain tfjs operations on any
 * other backend: the same model code runs on both, and each form checks the other.
 *
 * @module
 */

import type { fusedKernels } from './kernels/fused.js';
import * as tf from './tfjs.js';
import { isTracing } from './trace-backend.js';

type Tensors = Record<string, tf.Tensor>;

/** Calls one of our kernels; only the tracing backend has them. */
function run(kernel: keyof typeof fusedKernels, inputs: Tensors, attrs: object = {}): tf.Tensor[] {
  const result = tf.engine().runKernel(kernel, inputs as never, attrs as never);
  return Array.isArray(result) ? result : [result as tf.Tensor];
}

/** `customGrad` with typed saved tensors. */
function withGradient(
  inputs: readonly tf.Tensor[],
  forward: () => { value: tf.Tensor; saved: tf.Tensor[] },
  gradient: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[],
): tf.Tensor {
  const op = tf.customGrad((...args: unknown[]) => {
    const save = args[args.length - 1] as tf.GradSaveFunc;
    const { value, saved } = forward();
    save(saved);
    return { value, gradFunc: (dy: tf.Tensor, kept: tf.Tensor[]) => gradient(dy, kept) };
  });
  return op(...inputs);
}

/** Linear map as in `torch.nn.Linear`: x [rows, in], w [out, in], b [out] -> [rows, out]. */
export function linear(x: tf.Tensor2D, w: tf.Tensor2D, b: tf.Tensor1D): tf.Tensor2D {
  if (!isTracing()) return tf.add(tf.matMul(x, w, false, true), b);
  return withGradient(
    [x, w, b],
    () => ({ value: run('FusedLinear', { x, w, b })[0] as tf.Tensor, saved: [x, w] }),
    (dy, [input, weight]) => [
      tf.matMul(dy as tf.Tensor2D, weight as tf.Tensor2D),
      tf.matMul(dy as tf.Tensor2D, input as tf.Tensor2D, true, false),
      run('FusedBiasGrad', { dy })[0] as tf.Tensor,
    ],
  ) as tf.Tensor2D;
}

/** Layer normalisation over the last axis: x [rows, hidden], gamma and beta [hidden]. Biased variance, as in PyTorch. */
export function layerNorm(
  x: tf.Tensor2D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  epsilon: number,
): tf.Tensor2D {
  if (!isTracing()) {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon))), gamma), beta);
  }
  return withGradient(
    [x, gamma, beta],
    () => {
      const [value, inverse] = run('FusedLayerNorm', { x, gamma, beta }, { epsilon }) as [
        tf.Tensor,
        tf.Tensor,
      ];
      return { value, saved: [x, gamma, inverse] };
    },
    (dy, [input, scale, inverse]) =>
      run('FusedLayerNormGrad', { dy, x: input, gamma: scale, inverse } as Tensors, { epsilon }),
  ) as tf.Tensor2D;
}

/** GELU with erf (Hendrycks and Gimpel 2016; Hugging Face's `gelu`): x Phi(x). */
export function gelu<T extends tf.Tensor>(x: T): T {
  if (!isTracing()) return tf.mul(x, tf.mul(0.5, tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))))) as T;
  return withGradient(
    [x],
    () => ({ value: run('FusedGelu', { x })[0] as tf.Tensor, saved: [x] }),
    (dy, [input]) => run('FusedGeluGrad', { dy, x: input } as Tensors),
  ) as T;
}

/** Examples of the batch and attention heads. */
export interface AttentionShape {
  readonly batch: number;
  readonly heads: number;
}

/**
 * Multi-head attention without its linear maps: softmax(q k^T / sqrt depth + bias) v, probabilities times `mask` (dropout).
 * @param q [batch queries, hidden] @param k @param v [batch seq, hidden] @param bias [batch, 1, 1, seq], 0 or a large negative number
 * @param mask [batch, heads, queries, seq], 0 or 1 / (1 - rate); undefined: no dropout @param shape examples and heads @returns context [batch queries, hidden]
 */
export function attention(
  q: tf.Tensor2D,
  k: tf.Tensor2D,
  v: tf.Tensor2D,
  bias: tf.Tensor,
  mask: tf.Tensor | undefined,
  { batch, heads }: AttentionShape,
): tf.Tensor2D {
  if (!isTracing()) return composedAttention(q, k, v, bias, mask, { batch, heads });
  const attrs = { batch, heads };
  const dropout: Tensors = mask ? { mask } : {};
  return withGradient(
    [q, k, v],
    () => {
      const made = run('FusedAttention', { q, k, v, bias, ...dropout }, attrs);
      return { value: made[0] as tf.Tensor, saved: made };
    },
    (dy, [context, probabilities, ...byHead]) => {
      const [q, k, v] = byHead;
      return run('FusedAttentionGrad', { dy, q, k, v, context, probabilities, ...dropout } as Tensors, attrs);
    },
  ) as tf.Tensor2D;
}

const composedAttention: typeof attention = (q, k, v, bias, mask, { batch, heads }) => {
  const [rows, hidden] = q.shape;
  const split = (x: tf.Tensor): tf.Tensor4D =>
    tf.transpose(tf.reshape(x, [batch, (x.shape[0] as number) / batch, heads, hidden / heads]), [0, 2, 1, 3]);
  const scores = tf.mul(tf.matMul(split(q), split(k), false, true), 1 / Math.sqrt(hidden / heads));
  const probabilities = tf.softmax(tf.add(scores, bias));
  const kept = mask ? tf.mul(probabilities, mask) : probabilities;
  return tf.reshape(tf.transpose(tf.matMul(kept, split(v)), [0, 2, 1, 3]), [rows, hidden]);
};

/**
 * Softmax cross-entropy, summed with `weights` (which sum to 1 for a mean): logits [rows, classes], labels int32 [rows] -> [].
 * A row of weight 0 adds nothing (padding).
 */
export function crossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D, weights: tf.Tensor1D): tf.Scalar {
  if (!isTracing()) {
    const target = tf.cast(tf.oneHot(labels, logits.shape[1]), 'float32');
    return tf.neg(tf.sum(tf.mul(tf.sum(tf.mul(tf.logSoftmax(logits), target), 1), weights))) as tf.Scalar;
  }
  return withGradient(
    [logits],
    () => {
      const [value, saved] = run('FusedCrossEntropy', { logits, labels, weights }) as [tf.Tensor, tf.Tensor];
      return { value, saved: [saved] };
    },
    (dy, [logProbabilities]) =>
      run('FusedCrossEntropyGrad', { dy, logProbabilities, labels, weights } as Tensors),
  ) as tf.Scalar;
}

/** The same values; no gradient passes (its gradient is exactly 0). */
export const stopGradient = <T extends tf.Tensor>(x: T): T =>
  tf.customGrad((...args: unknown[]) => ({
    value: tf.clone(args[0] as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
  }))(x) as T;

/** Inverted dropout with a mask of 0 and 1 / (1 - rate), drawn outside the graph from (seed, step): see `compile.ts`. */
export const dropout = <T extends tf.Tensor>(x: T, mask: tf.Tensor | undefined): T =>
  mask ? (tf.mul(x, mask) as T) : x;

/** Sum of squares of each tensor, [count]: what clipping by the global norm needs, in one pass each. */
export function squaredNorms(tensors: readonly tf.Tensor[]): tf.Tensor1D {
  if (!isTracing()) return tf.stack(tensors.map((x) => tf.sum(tf.square(x)))) as tf.Tensor1D;
  return run('FusedSquaredNorms', Object.fromEntries(tensors.map((x, i) => [`x${i}`, x])))[0] as tf.Tensor1D;
}
