/** Packing, padding, orders. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Batch } from '../../src/datasets/batch.js';
import { batchesOf, byLength, makeBatch, padBatch, planBatches } from '../../src/datasets/batches.js';
import { bucketLength, planRows } from '../../src/datasets/row-packing.js';

const features = [3, 9, 5, 12, 7].map((length, i) => ({
  inputIds: Int32Array.from({ length }, (_, j) => 10 * (i + 1) + j),
  tokenTypeIds: new Int32Array(length).fill(i % 2),
  label: i,
}));
const options = { batchSize: 2, padTokenId: 99, maxLength: 64, shapes: 'any' } as const;

/** Lengths as tasks have them: many short ones, a few long. */
const skewed = (count: number, seed: number): number[] =>
  Array.from(
    { length: count },
    (_, i) => 4 + Math.floor(60 * (((i * 7919 + seed * 104729) % 1000) / 1000) ** 3),
  );

test('a padded batch is padded on the right with the pad token, mask 0 and type 0', () => {
  const batch = padBatch(features.slice(0, 2), 99);
  assert.deepEqual([batch.rows, batch.length], [2, 9]);
  assert.deepEqual([...batch.inputIds.slice(0, 9)], [10, 11, 12, 99, 99, 99, 99, 99, 99]);
  assert.deepEqual([...batch.attentionMask.slice(0, 9)], [1, 1, 1, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual([...batch.tokenTypeIds.slice(9)], new Array(9).fill(1));
});

/** What a slot of a batch holds, read back from the rows. */
function exampleOf(batch: Batch, slot: number) {
  const [start, length] = [batch.starts[slot] as number, batch.lengths[slot] as number];
  const of = (ids: Int32Array): number[] => [...ids.subarray(start, start + length)];
  return { ids: of(batch.inputIds), types: of(batch.tokenTypeIds), positions: of(batch.positions) };
}

test('a packed batch holds every example whole, in one row, under a number of its own, positions from 0', () => {
  const batch = makeBatch(features, { ...options, batchSize: 6 }, [4, 9, 2, 7, 1]);
  assert.deepEqual([batch.slots, batch.count], [6, 5]);
  features.forEach(({ inputIds, tokenTypeIds }, slot) => {
    const { ids, types, positions } = exampleOf(batch, slot);
    assert.deepEqual(ids, [...inputIds]);
    assert.deepEqual(types, [...tokenTypeIds]);
    assert.deepEqual(
      positions,
      ids.map((_, i) => i),
    );
    const start = batch.starts[slot] as number;
    assert.equal(Math.floor(start / batch.length), Math.floor((start + ids.length - 1) / batch.length));
    const places = [...batch.segments.keys()].filter((at) => batch.segments[at] === slot + 1);
    assert.deepEqual([places[0], places.length], [start, ids.length]);
  });
  assert.deepEqual([...batch.examples], [4, 9, 2, 7, 1, 0]);
  assert.deepEqual([...batch.lengths], [3, 9, 5, 12, 7, 0]);
  assert.deepEqual([...batch.labels], [0, 1, 2, 3, 4, 0]);
  batch.segments.forEach((segment, at) => {
    if (segment === 0)
      assert.deepEqual([batch.inputIds[at], batch.tokenTypeIds[at], batch.positions[at]], [99, 0, 0]);
  });
});

test('few tokens are computed that are not real: at most 1.12 for each one', () => {
  for (let seed = 0; seed < 20; seed++) {
    const lengths = skewed(32, seed);
    const { rows, length } = planRows(lengths, { maxLength: 128, shapes: 'any' });
    const ratio = (rows * length) / lengths.reduce((sum, tokens) => sum + tokens, 0);
    assert.ok(ratio <= 1.12, `${seed}: ${rows} x ${length}, ${ratio}`);
  }
});

test('rows are as long as the longest example and never longer than the model takes', () => {
  for (const [lengths, maxLength] of [
    [[50, 3], 50],
    [[1], 8],
    [[384, 384, 10], 384],
    [[7, 7, 7, 7], 7],
  ] as const) {
    for (const shapes of ['any', 'few'] as const) {
      const plan = planRows(lengths, { maxLength, shapes });
      assert.ok(plan.length >= Math.max(...lengths) && plan.length <= Math.max(8, maxLength), `${lengths}`);
      assert.ok(
        plan.starts.every((start, i) => (start % plan.length) + (lengths[i] as number) <= plan.length),
      );
    }
  }
});

test('an example without tokens, or longer than a row may be, is refused by its place and size', () => {
  const shapes = 'any' as const;
  assert.throws(() => planRows([3, 0], { maxLength: 8, shapes }), /example 2 of the batch has no tokens/);
  assert.throws(() => planRows([3, 9], { maxLength: 8, shapes }), /example 2 .* has 9 tokens, over .* 8/);
});

test('an empty batch has one row without a token; a batch of one is one row', () => {
  const empty = makeBatch([], options);
  assert.deepEqual([empty.rows, empty.count, Math.max(...empty.segments)], [1, 0, 0]);
  const one = makeBatch(features.slice(0, 1), options);
  assert.deepEqual([one.rows, one.length, one.count, one.slots], [1, 8, 1, 2]);
});

test('buckets: few shapes, never below the row nor above the longest', () => {
  const lengths = new Set<number>();
  for (let length = 1; length <= 128; length++) {
    const bucket = bucketLength(length, 128);
    assert.ok(bucket >= length && bucket <= 128);
    lengths.add(bucket);
  }
  assert.equal(lengths.size, 12);
  assert.equal(bucketLength(50, 50), 50);
  const rows = new Set(
    Array.from({ length: 64 }, (_, i) =>
      planRows(new Array(i + 1).fill(64), { maxLength: 64, shapes: 'few' }),
    ).map((plan) => plan.rows),
  );
  assert.ok(rows.size <= 24, `${[...rows]}`);
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
      batches.flatMap((batch) => [...batch]).sort((a, b) => a - b),
      Array.from({ length: 1003 }, (_, i) => i),
    );
    assert.ok(batches.every((batch) => batch.length <= 16));
    assert.deepEqual(batches, planBatches(1003, { batchSize: 16, ...plan }));
  }
  const orders = [0, 1].map((step) => planBatches(1003, { batchSize: 16, shuffle: { ...key, step } }));
  assert.notDeepEqual(orders[0], orders[1]);
});

test('a batch knows the numbers of its examples in the data set', () => {
  const shuffle = { seed: 1, stream: 2, step: 0 };
  const seen = [...batchesOf(features, options, { shuffle })].flatMap(
    ({ examples, count, inputIds, starts }) =>
      Array.from({ length: count }, (_, slot) => {
        const example = examples[slot] as number;
        assert.equal(inputIds[starts[slot] as number], features[example]?.inputIds[0]);
        return example;
      }),
  );
  assert.deepEqual(seen.sort(), [0, 1, 2, 3, 4]);
});

test('longest first', () => {
  assert.deepEqual(byLength(features), [3, 1, 4, 2, 0]);
});
