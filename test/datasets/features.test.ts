/** Examples -> features: rows keep their labels and their order over the chunks that the tokenizer takes, and when they are kept as plain numbers. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Feature } from '../../src/datasets/batch.js';
import { CompactFeatures } from '../../src/datasets/compact-features.js';
import { featuresOf } from '../../src/datasets/features.js';
import { resolveModel } from '../../src/datasets/source.js';
import { loadTokenizer, type TextTokenizer } from '../../src/tokenizers/tokenizer.js';
import { writeTokenizer } from '../../src/tokenizers/train.js';

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const NUMBERS = Array.from({ length: 10 }, (_, i) => `${i}`);
const digit = (value: string): number => SPECIAL.length + Number(value);

let folder = '';
let tokenizer: TextTokenizer;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'progtuning-features-'));
  await writeTokenizer(folder, [...SPECIAL, ...NUMBERS, 'a'], { lowercase: true });
  tokenizer = await loadTokenizer(folder);
});
after(() => rm(folder, { recursive: true }));

test('each row keeps its own text and label, beyond one chunk', async () => {
  const count = 20_000;
  const spelt = (i: number): string => [...`${i}`].join(' ');
  const examples = Array.from({ length: count }, (_, i) => ({ texts: [spelt(i)] as const, label: i }));
  const progress: number[] = [];
  const features = await featuresOf(examples, tokenizer, 16, (done) => progress.push(done));
  assert.equal(features.length, count);
  assert.equal(progress.at(-1), count);
  assert.ok(progress.length > 1);
  features.forEach(({ inputIds, label }, i) => {
    const wanted = [2, ...[...`${i}`].map(digit), 3].join();
    if (label !== i || [...inputIds].join() !== wanted) assert.fail(`row ${i}: ${inputIds}, label ${label}`);
  });
});

test('pairs: two types, cut together, shorter text whole', async () => {
  const [feature] = await featuresOf([{ texts: ['1 2', '3 4 5 6 7 8 9'], label: 0.5 }], tokenizer, 8);
  assert.deepEqual([...(feature?.inputIds ?? [])], [2, digit('1'), digit('2'), 3, 8, 9, 10, 3]);
  assert.deepEqual([...(feature?.tokenTypeIds ?? [])], [0, 0, 0, 0, 1, 1, 1, 1]);
  assert.equal(feature?.label, 0.5);
});

test('kept as plain numbers they are the same features, one by one and in order', () => {
  const rows = (count: number, target: (i: number) => Partial<Feature>): Feature[] =>
    Array.from({ length: count }, (_, i) => {
      const length = 1 + ((i * 7) % 13);
      return {
        inputIds: Int32Array.from({ length }, (_, j) => (i * j) % 70_000),
        // One text in the first rows, two in the later ones.
        tokenTypeIds: Int32Array.from({ length }, (_, j) => (i > 5000 && 2 * j > length ? 1 : 0)),
        ...target(i),
      };
    });
  const cases = [
    rows(9000, (i) => ({ label: i / 3 })),
    rows(10, (i) => ({ classes: [i % 2, 1, 0] })),
    rows(4096, (i) => ({ classes: [i % 2, 1, 0] })),
    [],
  ];
  for (const wanted of cases) {
    const kept = new CompactFeatures();
    for (const row of wanted) kept.add(row);
    assert.equal(kept.length, wanted.length);
    assert.deepEqual([...kept], wanted);
    for (const i of [0, 4095, 4096, 8999, 9000, 20_000]) assert.deepEqual(kept.at(i), wanted[i]);
  }
});

test('no examples, no features', async () => {
  assert.deepEqual(await featuresOf([], tokenizer, 8), []);
});

test('a model that is a folder, or looks like a path, is not asked of the hub', async () => {
  for (const model of [folder, './no/such', '/no/such', 'a/b/c'])
    assert.equal(await resolveModel(model), model);
});
