/** Pairs of texts: both of a pair in one row of either stack, whatever the batch; and spans of a text as such pairs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeBatch } from '../../src/datasets/batches.js';
import { planPairs } from '../../src/datasets/row-packing.js';
import { checkSentinels, corrupted, corruptedRows, spanCounts } from '../../src/datasets/span-corruption.js';
import { uniform } from '../../src/random.js';

test('pairs lie whole, apart, and in the same row of either stack', () => {
  const draws = uniform({ seed: 3, stream: 4, step: 0 }, 60);
  const sizes = (from: number, most: number): number[] =>
    Array.from(draws.subarray(from, from + 30), (draw) => 1 + Math.floor(draw * most));
  const [sources, targets] = [sizes(0, 40), sizes(30, 20)];
  for (const shapes of ['any', 'few'] as const) {
    const { rows, length, starts, target } = planPairs(sources, targets, { maxLength: 100, shapes });
    const taken = [new Set<number>(), new Set<number>()] as const;
    sources.forEach((source, i) => {
      const [start, targetStart] = [starts[i] as number, target.starts[i] as number];
      const row = Math.floor(start / length);
      assert.equal(row, Math.floor((start + source - 1) / length));
      assert.equal(row, Math.floor(targetStart / target.length));
      assert.equal(row, Math.floor((targetStart + (targets[i] as number) - 1) / target.length));
      assert.ok(row < rows);
      for (let j = 0; j < source; j++) taken[0].add(start + j);
      for (let j = 0; j < (targets[i] as number); j++) taken[1].add(targetStart + j);
    });
    const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
    assert.deepEqual([taken[0].size, taken[1].size], [sum(sources), sum(targets)]);
    if (shapes === 'any') assert.ok(rows * length < 1.35 * sum(sources), `${rows} x ${length}`);
  }
  assert.throws(() => planPairs([3, 4], [2, 101], { maxLength: 100, shapes: 'any' }), {
    name: 'DataError',
    message: /example 2 of the batch has 101 tokens, over the maximum length 100/,
  });
});

test('a batch of pairs has its targets beside it', () => {
  const features = [
    { inputIds: [5, 6, 1], tokenTypeIds: [0, 0, 0], target: [7, 1] },
    { inputIds: [8, 1], tokenTypeIds: [0, 0], target: [9, 4, 1] },
  ];
  const batch = makeBatch(features, { batchSize: 3, padTokenId: 0, maxLength: 16, shapes: 'any' });
  assert.deepEqual([batch.rows, batch.length, batch.targetLength], [1, 8, 8]);
  assert.deepEqual([...(batch.target?.ids ?? [])], [7, 1, 9, 4, 1, 0, 0, 0]);
  assert.deepEqual([...(batch.target?.segments ?? [])], [1, 1, 2, 2, 2, 0, 0, 0]);
  assert.deepEqual([...(batch.target?.starts ?? [])], [0, 2, 0]);
  assert.deepEqual([...(batch.target?.lengths ?? [])], [2, 3, 0]);
});

const spans = { seed: 1, density: 0.15, meanLength: 3, end: 1, sentinels: [99, 98, 97, 96] } as const;

test('spans: what is read and what is written make up the text, each span under its sentinel', () => {
  const text = Array.from({ length: 60 }, (_, i) => 10 + i);
  assert.deepEqual(spanCounts(60, spans), { replaced: 9, spans: 3 });
  const seen = new Set<string>();
  for (let step = 0; step < 20; step++) {
    const [feature] = corruptedRows([text], spans, step);
    const [source, target] = [[...(feature?.inputIds ?? [])], [...(feature?.target ?? [])]];
    assert.deepEqual([source.length, target.length], [60 - 9 + 3 + 1, 9 + 3 + 1]);
    assert.deepEqual([source.at(-1), target.at(-1)], [1, 1]);
    const written = new Map<number, number[]>();
    for (const id of target.slice(0, -1)) {
      if (id >= 90) written.set(id, []);
      else [...written.values()].at(-1)?.push(id);
    }
    assert.deepEqual([...written.keys()], [99, 98, 97]);
    assert.deepEqual(
      source.slice(0, -1).flatMap((id) => written.get(id) ?? [id]),
      text,
    );
    seen.add(source.join());
  }
  assert.ok(seen.size > 15, 'drawn anew at every step');
  assert.deepEqual(corruptedRows([text], spans, 3), corruptedRows([text], spans, 3));
  // The shortest row: one token stays, one is replaced.
  assert.deepEqual(
    corrupted([10, 11], spans, () => 0),
    { source: [10, 99, 1], target: [99, 11, 1] },
  );
  assert.throws(() => checkSentinels(200, spans), {
    name: 'DataError',
    message: /a row of 200 tokens has 10 spans, the tokenizer 4 sentinel tokens; take shorter rows or longer/,
  });
});
