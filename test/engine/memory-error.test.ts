/** An allocation that fails names the tensor and the remedy; the program can be used no further, the process goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile } from '../../src/engine/compile.js';
import * as tf from '../../src/engine/tfjs.js';
import { DataError } from '../../src/errors.js';

test('an intermediate value of four terabytes', async () => {
  const n = 2 ** 20;
  const program = await compile(
    { a: { shape: [n, 1] }, b: { shape: [1, n] } },
    ({ a, b }) => ({ c: tf.sum(tf.exp(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D))) }),
    { threads: 1 },
  );
  const feeds = { a: new Float32Array(n), b: new Float32Array(n) };
  await assert.rejects(program.run(feeds), (error) => {
    assert.ok(error instanceof DataError, String(error));
    assert.match(
      error.message,
      /^memory: 4194304 MiB for the result of Gemm, \[1048576,1048576\] could not be allocated; lower --batch-size/,
    );
    return true;
  });
  await program.close();
});
