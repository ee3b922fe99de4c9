/**
 * The pieces of a decoder that have gradients of their own while tracing, and are composed of plain tfjs operations on any other
 * backend, as in `fused.ts`.
 */
import { crossEntropy } from './fused.js';
import { runKernel as run, type Tensors, withGradient } from './fused-kernel.js';
import * as tf from './tfjs.js';
import { isTracing } from './trace-backend.js';

/** Root-mean-square normalisation over the last axis (Zhang and Sennrich 2019; HF `LlamaRMSNorm`): x [rows, hidden], gamma [hidden]. */
export function rmsNorm(x: tf.Tensor2D, gamma: tf.Tensor1D, epsilon: number): tf.Tensor2D {
  if (!isTracing())
    return tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon))), gamma);
  return withGradient(
    [x, gamma],
    () => {
      const [value, inverse] = run('FusedRmsNorm', { x, gamma }, { epsilon }) as [tf.Tensor, tf.Tensor];
      return { value, saved: [x, gamma, inverse] };
    },
    (dy, [input, scale, inverse]) =>
      run('FusedRmsNormGrad', { dy, x: input, gamma: scale, inverse } as Tensors, { epsilon }),
  ) as tf.Tensor2D;
}

/**
 * Rotary positions (Su et al. 2021; HF `apply_rotary_pos_emb`): coordinates i and i + depth / 2 of each head turned by the token's i-th angle.
 * @param x [rows, heads depth] @param cos @param sin [rows, depth / 2], of the angles: no gradient goes there
 */
export function rotary(x: tf.Tensor2D, cos: tf.Tensor2D, sin: tf.Tensor2D): tf.Tensor2D {
  if (!isTracing()) {
    const [rows, half] = cos.shape;
    const heads = x.shape[1] / (2 * half);
    const part = (which: number): tf.Tensor3D =>
      tf.reshape(tf.slice(tf.reshape(x, [rows, heads, 2, half]), [0, 0, which, 0], [rows, heads, 1, half]), [
        rows,
        heads,
        half,
      ]);
    const [c, s] = [cos, sin].map((angles) => tf.reshape(angles, [rows, 1, half])) as [tf.Tensor, tf.Tensor];
    const [low, high] = [part(0), part(1)];
    const turned = [tf.sub(tf.mul(low, c), tf.mul(high, s)), tf.add(tf.mul(high, c), tf.mul(low, s))];
    return tf.reshape(tf.concat(turned, 2), [rows, x.shape[1]]);
  }
  return withGradient(
    [x],
    () => ({ value: run('FusedRotary', { x, cos, sin })[0] as tf.Tensor, saved: [cos, sin] }),
    // Turned back.
    (dy, [c, s]) => run('FusedRotary', { x: dy, cos: c, sin: tf.neg(s as tf.Tensor) } as Tensors),
  ) as tf.Tensor2D;
}

/** silu(gate) * up (Shazeer 2020; HF `LlamaMLP`): both [rows, intermediate]. */
export function swiglu(gate: tf.Tensor2D, up: tf.Tensor2D): tf.Tensor2D {
  if (!isTracing()) return tf.mul(tf.mul(gate, tf.sigmoid(gate)), up);
  return withGradient(
    [gate, up],
    () => ({ value: run('FusedSwiglu', { gate, up })[0] as tf.Tensor, saved: [gate, up] }),
    (dy, [g, u]) => run('FusedSwigluGrad', { dy, gate: g, up: u } as Tensors),
  ) as tf.Tensor2D;
}

/** GELU by tanh, operation by operation: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). */
export function composedGeluTanh(x: tf.Tensor2D): tf.Tensor2D {
  const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.mul(x, tf.mul(x, x)))));
  return tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(inner)));
}

/** GELU by tanh (Hugging Face's `gelu_new`). */
export function geluTanh(x: tf.Tensor2D): tf.Tensor2D {
  if (!isTracing()) return composedGeluTanh(x);
  return withGradient(
    [x],
    () => ({ value: run('FusedGeluTanh', { x })[0] as tf.Tensor, saved: [x] }),
    (dy, [input]) => run('FusedGeluTanhGrad', { dy, x: input } as Tensors),
  ) as tf.Tensor2D;
}

/** Rows [rows, hidden] against the output embedding [vocabulary, hidden], and the token that each predicts, int32 [rows]. */
export interface Predicting {
  readonly hidden: tf.Tensor2D;
  readonly embedding: tf.Tensor2D;
  readonly labels: tf.Tensor1D;
  /** Pieces of the rows that are computed one after another: the logits of one piece are held at a time. */
  readonly pieces: number;
}

/** Cross-entropy of vocabulary logits that are never held whole, summed with `weights` as `crossEntropy`: -> []. */
export function vocabularyLoss(given: Predicting, weights: tf.Tensor1D): tf.Scalar {
  const { hidden, embedding, labels, pieces } = given;
  if (!isTracing()) return crossEntropy(tf.matMul(hidden, embedding, false, true), labels, weights);
  return withGradient(
    [hidden, embedding],
    () => {
      const [value, ...gradients] = run(
        'FusedVocabularyLoss',
        { hidden, embedding, labels, weights },
        { pieces },
      ) as [tf.Tensor, tf.Tensor, tf.Tensor];
      return { value, saved: gradients };
    },
    (dy, gradients) => gradients.map((gradient) => tf.mul(gradient, dy)),
  ) as tf.Scalar;
}

/** Of each row the negative log-probability of its token: [rows]. Has no gradient. */
export function tokenLosses({ hidden, embedding, labels, pieces }: Predicting): tf.Tensor1D {
  if (!isTracing()) {
    const logits = tf.matMul(hidden, embedding, false, true);
    const target = tf.cast(tf.oneHot(labels, embedding.shape[0]), 'float32');
    return tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), target), 1)) as tf.Tensor1D;
  }
  return run('FusedTokenLosses', { hidden, embedding, labels }, { pieces })[0] as tf.Tensor1D;
}
