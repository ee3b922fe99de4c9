/** How a fused piece calls kernels of ours and brings its own gradient. */
import type { decoderKernels } from './kernels/decoder.js';
import type { fusedKernels } from './kernels/fused.js';
import * as tf from './tfjs.js';

export type Tensors = Record<string, tf.Tensor>;

/** Calls one of our kernels; only the tracing backend has them. */
export function runKernel(
  kernel: keyof typeof fusedKernels | keyof typeof decoderKernels,
  inputs: Tensors,
  attrs: object = {},
): tf.Tensor[] {
  const result = tf.engine().runKernel(kernel, inputs as never, attrs as never);
  return Array.isArray(result) ? result : [result as tf.Tensor];
}

/** `customGrad` with typed saved tensors. */
export function withGradient(
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
