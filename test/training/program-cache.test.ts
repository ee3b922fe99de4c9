/** Programs of many shapes share a budget of memory; what they are thought to hold is what they hold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arenaBytes } from '../../src/engine/arena.js';
import { type Compiled, compile } from '../../src/engine/compile.js';
import * as tf from '../../src/engine/tfjs.js';
import { programCache } from '../../src/training/program-cache.js';

const shape = (length: number) => ({ rows: 1, length });

function countingCache(budgetBytes: number) {
  const log: string[] = [];
  const cache = programCache(async ({ length }: { rows: number; length: number }): Promise<Compiled> => {
    log.push(`compile ${length}`);
    return {
      graph: undefined,
      heldBytes: length,
      run: async () => ({}),
      close: async () => {
        log.push(`close ${length}`);
      },
    };
  }, budgetBytes);
  return { cache, log };
}

test('the program that was used longest ago goes first when the budget is spent', async () => {
  const { cache, log } = countingCache(100);
  for (const length of [30, 40, 30, 50]) await cache.get(shape(length));
  assert.deepEqual(log, ['compile 30', 'compile 40', 'compile 50', 'close 40']);
  await cache.close();
  assert.deepEqual(log.slice(4).sort(), ['close 30', 'close 50']);
});

test('a program larger than the budget is kept alone', async () => {
  const { cache, log } = countingCache(100);
  for (const length of [60, 500, 500, 60]) await cache.get(shape(length));
  assert.deepEqual(log, ['compile 60', 'compile 500', 'close 60', 'compile 60', 'close 500']);
});

test('what a program holds: live intermediate values and masks', async () => {
  const program = await compile({ x: { shape: [64, 64] } }, ({ x }, random) => {
    const a = tf.exp(x); // 16 KiB, read by b and c
    const b = tf.erf(a); // 16 KiB
    const c = tf.reshape(tf.mul(a, b), [4096]); // 16 KiB with a and b alive; the reshape adds nothing
    return { y: tf.mul(c, random.mask([4096], 0.5, 'place') as tf.Tensor) }; // y is the caller's
  });
  assert.equal(program.heldBytes, 3 * 64 * 64 * 4 + arenaBytes(4096));
  await program.close();
});
