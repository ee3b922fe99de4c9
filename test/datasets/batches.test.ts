/** Padding, buckets, orders. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchesOf, bucketLength, byLength, makeBatch, planBatches } from '../../src/datasets/batches.js';

const features = [3, 9, 5, 12, 7].map((length, i) => ({
  inputIds: Int32Array.from({ length }, (_, j) => 10 * (i + 1) + j),
  tokenTypeIds: new Int32Array(length).fill(i % 2),
  label: i,
}));
const options = { batchSize: 2, padTokenId: 99, maxLength: 64, lengths: 'exact', padRows: false } as const;

test('a batch pads on the right with the pad token, mask 0 and type 0', () => {
  const batch = makeBatch(features.slice(0, 2), options);
  assert.deepEqual([batch.rows, batch.length, batch.count], [2, 9, 2]);
  assert.deepEqual([...batch.inputIds.slice(0, 9)], [10, 11, 12, 99, 99, 99, 99, 99, 99]);
  assert.deepEqual([...batch.attentionMask.slice(0, 9)], [1, 1, 1, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual([...batch.tokenTypeIds.slice(9)], new Array(9).fill(1));
  assert.deepEqual([...batch.labels], [0, 1]);
});

test('buckets: few lengths, never below the row nor above the longest', () => {
  const lengths = new Set<number>();
  for (let length = 1; length <= 128; length++) {
    const bucket = bucketLength(length, 128);
    assert.ok(bucket >= length && bucket <= 128);
    lengths.add(bucket);
  }
  assert.equal(lengths.size, 12);
  assert.equal(bucketLength(50, 50), 50);
});

test('filled rows attend to one position and do not count', () => {
  const batch = makeBatch(features.slice(0, 1), { ...options, padRows: true });
  assert.deepEqual([batch.rows, batch.count], [2, 1]);
  assert.deepEqual([...batch.attentionMask], [1, 1, 1, 1, 0, 0]);
});

test('spans are labels in pairs', () => {
  const span = { inputIds: Int32Array.of(1, 2), tokenTypeIds: Int32Array.of(0, 0), span: [0, 1] as const };
  assert.deepEqual([...makeBatch([span, span], options).labels], [0, 1, 0, 1]);
});

test('every example is in exactly one batch, whatever the order; a key repeats its order', () => {
  const lengths = Array.from({ length: 1003 }, (_, i) => (i * 7) % 60);
  const key = { seed: 1, stream: 2, step: 0 };
  for (const plan of [{}, { shuffle: key }, { lengths }, { shuffle: key, lengths }]) {
    const batches = planBatches(1003, { batchSize: 16, ...plan });
    assert.deepEqual(
      batches.flat().sort((a, b) => a - b),
      Array.from({ length: 1003 }, (_, i) => i),
    );
    assert.ok(batches.every((batch) => batch.length <= 16));
    assert.deepEqual(batches, planBatches(1003, { batchSize: 16, ...plan }));
  }
  const orders = [0, 1].map((step) => planBatches(1003, { batchSize: 16, shuffle: { ...key, step } }).flat());
  assert.notDeepEqual(orders[0], orders[1]);
});

test('grouping by length pads less', () => {
  const many = Array.from({ length: 600 }, (_, i) => features[i % 5] as (typeof features)[0]);
  const shuffle = { seed: 1, stream: 2, step: 0 };
  const tokens = (groupByLength: boolean): number =>
    [...batchesOf(many, { ...options, batchSize: 8 }, { shuffle, groupByLength })].reduce(
      (sum, { rows, length }) => sum + rows * length,
      0,
    );
  assert.ok(tokens(true) < 0.75 * tokens(false), `${tokens(true)} ${tokens(false)}`);
});

test('longest first', () => {
  assert.deepEqual(byLength(features), [3, 1, 4, 2, 0]);
});
