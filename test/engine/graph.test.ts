/** The traced graph as text: what tfjs's tape and our rules make of small functions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import '@tensorflow/tfjs-backend-cpu';
import { cumsum } from '@tensorflow/tfjs-core';
import { compile, compileFree, type SizedFunction, trace } from '../../src/engine/compile.js';
import type { BatchSize } from '../../src/engine/free.js';
import { linear } from '../../src/engine/fused.js';
import * as tf from '../../src/engine/tfjs.js';

const lines = (graph: { toString(): string }): string => `\n${graph.toString()}\n`;

test('a linear map with its gradients: three products, no transposed copy, no zero or one tensors', () => {
  const { graph } = trace(
    { x: { shape: [4, 3] }, w: { shape: [2, 3] }, b: { shape: [2] } },
    ({ x, w, b }) => {
      const loss = (weight: tf.Tensor, bias: tf.Tensor): tf.Scalar =>
        tf.sum(linear(x as tf.Tensor2D, weight as tf.Tensor2D, bias as tf.Tensor1D));
      const { value, grads } = tf.valueAndGrads(loss as (...args: tf.Tensor[]) => tf.Scalar)([w, b]);
      return { loss: value, dw: grads[0] as tf.Tensor, db: grads[1] as tf.Tensor };
    },
  );
  assert.equal(
    lines(graph),
    `
input x: float32[4,3]
input w: float32[2,3]
input b: float32[2]
v0: float32[4,2] = Gemm(x, w, b) {"transB":1}
v1: float32[] = ReduceSum(v0, (0,1)) {"keepdims":0}
v2: float32[4,2] = Expand((1), (4,2))
v3: float32[2,3] = Gemm(v2, x) {"transA":1,"transB":0,"alpha":{"float":1}}
v4: float32[2] = Expand((4), (2))
output loss = v1
output dw = v3
output db = v4
`,
  );
});

test('nothing is computed below the lowest trained parameter', () => {
  const twoLayers = (trainFirst: boolean): string => {
    const specs = { x: { shape: [4, 3] }, first: { shape: [3, 3] }, second: { shape: [3, 3] } };
    const { graph } = trace(specs, ({ x, first, second }) => {
      const wanted = trainFirst ? [first, second] : [second];
      const loss = (...w: tf.Tensor[]): tf.Scalar => {
        const [a, b] = trainFirst ? w : [first, w[0]];
        return tf.sum(
          tf.square(tf.matMul(tf.tanh(tf.matMul(x as tf.Tensor2D, a as tf.Tensor2D)), b as tf.Tensor2D)),
        );
      };
      const { grads } = tf.valueAndGrads(loss)(wanted);
      return Object.fromEntries(grads.map((grad, i) => [`d${i}`, grad]));
    });
    return graph.toString();
  };
  const products = (text: string): number => text.split('Gemm').length - 1;
  assert.equal(products(twoLayers(true)), 5);
  assert.equal(products(twoLayers(false)), 3);
});

test('a uniform constant of any size is one scalar in the graph', () => {
  const { graph } = trace({ x: { shape: [100, 100] } }, ({ x }) => ({
    y: tf.mul(tf.add(x, tf.fill([100, 100], 3)), tf.ones([100, 100])),
  }));
  assert.equal(
    lines(graph),
    '\ninput x: float32[100,100]\nv0: float32[100,100] = Add(x, (3))\noutput y = v0\n',
  );
});

test('a kernel without a rule is an error that names it and says where to add it', () => {
  assert.throws(
    () => trace({ x: { shape: [4] } }, ({ x }) => ({ y: cumsum(x as never) as never })),
    /kernel 'Cumsum' has no ONNX rule.*src\/engine\/kernels\/table\.ts/,
  );
});

test('reading a value while tracing is an error that says why', () => {
  assert.throws(
    () => trace({ x: { shape: [1] } }, ({ x }) => ({ y: tf.mul(x, x.dataSync()[0] as number) })),
    /is not known while/,
  );
});

test('the former tfjs backend is current again after tracing, also after an error', async () => {
  await tf.setBackend('cpu');
  trace({ x: { shape: [1] } }, ({ x }) => ({ y: tf.exp(x) }));
  assert.equal(tf.getBackend(), 'cpu');
  assert.throws(() => trace({ x: { shape: [1] } }, () => assert.fail('stop')));
  assert.equal(tf.getBackend(), 'cpu');
});

test('every elementwise, shape and reduction rule gives what tfjs cpu gives', async () => {
  const a = [0.5, -1.5, 2, 0.25, 3, -0.75];
  const cases: Record<string, (x: tf.Tensor2D, y: tf.Tensor2D) => tf.Tensor> = {
    arithmetic: (x, y) => tf.div(tf.sub(tf.mul(x, y), tf.add(x, 2)), tf.add(tf.square(y), 1)),
    powers: (x) => tf.add(tf.pow(tf.abs(x), 3), tf.add(tf.rsqrt(tf.square(x)), tf.sqrt(tf.abs(x)))),
    transcendental: (x) =>
      tf.add(tf.exp(x), tf.add(tf.tanh(x), tf.add(tf.erf(x), tf.add(tf.sigmoid(x), tf.log(tf.abs(x)))))),
    extremes: (x, y) =>
      tf.add(tf.maximum(x, y), tf.add(tf.minimum(x, 0.1), tf.add(tf.relu(x), tf.neg(tf.step(x))))),
    differences: (x, y) => tf.squaredDifference(x, y),
    comparisons: (x, y) =>
      tf.where(tf.logicalOr(tf.greater(x, y), tf.logicalNot(tf.lessEqual(x, 0))), x, tf.zerosLike(y)),
    equality: (x, y) => tf.add(tf.cast(tf.equal(x, y), 'float32'), tf.cast(tf.notEqual(x, 2), 'float32')),
    shapes: (x, y) => tf.concat([tf.transpose(x), tf.reshape(y, [3, 2])], 1),
    slices: (x) =>
      tf.pad(
        tf.slice(x, [0, 1], [2, 2]),
        [
          [1, 0],
          [0, 2],
        ],
        7,
      ),
    tiles: (x) => tf.tile(tf.expandDims(tf.slice(x, [0, 0], [2, 1]), 0), [2, 1, 3]),
    stacks: (x, y) => tf.stack([x, ...tf.split(tf.concat([x, y], 0), 2, 0)], 1),
    reductions: (x) => tf.stack([tf.sum(x), tf.mean(x), tf.max(x), tf.min(x), tf.prod(x)]),
    axes: (x) => tf.add(tf.sum(x, 1, true), tf.mean(x, 0)),
    indices: (x) =>
      tf.add(
        tf.cast(tf.argMax(x, 1), 'float32'),
        tf.cast(tf.sum(tf.oneHot(tf.argMax(x, 1), 4), 1), 'float32'),
      ),
    softmax: (x) => tf.add(tf.softmax(x), tf.logSoftmax(x)),
    products: (x, y) => tf.matMul(tf.matMul(x, y, false, true), x),
    batches: (x, y) => tf.matMul(tf.reshape(x, [2, 1, 3]), tf.reshape(y, [2, 3, 1])),
    gathers: (x) => tf.gather(x, tf.tensor1d([1, 0, 1, 1], 'int32')),
  };
  await tf.setBackend('cpu');
  for (const [name, fn] of Object.entries(cases)) {
    const specs = { x: { shape: [2, 3] }, y: { shape: [2, 3] } };
    const feeds = { x: Float32Array.from(a), y: Float32Array.from(a.map((v, i) => (i === 2 ? v : 1 - v))) };
    const results = [];
    for (const device of ['cpu', 'tfjs'] as const) {
      const program = await compile(specs, ({ x, y }) => ({ z: fn(x as tf.Tensor2D, y as tf.Tensor2D) }), {
        device,
        threads: 1,
      });
      results.push([...((await program.run(feeds)).z as Float32Array)]);
      await program.close();
    }
    const [native, eager] = results as [number[], number[]];
    assert.equal(native.length, eager.length, name);
    native.forEach((value, i) => {
      const wanted = eager[i] as number;
      assert.ok(
        Math.abs(value - wanted) <= 2e-6 * (1 + Math.abs(wanted)),
        `${name}[${i}]: ${value}, tfjs ${wanted}`,
      );
    });
  }
});

test('constants are not fed, whatever the size of the batch, and change no number', async () => {
  const at = ({ rows }: { readonly rows: number }) => ({
    inputs: { x: { shape: [rows, 2] }, w: { shape: [3, 2] } },
    fn: ({ x, w }: Readonly<Record<string, tf.Tensor>>) => ({
      y: tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D, false, true),
    }),
  });
  const x = Float32Array.of(1, 2, 3, 4);
  const w = Float32Array.of(1, 0, 0, 1, 0.5, -1);
  const wanted = [1, 2, -1.5, 3, 4, -2.5];
  for (const device of ['cpu', 'tfjs'] as const) {
    const { inputs, fn } = at({ rows: 2 });
    const fixed = await compile(inputs, fn, { device, constants: { w } });
    assert.deepEqual([...((await fixed.run({ x })).y as Float32Array)], wanted);
    const free = await compileFree(at as (size: BatchSize) => SizedFunction, { device, constants: { w } });
    for (const rows of [2, 1]) {
      const { y } = await free.run({ rows, length: 1 }, { x: x.subarray(0, 2 * rows) });
      assert.deepEqual([...(y as Float32Array)], wanted.slice(0, 3 * rows));
    }
    await fixed.close();
    await free.close();
  }
});
