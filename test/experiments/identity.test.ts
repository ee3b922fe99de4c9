/** Everything that changes a result changes the identity of the run; nothing else does. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { NUMERICAL_VERSION } from '../../src/engine/numerical-version.js';
import { createModel } from '../../src/experiments/create-model.js';
import {
  changesBetween,
  modelIdentity,
  type RunIdentity,
  runIdentity,
} from '../../src/experiments/identity.js';
import { identifier } from '../../src/experiments/ledger.js';
import { type RunRequest, type RunSpec, runSpec, runSpecSchema } from '../../src/experiments/run-spec.js';
import { configJson, readConfig } from '../../src/models/config-file.js';

let home: string;
let model: string;
let data: string;
const ROWS = ['the film is fine\t1', 'the cast is dull\t0'];

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-identity-'));
  model = join(home, 'model');
  data = join(home, 'data');
  await createModel({ out: model, layers: 2, hidden: 16, heads: 2, vocabSize: 30, texts: ROWS, seed: 1 });
  await mkdir(join(data, 'SST-2'), { recursive: true });
  for (const name of ['train', 'dev'])
    await writeFile(join(data, 'SST-2', `${name}.tsv`), ['sentence\tlabel', ...ROWS, ''].join('\n'));
});
after(() => rm(home, { recursive: true }));

const identify = (more: { model?: string; data?: string } = {}): Promise<RunIdentity> =>
  identifier()(runSpec({ task: 'sst2', model, data, epochs: 2, ...more }));

/** A copy of a folder with one file altered. */
async function altered(folder: string, file: string, edit: (text: string) => string): Promise<string> {
  const copy = await mkdtemp(join(home, 'altered-'));
  await cp(folder, copy, { recursive: true });
  const path = join(copy, file);
  await writeFile(path, edit(await readFile(path, 'latin1')), 'latin1');
  return copy;
}

/** Another value for each setting: one that is not here fails the test. `idle`: it changes nothing in this spec. */
const OTHER: { readonly [K in keyof Required<RunSpec>]: RunSpec[K] | 'by content' | 'idle' } = {
  task: 'mrpc',
  data: 'by content',
  model: 'by content',
  validationFile: 'by content',
  testFile: 'by content',
  validationSplit: 0.2,
  columns: { text: 'a', label: 'b' },
  randomWeights: true,
  newHead: true,
  method: { kind: 'bitfit', terms: 'all' },
  headTraining: 'classifier',
  schedule: { kind: 'full', stages: 2, embeddings: 'always' },
  epochs: 4,
  batchSize: 3,
  gradientAccumulationSteps: 2,
  learningRate: 1.5e-3,
  learningRateSchedule: { kind: 'constant', warmupRatio: 0.1 },
  learningRateStages: { restart: true },
  optimiserState: 'reset',
  optimiser: 'adafactor',
  weightDecay: 0.3,
  maxGradientNorm: 2,
  maxLength: 99,
  maxTargetLength: 9,
  dropout: 0.25,
  shuffle: false,
  groupByLength: true,
  cacheFrozen: 7,
  seed: 43,
  maxTrainExamples: 1,
  maxEvalExamples: 1,
  squad: { docStride: 1, maxAnswerLength: 2, nBest: 3, nullScoreThreshold: 0 },
  maxSteps: 5,
  labelSmoothingFactor: 0.1,
  classWeights: [1, 2],
  layerwiseLrDecay: 0.9,
  evalStrategy: 'idle',
  evalSteps: 'idle',
  loadBestModelAtEnd: true,
  metricForBestModel: 'accuracy',
  greaterIsBetter: false,
  earlyStoppingPatience: 2,
  earlyStoppingThreshold: 0.1,
};

test('every setting of a run is part of its identity, but where model and data lie', async () => {
  const spec = runSpec({ task: 'sst2', model, data, epochs: 2 });
  const parts = await modelIdentity(model, 'tokenizer');
  const { key, parts: former } = runIdentity(spec, parts, { train: 'a', dev: 'b' });
  const seen = new Set([key]);
  for (const name of Object.keys(runSpecSchema.shape) as (keyof RunSpec)[]) {
    assert.ok(name in OTHER, `a new setting, ${name}: give it another value here`);
    const other = runIdentity({ ...spec, [name]: OTHER[name] }, parts, { train: 'a', dev: 'b' });
    if (OTHER[name] === 'by content' || OTHER[name] === 'idle') assert.equal(other.key, key, name);
    else {
      assert.ok(!seen.has(other.key), `${name} is not part of the identity`);
      assert.match(changesBetween(former, other.parts), new RegExp(`^settings \\(${name}`));
    }
    seen.add(other.key);
  }
});

