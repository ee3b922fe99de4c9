/** Masking: what is chosen, how often, what it becomes; epochs; that a batch depends on (seed, step) alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PackedRows } from '../../src/datasets/corpus.js';
import {
  heldOutBatches,
  type MaskedBatch,
  type MaskingVocabulary,
  maskedBatches,
  maskedSlots,
  maskRows,
} from '../../src/datasets/masking.js';

/** Ids 0-4 special, 5-59 words, 60-99 continuations. */
const size = 100;
const flags = (is: (id: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: size }, (_, id) => (is(id) ? 1 : 0));
const vocabulary: MaskingVocabulary = {
  maskId: 4,
  special: flags((id) => id < 5),
  continues: flags((id) => id >= 60),
  ordinary: Uint16Array.from({ length: size - 5 }, (_, i) => i + 5),
  endsSentence: flags((id) => id === 5),
};
const LENGTH = 32;
const ROWS = 10;

/** Row r: [CLS], then words of one to three pieces with a [SEP] in the middle, [SEP]. */
const split: PackedRows = {
  rows: ROWS,
  length: LENGTH,
  ids: Uint16Array.from({ length: ROWS * LENGTH }, (_, i) => {
    const [row, column] = [Math.floor(i / LENGTH), i % LENGTH];
    if (column === 0) return 2;
    if (column === LENGTH - 1 || column === 15) return 3;
    return column % 3 === 1 ? 5 + ((row * 7 + column) % 55) : 60 + ((row + column) % 40);
  }),
};
const options = { seed: 7, rows: 4, probability: 0.15, wholeWords: false };
const slots = maskedSlots(LENGTH, 0.15);

/** The batch with its labels put back. */
function restored({ inputIds, maskedPositions, maskedLabels, maskedWeights }: MaskedBatch): number[] {
  const ids = [...inputIds];
  maskedPositions.forEach((at, i) => {
    if (maskedWeights[i] === 1) ids[at] = maskedLabels[i] as number;
  });
  return ids;
}

test('round(0.15 length) distinct positions per row, never special, labels are the originals, nothing else changes', () => {
  assert.deepEqual([maskedSlots(128, 0.15), slots], [19, 5]);
  for (let step = 0; step < 200; step++) {
    const batch = maskRows(split, [3, 1, 3], vocabulary, { ...options, step });
    assert.deepEqual(
      restored(batch),
      [3, 1, 3].flatMap((row) => [...split.ids.subarray(row * LENGTH, (row + 1) * LENGTH)]),
    );
    assert.ok(batch.maskedWeights.every((weight) => weight === 1));
    assert.equal(new Set(batch.maskedPositions).size, 3 * slots);
    assert.ok(batch.maskedLabels.every((id) => id >= 5));
    const rows = Array.from(batch.maskedPositions, (at) => Math.floor(at / LENGTH));
    assert.deepEqual(
      rows,
      Array.from(rows, (_, i) => Math.floor(i / slots)),
    );
  }
});

test('80 % [MASK], 10 % random, 10 % kept; all positions and all replacements are equally likely', () => {
  const chosen = new Float64Array(LENGTH);
  const random = new Float64Array(size);
  const counts = { mask: 0, random: 0, kept: 0 };
  const steps = 4000;
  for (let step = 0; step < steps; step++) {
    const { inputIds, maskedPositions, maskedLabels } = maskRows(split, [0, 1, 2, 3], vocabulary, {
      ...options,
      step,
    });
    maskedPositions.forEach((at, i) => {
      const id = inputIds[at] as number;
      chosen[at % LENGTH]!++;
      if (id === 4) counts.mask++;
      else if (id === maskedLabels[i]) counts.kept++;
      else {
        counts.random++;
        random[id]!++;
      }
    });
  }
  const total = steps * 4 * slots;
  // Four standard deviations of a binomial; a random draw hits the original once in 95.
  const near = (count: number, share: number, of = total): void =>
    assert.ok(
      Math.abs(count / of - share) < 4 * Math.sqrt((share * (1 - share)) / of),
      `${count / of} is not ${share}`,
    );
  near(counts.mask, 0.8);
  near(counts.random, 0.1 * (94 / 95));
  near(counts.kept, 0.1 + 0.1 / 95);
  for (let column = 1; column < LENGTH - 1; column++)
    if (column !== 15) near(chosen[column] as number, 1 / 29);
  for (let id = 5; id < size; id++) near(random[id] as number, 1 / 95, counts.random);
});

