/** The range test: rates rise exponentially, the steepest descent is suggested, and the curve is drawn. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { rangeText } from '../../src/cli/range-test.js';
import { DEFAULT_TEXTS, defaultsOf, literatureText } from '../../src/cli/recipe-options.js';
import { createModel } from '../../src/experiments/create-model.js';
import { learningRateRange, steepest } from '../../src/experiments/learning-rate-range.js';
import { runSpec } from '../../src/experiments/run-spec.js';
import { trainingRows } from '../../src/experiments/training-rows.js';
import { type ModelConfig, PRESETS } from '../../src/models/config.js';
import { writeConfig } from '../../src/models/config-file.js';
import { defaultLearningRate, RECIPES, smallRecipe } from '../../src/peft/defaults.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';

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

test('a small model on few rows has steps enough by default; what is given wins, and larger models are as they were', async () => {
  const budget = (rows: number) => {
    const { batchSize, epochs, warmupRatio } = smallRecipe(RECIPES.full, rows);
    return [batchSize, epochs, warmupRatio, (rows / batchSize) * epochs >= 1875];
  };
  assert.deepEqual(budget(100), [8, 9, 0.1, false]);
  assert.deepEqual(budget(2000), [8, 9, 0.1, true]);
  assert.deepEqual(budget(2500), [8, 6, 0.1, true]);
  assert.deepEqual(budget(5000), [8, 3, 0.1, true]);
  assert.deepEqual(budget(10_000), [16, 3, 0.1, true]);
  assert.equal(smallRecipe(RECIPES.full, 20_000), RECIPES.full);
  const full = { kind: 'full' } as const;
  const request = { task: 'sst2', data: 'embedded', model: 'progtuning-bert-6x256' };
  const found = await defaultsOf('default', request, full, {});
  assert.deepEqual([found.learningRate, found.batchSize, found.epochs, found.stages], [3e-4, 8, 9, 3]);
  const data = join(home, 'rows.csv');
  await writeFile(data, `text,label\n${'a,b\n'.repeat(6000)}`);
  const own = { ...request, task: 'classification', data, columns: { text: 'text', label: 'label' } };
  assert.equal(await trainingRows(own, 20_000), 6000);
  assert.equal(await trainingRows({ ...own, validationSplit: 0.1, maxTrainExamples: 1000 }, 20_000), 900);
  assert.equal((await defaultsOf('default', { ...own, validationSplit: 0.1 }, full, {})).epochs, 3);
  for (const given of [{ epochs: 3 }, { batchSize: 32 }, { maxSteps: 100 }, { gradientAccumulationSteps: 2 }])
    assert.deepEqual(await defaultsOf('default', request, full, given), {
      ...{ ...RECIPES.full, learningRate: 3e-4, stages: 3 },
    });
  const [wide, low] = [await createWide('wide', 12), await createWide('low', 2)];
  const ofModel = (model: string) => defaultsOf('default', { ...request, model }, full, {});
  assert.deepEqual(await ofModel(wide), { ...RECIPES.full, stages: 3 });
  // More epochs than there are blocks cannot be a stage each.
  assert.equal((await ofModel(low)).stages, 2);
  assert.equal((await defaultsOf('literature', { ...request, task: 'rte' }, LORA_DEFAULTS, {})).stages, 3);
  assert.match(
    DEFAULT_TEXTS.epochs,
    /3; models narrower than 512: below 5000 rows 6, below 2500 rows 9 in 3 stages/,
  );
  assert.match(DEFAULT_TEXTS.batchSize, /32.*narrower than 512: below 20000 rows 16, below 10000 rows 8/);
});

/** A model's config is all that defaults ask for. */
async function createWide(name: string, numHiddenLayers: number): Promise<string> {
  const folder = join(home, name);
  await mkdir(folder, { recursive: true });
  const config = { ...(PRESETS['bert-base-uncased'] as ModelConfig), numHiddenLayers };
  await writeConfig(folder, config, { kind: 'span' });
  return folder;
}
