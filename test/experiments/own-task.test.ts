/** Data of one's own from file to saved model, and back through `predict`. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createModel } from '../../src/experiments/create-model.js';
import { predictTexts } from '../../src/experiments/predict-run.js';
import { run } from '../../src/experiments/run.js';
import { runSpec } from '../../src/experiments/run-spec.js';

let home: string;
let model: string;
const TEXTS = ['the film is fine', 'the cast is dull', 'the plot is long'];

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-own-'));
  model = join(home, 'model');
  await createModel({ out: model, layers: 2, hidden: 16, heads: 2, vocabSize: 40, texts: TEXTS, seed: 1 });
});
after(() => rm(home, { recursive: true }));

async function* rowsOf(texts: readonly string[]): AsyncGenerator<readonly [string]> {
  for (const text of texts) yield [text];
}

async function trained(kind: 'classification' | 'multi-label', labels: readonly string[]) {
  const data = join(home, `${kind}.csv`);
  const rows = Array.from({ length: 24 }, (_, i) => `${TEXTS[i % 3]},${labels[i % 3]}`);
  await writeFile(data, ['text,label', ...rows, ''].join('\n'));
  const save = join(home, kind);
  const spec = runSpec({
    task: kind,
    data,
    model,
    columns: { text: 'text', label: 'label' },
    validationSplit: 0.25,
    schedule: { kind: 'full', stages: 2 },
    epochs: 30,
    batchSize: 4,
    learningRate: 1e-2,
    maxLength: 16,
  });
  const record = await run(spec, { threads: 1, save });
  const found: unknown[] = [];
  for await (const { label } of predictTexts({ model: save, maxLength: 16 }, rowsOf(TEXTS), { threads: 1 }))
    found.push(label);
  return { record, save, found };
}

const json = async (folder: string, name: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(folder, name), 'utf8'));

test('classes of a file: learnt, named in config.json, predicted in order; card and results beside the model', async () => {
  const { record, save, found } = await trained('classification', ['good', 'bad', 'so-so']);
  assert.equal(record.trainExamples, 18);
  assert.deepEqual(
    record.classReports?.validation?.classes.map(({ support }) => support),
    [2, 2, 2],
  );
  assert.deepEqual((await json(save, 'config.json')).id2label, { 0: 'bad', 1: 'good', 2: 'so-so' });
  assert.equal(record.metrics.accuracy, 1);
  assert.deepEqual(found, ['good', 'bad', 'so-so']);
  assert.equal((await json(save, 'all_results.json')).eval_accuracy, 1);
  const card = await readFile(join(save, 'README.md'), 'utf8');
  assert.match(card, /^---\nbase_model: "model"\n[\s\S]*type: accuracy\n {8}value: 1\n/);
  assert.match(card, /\| parameters updated in each stage \| \d+, \d+ \|/);
  assert.ok(!card.includes(home), 'no path of this machine');
});

test('several labels at once: sigmoid head, saved as multi_label_classification', async () => {
  const { record, save, found } = await trained('multi-label', ['a;b', 'b', '']);
  assert.equal((await json(save, 'config.json')).problem_type, 'multi_label_classification');
  assert.equal(record.metrics.accuracy, 1);
  assert.deepEqual(found, [['a', 'b'], ['b'], []]);
});
