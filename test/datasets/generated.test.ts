/** The generated task: the committed files are what the grammar gives, labels are balanced, splits share nothing. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GENERATED_DEFAULTS } from '../../src/cli/generate.js';
import { generatedFiles } from '../../src/datasets/generated.js';
import { packageRoot } from '../golden/golden.js';

const { train, dev, seed } = GENERATED_DEFAULTS;
const files = generatedFiles(train, dev, seed);
const rows = (name: string): string[] => (files[name] as string).trim().split('\n').slice(1);

test('data/glue/SST-2 is what the grammar gives, byte for byte', () => {
  for (const [name, text] of Object.entries(files)) {
    assert.equal(
      readFileSync(join(packageRoot, 'data/glue/SST-2', name), 'utf8'),
      text,
      `${name}: run progtuning generate --out data/glue`,
    );
  }
});

test('half of each label, no row twice, dev shares none with train; another seed gives other rows', () => {
  const [a, b] = [rows('train.tsv'), rows('dev.tsv')];
  assert.deepEqual([a.length, b.length], [train, dev]);
  assert.equal(a.filter((row) => row.endsWith('\t1')).length, train / 2);
  assert.equal(new Set([...a, ...b]).size, train + dev);
  assert.notEqual(generatedFiles(train, dev, seed + 1)['train.tsv'], files['train.tsv']);
});
