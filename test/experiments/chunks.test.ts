/** Items in groups: full ones, or those that are there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { chunksOf } from '../../src/experiments/chunks.js';

async function grouped(
  items: AsyncIterable<number> | Iterable<number>,
  waitMs?: number,
): Promise<number[][]> {
  const found: number[][] = [];
  for await (const chunk of chunksOf(items, 3, waitMs)) found.push(chunk);
  return found;
}

test('groups are full but for the last, however slowly items come; with a wait they go as they are', async () => {
  async function* slow(): AsyncGenerator<number> {
    yield* [1, 2];
    await sleep(60);
    yield* [3, 4, 5, 6];
  }
  assert.deepEqual(await grouped([1, 2, 3, 4]), [[1, 2, 3], [4]]);
  assert.deepEqual(await grouped([]), []);
  assert.deepEqual(await grouped(slow()), [
    [1, 2, 3],
    [4, 5, 6],
  ]);
  assert.deepEqual(await grouped(slow(), 5), [[1, 2], [3, 4, 5], [6]]);
});

test('items before one that cannot be read are given; a reader that leaves waits for no more', async () => {
  async function* failing(): AsyncGenerator<number> {
    yield* [1, 2];
    throw new Error('unreadable');
  }
  const found: number[][] = [];
  const reading = async (): Promise<void> => {
    for await (const chunk of chunksOf(failing(), 3)) found.push(chunk);
  };
  await assert.rejects(reading, /unreadable/);
  assert.deepEqual(found, [[1, 2]]);
  const first = [Promise.resolve({ done: false, value: 1 })];
  const endless: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => first.pop() ?? new Promise<never>(() => undefined),
      return: () => new Promise<never>(() => undefined),
    }),
  };
  for await (const chunk of chunksOf(endless, 3, 5)) {
    assert.deepEqual(chunk, [1]);
    break;
  }
});
