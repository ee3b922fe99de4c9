/**
 * The pieces of a Transformer that have gradients of their own while tracing and are composed of plain tfjs operations on any
 * other backend: the same model code runs on both, and each form checks the other.
 *
 * @module
 */

import { runKernel as run, type Tensors, withGradient } from './fused-kernel.js';
import * as tf from './tfjs.js';
import { isTracing } from './trace-backend.js';

/**
 * Linear map as in `torch.nn.Linear`: x [rows, in], w [out, in], b [out] or none -> [rows, out].
 * @param layout `in-out`: w is [in, out], as in GPT-2's `Conv1D`
 */
export function linear(
  x: tf.Tensor2D,
  w: tf.Tensor2D,
  b?: tf.Tensor1D,
  layout: 'out-in' | 'in-out' = 'out-in',
): tf.Tensor2D {
  const transposed = layout === 'out-in';
  if (!b || !isTracing()) {
    const product = tf.matMul(x, w, false, transposed);
    return (b ? tf.add(product, b) : product) as tf.Tensor2D;
  }
  return withGradient(
    [x, w, b],
    () => ({ value: run('FusedLinear', { x, w, b }, { transposed })[0] as tf.Tensor, saved: [x, w] }),
    (dy, [input, weight]) => {
      const [of, to] = (transposed ? [dy, input] : [input, dy]) as [tf.Tensor2D, tf.Tensor2D];
      return [
        tf.matMul(dy as tf.Tensor2D, weight as tf.Tensor2D, false, !transposed),
        tf.matMul(of, to, true, false),
        run('FusedBiasGrad', { dy })[0] as tf.Tensor,
      ];
    },
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
  /** Heads of keys and values, each for as many neighbouring heads of queries (grouped-query attention). Default: `heads`. */
  readonly keyHeads?: number;
  /** Factor on the products of queries and keys. Default: 1 / sqrt depth. */
  readonly scale?: number;
  /** Added to the scores of all examples, [1, heads, queries, seq]: with a gradient, as relative positions have. */
  readonly relative?: tf.Tensor | undefined;
}

/**
 * Multi-head attention without its linear maps: softmax(scale q k^T + bias) v, probabilities times `mask` (dropout).
 * @param q [batch queries, hidden] @param k @param v [batch seq, hidden], or narrower with fewer heads; or by head, [batch, heads, seq, depth], without gradient
 * @param bias [batch, 1, 1, seq] or [batch, 1, queries, seq], 0 or a large negative number
 * @param mask [batch, heads, queries, seq], 0 or 1 / (1 - rate); undefined: no dropout @param shape examples and heads @returns context [batch queries, hidden]
 */
export function attention(
  q: tf.Tensor2D,
  k: tf.Tensor2D | tf.Tensor4D,
  v: tf.Tensor2D | tf.Tensor4D,
  bias: tf.Tensor,
  mask: tf.Tensor | undefined,
  { batch, heads, keyHeads = heads, relative, scale = 1 / Math.sqrt(q.shape[1] / heads) }: AttentionShape,
): tf.Tensor2D {
  const attrs = { batch, heads, keyHeads, scale };
  if (!isTracing()) return composedAttention(q, k, v, [bias, relative], mask, attrs);
  const dropout: Tensors = mask ? { mask } : {};
  const added: Tensors = relative ? { relative } : {};
  return withGradient(
    [q, k, v, ...Object.values(added)],
    () => {
      const made = run('FusedAttention', { q, k, v, bias, ...added, ...dropout }, attrs);
      return { value: made[0] as tf.Tensor, saved: made };
    },
    (dy, [context, probabilities, ...byHead]) => {
      const [q, k, v] = byHead;
      return run('FusedAttentionGrad', { dy, q, k, v, context, probabilities, ...dropout } as Tensors, {
        ...attrs,
        isRelative: relative !== undefined,
      });
    },
  ) as tf.Tensor2D;
}

function composedAttention(
  q: tf.Tensor2D,
  k: tf.Tensor2D | tf.Tensor4D,
  v: tf.Tensor2D | tf.Tensor4D,
  [bias, relative]: readonly [bias: tf.Tensor, relative: tf.Tensor | undefined],
  mask: tf.Tensor | undefined,
  { batch, heads, keyHeads, scale }: Required<Omit<AttentionShape, 'relative'>>,
): tf.Tensor2D {
  const [rows, hidden] = q.shape;
  const [queries, depth] = [rows / batch, hidden / heads];
  const split = (x: tf.Tensor, count: number): tf.Tensor4D =>
    x.rank === 4
      ? (x as tf.Tensor4D)
      : tf.transpose(tf.reshape(x, [batch, (x.shape[0] as number) / batch, count, depth]), [0, 2, 1, 3]);
  // The queries of heads that share a key come one below the other.
  const grouped = (x: tf.Tensor): tf.Tensor4D =>
    tf.reshape(x, [batch, keyHeads, (heads / keyHeads) * queries, -1]);
  const byHead = (x: tf.Tensor): tf.Tensor4D => tf.reshape(x, [batch, heads, queries, -1]);
  const products = tf.matMul(grouped(split(q, heads)), split(k, keyHeads), false, true);
  const scaled = tf.mul(byHead(products), scale);
  const scores = relative ? tf.add(scaled, relative) : scaled;
  const probabilities = tf.softmax(tf.add(scores, bias));
  const kept = mask ? tf.mul(probabilities, mask) : probabilities;
  const context = byHead(tf.matMul(grouped(kept), split(v, keyHeads)));
  return tf.reshape(tf.transpose(context, [0, 2, 1, 3]), [rows, hidden]);
}

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
