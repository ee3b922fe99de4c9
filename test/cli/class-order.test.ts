/** The classes of a model from elsewhere, as a user meets them: in another order, under other names, of another number. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createModel } from '../../src/experiments/create-model.js';
import { readSafetensors, writeSafetensors } from '../../src/models/safetensors.js';
import { progtuning, type Result } from './progtuning.js';

const home = await mkdtemp(join(tmpdir(), 'progtuning-classes-'));
const at = (...parts: string[]): string => join(home, ...parts);
after(() => rm(home, { recursive: true, force: true }));

/** The words of the answer say the class, so that a few epochs reach all of it. */
const ROWS = Array.from({ length: 24 }, (_, i) =>
  i % 2 ? `${i}\tis it red\tit is red\tentailment` : `${i}\tis it red\tit is blue\tnot_entailment`,
);
const rte = (rows: readonly string[]): string =>
  `${['index\tsentence1\tsentence2\tlabel', ...rows].join('\n')}\n`;

function succeeds(...args: string[]): Result {
  const result = progtuning(...args);
  assert.equal(result.status, 0, result.stderr);
  return result;
}

const COMMON = ['--task', 'rte', '--data', at('glue'), '--max-length', '16'];
const TRAIN = ['--schedule', 'full', '--batch-size', '8', '--learning-rate', '3e-3', '--dropout', '0'];

const finetune = (model: string, epochs: number, ...more: string[]): Result =>
  succeeds('finetune', ...COMMON, '--model', model, ...TRAIN, '--epochs', String(epochs), ...more);
const accuracy = (model: string, ...more: string[]): number =>
  JSON.parse(succeeds('evaluate', 'model', ...COMMON, '--model', model, ...more).stdout).accuracy;

/** A copy of a fine-tuned model whose two classes have changed places, rows and names, and are written another way. */
async function swapped(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true });
  const path = join(to, 'model.safetensors');
  const tensors = new Map(await readSafetensors(path));
  for (const name of ['classifier.weight', 'classifier.bias']) {
    const { shape, data } = tensors.get(name) ?? assert.fail(name);
    const half = data.length / 2;
    tensors.set(name, { shape, data: Float32Array.from([...data.slice(half), ...data.slice(0, half)]) });
  }
  await writeSafetensors(path, [...tensors]);
  const config = JSON.parse(await readFile(join(to, 'config.json'), 'utf8'));
  config.id2label = { 0: 'NOT ENTAILMENT', 1: 'Entailment' };
  config.label2id = { 'NOT ENTAILMENT': 0, Entailment: 1 };
  await writeFile(join(to, 'config.json'), JSON.stringify(config));
}

before(async () => {
  await mkdir(at('glue', 'RTE'), { recursive: true });
  for (const name of ['train', 'dev']) await writeFile(at('glue', 'RTE', `${name}.tsv`), rte(ROWS));
  const asked = ROWS.map((row) => row.split('\t').slice(0, 3).join('\t'));
  await writeFile(at('glue', 'RTE', 'test.tsv'), `${['index\tsentence1\tsentence2', ...asked].join('\n')}\n`);
  await createModel({
    out: at('base'),
    layers: 1,
    hidden: 32,
    heads: 2,
    vocabSize: 40,
    texts: ROWS,
    seed: 3,
  });
  finetune(at('base'), 20, '--save', at('tuned'));
  await swapped(at('tuned'), at('other'));
});

test('evaluate, finetune and --predict-test read a model whose classes stand in another order', async () => {
  assert.equal(accuracy(at('tuned')), 1);
  assert.equal(accuracy(at('other')), 1);
  const still = ['--learning-rate', '1e-9', '--predict-test'];
  finetune(at('other'), 1, ...still, '--save', at('again'));
  const answers = (await readFile(at('again', 'RTE.tsv'), 'utf8')).trim().split('\n').slice(1);
  assert.deepEqual(
    answers.map((line) => line.split('\t')[1]),
    ROWS.map((row) => row.split('\t')[3]),
  );
  const { id2label } = JSON.parse(await readFile(at('again', 'config.json'), 'utf8'));
  assert.deepEqual(id2label, { 0: 'entailment', 1: 'not_entailment' });
});

test("an adapter's head is saved in the order of its base, whose config.json names it in Python", async () => {
  const folder = at('adapter');
  finetune(at('other'), 1, '--learning-rate', '1e-9', '--method', 'lora', '--save', folder);
  assert.equal(accuracy(at('other'), '--adapter', folder), 1);
  const own = await readSafetensors(join(folder, 'adapter_model.safetensors'));
  const base = await readSafetensors(at('other', 'model.safetensors'));
  const saved = own.get('base_model.model.classifier.bias')?.data;
  for (const [row, wanted] of base.get('classifier.bias')?.data.entries() ?? assert.fail())
    assert.ok(Math.abs((saved?.[row] ?? Number.NaN) - wanted) < 1e-5);
  const { id2label } = JSON.parse(await readFile(join(folder, 'class_names.json'), 'utf8'));
  assert.deepEqual(id2label, { 0: 'NOT ENTAILMENT', 1: 'Entailment' });
});

test("export keeps a model's own names, in its own order", async () => {
  for (const task of [[], ['--task', 'rte']]) {
    const out = at(`web${task.length}`);
    succeeds('export', '--model', at('other'), ...task, '--out', out);
    const { id2label } = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'));
    assert.deepEqual(id2label, { 0: 'NOT ENTAILMENT', 1: 'Entailment' });
  }
});

test("names of another task are one line with both lists; --new-head trains the task's own", async () => {
  await cp(at('tuned'), at('moods'), { recursive: true });
  const config = JSON.parse(await readFile(at('moods', 'config.json'), 'utf8'));
  const { label2id: _, ...rest } = { ...config, id2label: { 0: 'negative', 1: 'positive' } };
  await writeFile(at('moods', 'config.json'), JSON.stringify(rest));
  for (const command of [
    ['evaluate', 'model'],
    ['finetune', ...TRAIN, '--epochs', '1'],
  ]) {
    const { status, stderr, stdout } = progtuning(...command, ...COMMON, '--model', at('moods'));
    assert.equal(status, 1);
    assert.match(stderr, /0 negative, 1 positive.*0 entailment, 1 not_entailment.*--new-head/);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
    assert.equal(stdout, '');
  }
  const { stderr } = finetune(at('moods'), 6, '--new-head', '--save', at('fresh'));
  assert.match(stderr, /a fresh head is drawn/);
  assert.equal(accuracy(at('fresh')), 1);
});
