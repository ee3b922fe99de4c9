/** Pairs of segments: what B follows, what gives the label away and must not, and that a pair depends on (seed, step) alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PackedRows } from '../../src/datasets/corpus.js';
import { segmentPairs } from '../../src/datasets/segment-pairs.js';

const [CLS, SEP, STOP] = [2, 3, 5];
const LENGTH = 64;
const ROWS = 500;
const TEXT = LENGTH - 2;

/** Row r: sentences of six to eleven tokens, each token's id unique in the split (from 100), each sentence closed by a full stop. */
function sentences(): PackedRows {
  const ids = new Uint16Array(ROWS * LENGTH);
  for (let row = 0; row < ROWS; row++) {
    const sentence = 6 + (row % 6);
    for (let column = 0; column < LENGTH; column++) {
      const word = (column + row) % sentence === 0 ? STOP : 100 + row * TEXT + column;
      ids[row * LENGTH + column] = column === 0 ? CLS : column === LENGTH - 1 ? SEP : word;
    }
  }
  return { ids, rows: ROWS, length: LENGTH };
}

const split = sentences();
const endsSentence = Uint8Array.from({ length: 65536 }, (_, id) => (id === STOP ? 1 : 0));
const all = Array.from({ length: ROWS }, (_, row) => row);
const pairs = segmentPairs(split, all, { endsSentence }, { seed: 3, step: 0 });

/** A pair taken apart. */
function pairOf(row: number) {
  const ids = [...pairs.ids.subarray(row * LENGTH, (row + 1) * LENGTH)];
  const types = [...pairs.tokenTypeIds.subarray(row * LENGTH, (row + 1) * LENGTH)];
  const start = types.indexOf(1);
  return { ids, types, a: ids.slice(1, start - 1), b: ids.slice(start, -1), start, label: pairs.labels[row] };
}

test('[CLS] A [SEP] B [SEP], token type 1 from B on; A and B begin a sentence after a sentence', () => {
  for (const row of all) {
    const { ids, types, a, b, start } = pairOf(row);
    assert.deepEqual([ids[0], ids[start - 1], ids.at(-1)], [CLS, SEP, SEP]);
    assert.deepEqual(
      types,
      types.map((_, at) => (at < start ? 0 : 1)),
    );
    assert.equal(a.at(-1), STOP);
    assert.ok(a.length >= 1 && b.length >= 1);
    assert.ok(start > 0.15 * LENGTH && start < 0.85 * LENGTH, `${start}`);
  }
});

test('label 0: A and B are one text, whole but for its first token; label 1: B is the end of the row, A is of another', () => {
  for (const row of all) {
    const { a, b, label } = pairOf(row);
    const text = [...split.ids.subarray(row * LENGTH + 1, (row + 1) * LENGTH - 1)];
    assert.deepEqual(b, text.slice(-b.length));
    if (label === 0) assert.deepEqual([...a, ...b], text.slice(1));
    else {
      const at = split.ids.indexOf(a.find((id) => id !== STOP) as number);
      const from = at - a.findIndex((id) => id !== STOP);
      assert.deepEqual(a, [...split.ids.subarray(from, from + a.length)]);
      assert.equal(Math.floor(from / LENGTH), Math.floor((from + a.length - 1) / LENGTH));
    }
  }
});

test('half of the pairs are of either kind, cut at the same places', () => {
  const of = (label: number) => all.map(pairOf).filter((pair) => pair.label === label);
  const [following, random] = [of(0), of(1)];
  assert.ok(Math.abs(random.length - ROWS / 2) < 4 * Math.sqrt(ROWS / 4), `${random.length}`);
  const mean = (list: typeof random) => list.reduce((sum, { start }) => sum + start, 0) / list.length;
  assert.ok(Math.abs(mean(following) - mean(random)) < 4, `${mean(following)}, ${mean(random)}`);
  assert.ok(new Set(random.map(({ a }) => Math.max(...a))).size > 0.6 * random.length);
});

test('a pair depends on seed and step alone', () => {
  const key = { seed: 3, step: 0 };
  assert.deepEqual(segmentPairs(split, all, { endsSentence }, key), pairs);
  assert.notDeepEqual(segmentPairs(split, all, { endsSentence }, { ...key, step: 1 }).ids, pairs.ids);
  assert.notDeepEqual(segmentPairs(split, all, { endsSentence }, { ...key, seed: 4 }).ids, pairs.ids);
});

test('no pair is cut where a document ends: what comes after it does not follow', () => {
  const ids = split.ids.slice();
  // After every other full stop another document begins.
  let stops = 0;
  ids.forEach((id, at) => {
    if (id === STOP && stops++ % 2 === 0 && at % LENGTH < LENGTH - 2) ids[at + 1] = SEP;
  });
  const cut = segmentPairs({ ...split, ids }, all, { endsSentence }, { seed: 3, step: 0 });
  const begins = all.map((row) => cut.ids[cut.tokenTypeIds.indexOf(1, row * LENGTH)]);
  assert.ok(ids.filter((id) => id === SEP).length > 2 * ROWS);
  assert.deepEqual(
    begins.filter((id) => id === SEP),
    [],
  );
});

test('text without a sentence end is cut all the same', () => {
  const ids = Uint16Array.from(
    { length: 4 * 16 },
    (_, i) => [CLS, ...Array(14).fill(9), SEP][i % 16] as number,
  );
  const whole = segmentPairs(
    { ids, rows: 4, length: 16 },
    [0, 1, 2, 3],
    { endsSentence },
    { seed: 1, step: 0 },
  );
  for (let row = 0; row < 4; row++) {
    const own = [...whole.ids.subarray(row * 16, (row + 1) * 16)];
    assert.equal(own.filter((id) => id === SEP).length, 2);
    assert.equal(own.filter((id) => id === 9).length, 13);
  }
});
