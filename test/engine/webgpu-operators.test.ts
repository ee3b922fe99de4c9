/** The operators that the webgpu provider lacks, written in others: the same numbers, run on the CPU. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Graph } from '../../src/engine/graph.js';
import { matrixProduct } from '../../src/engine/kernels/reduction.js';
import { openSession } from '../../src/engine/session.js';
import { withWebgpuOperators } from '../../src/engine/webgpu-operators.js';

const wave = (count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7));

async function runs(graph: Graph, feeds: Record<string, Float32Array>): Promise<Float32Array> {
  const session = await openSession(graph, { device: 'cpu', threads: 1 });
  const { y } = await session.run(feeds);
  const copy = Float32Array.from(y as Float32Array);
  await session.close();
  return copy;
}

const apart = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] as number))), 0);

test('stacked products, transposed and scaled, without FusedMatMul', async () => {
  for (const [transA, transB] of [
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ] as const) {
    // Long inside, then short: the factor goes onto the smaller side.
    for (const inner of [2, 9]) {
      const graph = new Graph();
      const a = graph.input('a', transA ? [2, 3, inner, 4] : [2, 3, 4, inner]);
      const b = graph.input('b', transB ? [2, 3, 5, inner] : [2, 3, inner, 5]);
      graph.output('y', matrixProduct(graph, a, b, transA, transB, 0.25));
      const lowered = withWebgpuOperators(graph);
      assert.match(String(graph), /FusedMatMul/);
      assert.doesNotMatch(String(lowered), /FusedMatMul/);
      const feeds = { a: wave(24 * inner), b: wave(30 * inner) };
      const [expected, actual] = [await runs(graph, feeds), await runs(lowered, feeds)];
      assert.equal(actual.length, 120);
      assert.ok(apart(expected, actual) < 1e-6, `${transA} ${transB} ${inner}: ${apart(expected, actual)}`);
    }
  }
});

test('the logarithm of a softmax without LogSoftmax, for logits that overflow', async () => {
  const graph = new Graph();
  const input = graph.input('x', [3, 4]);
  graph.output('y', graph.node('LogSoftmax', [input], { shape: [3, 4] }, { attributes: { axis: -1 } }));
  const lowered = withWebgpuOperators(graph);
  assert.match(String(graph), /LogSoftmax/);
  assert.doesNotMatch(String(lowered), /LogSoftmax/);
  const x = wave(12).map((value, i) => value * (i < 4 ? 1 : i < 8 ? 200 : -200));
  const [expected, actual] = [await runs(graph, { x }), await runs(lowered, { x })];
  assert.ok(actual.every(Number.isFinite));
  assert.ok(apart(expected, actual) < 1e-4, `${expected} / ${actual}`);
});
