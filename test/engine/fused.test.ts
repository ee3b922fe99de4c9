/** The fused pieces against PyTorch (test/golden/fused.py), against finite differences, and against their composed forms. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import '@tensorflow/tfjs-backend-cpu';
import { compile, type TensorSpec } from '../../src/engine/compile.js';
import type { Device } from '../../src/engine/device.js';
import * as fused from '../../src/engine/fused.js';
import * as tf from '../../src/engine/tfjs.js';
import { goldenJson } from '../golden/golden.js';

interface Flat {
  readonly shape: number[];
  readonly data: number[];
}
interface Case {
  readonly piece: string;
  readonly options: { readonly epsilon?: number; readonly batch?: number; readonly heads?: number };
  readonly inputs: Record<string, Flat>;
  readonly upstream: Flat;
  readonly output: Flat;
  readonly gradients: Record<string, number[]>;
}
type Inputs = Readonly<Record<string, tf.Tensor>>;

const { cases } = goldenJson<{ cases: Case[] }>('fused.json');

function piece({ piece: name, options }: Case, t: Inputs): tf.Tensor {
  const [two, one] = [(key: string) => t[key] as tf.Tensor2D, (key: string) => t[key] as tf.Tensor1D];
  switch (name) {
    case 'linear':
      return fused.linear(two('x'), two('w'), one('b'));
    case 'layerNorm':
      return fused.layerNorm(two('x'), one('gamma'), one('beta'), options.epsilon as number);
    case 'gelu':
      return fused.gelu(two('x'));
    case 'attention': {
      const shape = { batch: options.batch as number, heads: options.heads as number };
      return fused.attention(two('q'), two('k'), two('v'), t.bias as tf.Tensor, t.mask, shape);
    }
    case 'crossEntropy':
      return fused.crossEntropy(two('logits'), one('labels'), one('weights'));
    case 'dropout':
      return fused.dropout(two('x'), t.mask);
    default:
      throw new Error(name);
  }
}

const isInteger = (name: string): boolean => name === 'labels';

/** Output, sum(output * upstream) and its gradients on a device. */
async function evaluate(item: Case, device: Device, changed: Record<string, Float32Array> = {}) {
  const names = Object.keys(item.gradients);
  const specs: Record<string, TensorSpec> = { upstream: { shape: item.upstream.shape } };
  const feeds: Record<string, Float32Array | Int32Array> = {
    upstream: Float32Array.from(item.upstream.data),
  };
  for (const [name, { shape, data }] of Object.entries(item.inputs)) {
    specs[name] = { shape, dtype: isInteger(name) ? 'int32' : 'float32' };
    feeds[name] = changed[name] ?? (isInteger(name) ? Int32Array.from(data) : Float32Array.from(data));
  }
  const program = await compile(
    specs,
    (inputs: Inputs) => {
      let output: tf.Tensor | undefined;
      const total = (...values: tf.Tensor[]): tf.Scalar => {
        output = piece(item, {
          ...inputs,
          ...Object.fromEntries(names.map((name, i) => [name, values[i] as tf.Tensor])),
        });
        return tf.sum(tf.mul(output, inputs.upstream as tf.Tensor));
      };
      const { value, grads } = tf.valueAndGrads(total)(names.map((name) => inputs[name] as tf.Tensor));
      const plain = piece(item, inputs);
      return {
        value,
        output: plain,
        ...Object.fromEntries(grads.map((gradient, i) => [`d ${names[i]}`, gradient])),
      };
    },
    { device, threads: 1 },
  );
  const result = await program.run(feeds);
  await program.close();
  return result;
}

function close(actual: ArrayLike<number>, wanted: readonly number[], tolerance: number, what: string): void {
  assert.equal(actual.length, wanted.length, what);
  const scale = Math.max(1, ...wanted.map(Math.abs));
  wanted.forEach((value, i) => {
    const difference = Math.abs((actual[i] as number) - value);
    assert.ok(difference <= tolerance * scale, `${what}[${i}]: ${actual[i]}, wanted ${value}`);
  });
}

await tf.setBackend('cpu');
cases.forEach((item, index) => {
  for (const device of ['cpu', 'tfjs'] as const) {
    test(`${item.piece} (case ${index}) on ${device}: output and gradients are PyTorch's`, async () => {
      const result = await evaluate(item, device);
      close(result.output as Float32Array, item.output.data, 2e-6, 'output');
      for (const [name, wanted] of Object.entries(item.gradients)) {
        close(result[`d ${name}`] as Float32Array, wanted, 4e-6, `d ${name}`);
      }
    });
  }
  test(`${item.piece} (case ${index}): gradients are finite differences`, async () => {
    const step = 2 ** -8;
    for (const [name, gradient] of Object.entries(item.gradients)) {
      const data = item.inputs[name]?.data as number[];
      for (let i = 0; i < data.length; i += Math.ceil(data.length / 5)) {
        const at = async (offset: number): Promise<number> => {
          const moved = Float32Array.from(data);
          moved[i] = (data[i] as number) + offset;
          return (await evaluate(item, 'cpu', { [name]: moved })).value?.[0] as number;
        };
        const slope = ((await at(step)) - (await at(-step))) / (2 * step);
        const wanted = gradient[i] as number;
        assert.ok(
          Math.abs(slope - wanted) <= 0.02 * (1 + Math.abs(wanted)),
          `d ${name}[${i}]: ${wanted}, slope ${slope}`,
        );
      }
    }
  });
});
