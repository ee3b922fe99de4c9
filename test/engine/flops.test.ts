import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trace } from '../../src/engine/compile.js';
import { matrixFlops } from '../../src/engine/flops.js';
import * as tf from '../../src/engine/tfjs.js';

test('products are counted with their transposes and stacks, whatever else the program does', () => {
  const { graph } = trace({ a: { shape: [3, 5] }, b: { shape: [7, 3] }, c: { shape: [4, 7, 2] } }, (t) => {
    const first = tf.matMul(t.a as tf.Tensor2D, t.b as tf.Tensor2D, true, true); // [5, 7], inner 3
    return { y: tf.exp(tf.matMul(tf.reshape(tf.tile(first, [4, 1]), [4, 5, 7]), t.c)) }; // 4 x [5, 2], inner 7
  });
  assert.equal(matrixFlops(graph), 2 * (5 * 7 * 3 + 4 * 5 * 2 * 7));
});