test('whole words: all pieces of a word or none; slots that no word fits weigh nothing and point at [CLS]', () => {
  let unused = 0;
  for (let step = 0; step < 300; step++) {
    const batch = maskRows(split, [0, 5], vocabulary, {
      ...options,
      wholeWords: true,
      probability: 0.12,
      step,
    });
    const masked = new Set<number>();
    batch.maskedPositions.forEach((at, i) => {
      if (batch.maskedWeights[i] === 1) masked.add(at);
      else {
        unused++;
        assert.deepEqual([at % LENGTH, batch.maskedLabels[i]], [0, 0]);
      }
    });
    for (const at of masked) {
      const id = (index: number): number => restored(batch)[index] as number;
      if (id(at) >= 60 && id(at - 1) >= 5) assert.ok(masked.has(at - 1), `${at} without its word's start`);
      if (id(at + 1) >= 60) assert.ok(masked.has(at + 1), `${at} without its word's rest`);
    }
  }
  // Four slots: a word of three leaves one, the one word of two leaves two.
  assert.ok(unused >= 600 && unused < 700, `${unused}`);
});

test('a row with little text uses fewer slots', () => {
  const ids = new Uint16Array(LENGTH).fill(3);
  ids.set([2, 7, 8]);
  const batch = maskRows({ ids, rows: 1, length: LENGTH }, [0], vocabulary, { ...options, step: 0 });
  assert.deepEqual([...batch.maskedWeights], [1, 1, 0, 0, 0]);
  assert.deepEqual([...batch.maskedPositions], [1, 2, 0, 0, 0]);
});

test('each epoch shows every row once, in another order; masks are drawn anew', () => {
  const batchAt = maskedBatches(split, vocabulary, options);
  const key = (row: number[]): string => row.join(' ');
  const names = new Map(
    Array.from({ length: ROWS }, (_, r) => [key([...split.ids.subarray(r * LENGTH, (r + 1) * LENGTH)]), r]),
  );
  const seen = Array.from({ length: 5 }, (_, step) => {
    const ids = restored(batchAt(step));
    return [0, 1, 2, 3].map((r) => names.get(key(ids.slice(r * LENGTH, (r + 1) * LENGTH))));
  }).flat();
  const [first, second] = [seen.slice(0, 10), seen.slice(10)];
  for (const epoch of [first, second])
    assert.deepEqual(
      epoch.toSorted(),
      Array.from({ length: ROWS }, (_, i) => i),
    );
  assert.notDeepEqual(first, second);
});

test('a batch depends on seed and step alone, whatever was asked before', () => {
  const inOrder = maskedBatches(split, vocabulary, options);
  const all = Array.from({ length: 12 }, (_, step) => inOrder(step));
  const resumed = maskedBatches(split, vocabulary, options);
  for (const step of [11, 3, 7, 0, 11]) assert.deepEqual(resumed(step), all[step]);
  assert.notDeepEqual(maskedBatches(split, vocabulary, { ...options, seed: 8 })(0), all[0]);
});

test('held-out batches: every row in order once, the same each time', () => {
  const once = [...heldOutBatches(split, vocabulary, options)];
  assert.deepEqual(
    once.map(({ rows }) => rows),
    [4, 4, 2],
  );
  assert.deepEqual(once.flatMap(restored), [...split.ids]);
  assert.deepEqual(
    [...heldOutBatches(split, vocabulary, { ...options, maxRows: 5 })].map(({ rows }) => rows),
    [4, 1],
  );
  assert.deepEqual([...heldOutBatches(split, vocabulary, options)], once);
});
