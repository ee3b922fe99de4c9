/** The range test: rates rise exponentially, the steepest descent is suggested, and the curve is drawn. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { rangeText } from '../../src/cli/range-test.js';
import { DEFAULT_TEXTS, literatureText } from '../../src/cli/recipe-options.js';
import { createModel } from '../../src/experiments/create-model.js';
import { learningRateRange, steepest } from '../../src/experiments/learning-rate-range.js';
import { runSpec } from '../../src/experiments/run-spec.js';
import { defaultLearningRate } from '../../src/peft/defaults.js';

const home = await mkdtemp(join(tmpdir(), 'progtuning-range-'));
after(() => rm(home, { recursive: true }));

test('the steepest descent of a curve whose place is known; none where it only rises', () => {
  const point = (i: number, smoothed: number) => ({
    learningRate: 10 ** (i / 10 - 6),
    loss: smoothed,
    smoothed,
  });
  const falling = Array.from({ length: 60 }, (_, i) => point(i, -Math.tanh((i - 35) / 5)));
  assert.equal(steepest(falling), 35);
  assert.equal(steepest(Array.from({ length: 60 }, (_, i) => point(i, i))), undefined);
});

test('on a small model: it stops when the loss runs away, suggests a rate between, and draws the curve', async () => {
  const texts = ['the hall is warm', 'the yard is wet', 'the door is shut'];
  const model = join(home, 'model');
  const data = join(home, 'own.csv');
  await createModel({ out: model, layers: 3, hidden: 32, heads: 2, vocabSize: 36, texts, seed: 1 });
  const rows = Array.from({ length: 48 }, (_, i) => `${texts[i % 3]},${'abc'[i % 3]}`);
  await writeFile(data, `text,label\n${rows.join('\n')}\n`);
  const columns = { text: 'text', label: 'label' };
  const spec = runSpec({ task: 'classification', data, model, columns, batchSize: 8, maxLength: 16 });
  const found = await learningRateRange(spec, { threads: 1, from: 1e-5, to: 10, steps: 80 });
  const rates = found.points.map(({ learningRate }) => learningRate);
  assert.ok(rates.every((rate, i) => i === 0 || rate > (rates[i - 1] as number)));
  assert.ok(found.suggestion !== null && found.suggestion > 1e-5 && found.suggestion < 1);
  const text = rangeText(found, spec);
  assert.match(text, /\*/);
  assert.match(text, /try --learning-rate \d(\.\d)?e-\d \(now 2e-5\)$/);
  assert.deepEqual(await learningRateRange(spec, { threads: 1, from: 1e-5, to: 10, steps: 80 }), found);
});

test('default rates are numbers by method and width; those of BERT-base are as they were', () => {
  assert.deepEqual(
    [768, 512, 256].map((hiddenSize) => defaultLearningRate('full', { hiddenSize })),
    [2e-5, 2e-5, 3e-4],
  );
  assert.match(DEFAULT_TEXTS.learningRate, /full 2e-5, lora 4e-4, .*narrower than 512: full 3e-4/);
  assert.match(literatureText('rte', { kind: 'full' }), /learning rate 2e-5, epochs 3, batch 32, .*run_glue/);
});