test('when a run is evaluated is part of its identity only where that decides what is kept', async () => {
  const parts = await modelIdentity(model, 'tokenizer');
  const keyOf = (more: Partial<RunRequest>): string =>
    runIdentity(runSpec({ task: 'sst2', model, data, epochs: 2, ...more }), parts, { train: 'a' }).key;
  const plain = keyOf({});
  assert.equal(keyOf({ evalStrategy: 'epoch' }), plain);
  assert.equal(keyOf({ evalSteps: 3 }), plain);
  const defaults = { labelSmoothingFactor: 0, layerwiseLrDecay: 1, loadBestModelAtEnd: false };
  assert.equal(keyOf(defaults), plain, 'a setting at its default');
  const best = { loadBestModelAtEnd: true } as const;
  const chosen = keyOf({ ...best, evalStrategy: 'epoch' });
  assert.notEqual(chosen, plain);
  assert.equal(keyOf(best), chosen, 'epoch is the default');
  assert.notEqual(keyOf({ ...best, evalSteps: 3 }), chosen);
  assert.notEqual(keyOf({ earlyStoppingPatience: 1 }), keyOf({ earlyStoppingPatience: 2 }));
  assert.equal(keyOf({ ...best, metricForBestModel: 'eval_loss', greaterIsBetter: false }), chosen);
  assert.notEqual(keyOf({ ...best, metricForBestModel: 'accuracy' }), chosen);
});

test('every field of config.json as parsed is part of the identity', async () => {
  const first = await identify();
  const given = configJson(await readConfig(model));
  const others: Readonly<Record<string, unknown>> = {
    ...{ hidden_act: 'relu', num_attention_heads: 4, layer_norm_eps: 0.1, initializer_range: 0.5 },
    ...{
      hidden_dropout_prob: 0.5,
      attention_probs_dropout_prob: 0.5,
      classifier_dropout: 0.5,
      pad_token_id: 3,
      vocab_size: 61,
    },
    ...{ model_type: 'roberta', hidden_size: 32, num_hidden_layers: 3, intermediate_size: 65 },
    ...{ max_position_embeddings: 511, type_vocab_size: 3, position_embedding_type: null },
  };
  for (const name of Object.keys(given)) {
    assert.ok(name in others, `a new field, ${name}: give it another value here`);
    const copy = await altered(model, 'config.json', (text) =>
      JSON.stringify({ ...JSON.parse(text), [name]: others[name] }),
    );
    const other = await identify({ model: copy });
    // What is only refused when it is another is no part of a run that is made.
    if (name === 'position_embedding_type') continue;
    assert.notEqual(other.key, first.key, name);
    assert.match(changesBetween(first.parts, other.parts), new RegExp(`config\\.json \\(.*${name} `));
  }
  const labelled = await altered(model, 'config.json', (text) =>
    JSON.stringify({ ...JSON.parse(text), id2label: { 0: 'positive', 1: 'negative' } }),
  );
  assert.notEqual((await identify({ model: labelled })).key, first.key, 'id2label');
});

test('every other file of model and data is part of the identity, and is named when it changed', async () => {
  const first = await identify();
  const lower = (text: string): string => text.replace(/"lowercase": ?true/, '"lowercase":false');
  const cases: [string, 'model' | 'data', (text: string) => string, RegExp][] = [
    ['tokenizer.json', 'model', lower, /^tokenizer \(.*tokenizer\.json/],
    [
      'tokenizer_config.json',
      'model',
      (text) => text.replace(/true|false/, (on) => String(on !== 'true')),
      /^tokenizer \(/,
    ],
    ['vocab.txt', 'model', (text) => `${text.trimEnd()}\nzz\n`, /^tokenizer \(/],
    ['model.safetensors', 'model', (text) => `${text.slice(0, -1)}\x07`, /^weights \(model\.safetensors\)$/],
    ['SST-2/train.tsv', 'data', (text) => text.replace('dull', 'cold'), /^data \(train\)$/],
    ['SST-2/dev.tsv', 'data', (text) => text.replace('\t0', '\t1'), /^data \(dev\)$/],
  ];
  for (const [file, what, edit, named] of cases) {
    const copy = await altered(what === 'model' ? model : data, file, edit);
    const other = await identify({ [what]: copy });
    assert.notEqual(other.key, first.key, file);
    assert.match(changesBetween(first.parts, other.parts), named);
  }
});

test('another folder, or a copy of the files, is the same run; another engine is not', async () => {
  const first = await identify();
  const same = await identify({
    model: await altered(model, 'config.json', (text) => text),
    data: await altered(data, 'SST-2/dev.tsv', (text) => text),
  });
  assert.equal(same.key, first.key);
  const spec = runSpec({ task: 'sst2', model, data, epochs: 2 });
  const older = runIdentity(spec, first.parts, first.parts.data, NUMERICAL_VERSION - 1);
  assert.notEqual(older.key, first.key);
  assert.equal(
    changesBetween(older.parts, first.parts),
    `engine's numerical version (${NUMERICAL_VERSION - 1} -> ${NUMERICAL_VERSION})`,
  );
});
