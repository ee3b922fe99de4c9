/** Whole runs from text against PyTorch (test/golden/finetune.py): tokens, order, losses, rates, counts, weights, accuracy. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSplit } from '../../src/datasets/source.js';
import { findTask } from '../../src/datasets/task.js';
import { createModel } from '../../src/experiments/create-model.js';
import { run } from '../../src/experiments/run.js';
import { canonicalJson, hashOf, runSpec } from '../../src/experiments/run-spec.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import type { Schedule } from '../../src/progressive/schedule.js';
import { goldenJson, goldenPath } from '../golden/golden.js';

interface Golden {
  readonly settings: { epochs: number; stages: number; batch: number; lr: number; maxlen: number };
  readonly noise: string[];
  readonly runs: {
    schedule: 'full' | 'progressive' | 'growing';
    embeddings: Schedule['embeddings'];
    warmup_ratio: number;
    losses: number[];
    learning_rates: number[];
    gradient_norms: number[];
    updated_per_epoch: number[];
    dev_accuracy_after: number;
    final: Record<string, [number, number]>;
    saved: boolean;
  }[];
}

const golden = goldenJson<Golden>('bert', 'finetune.json');
const worst = (a: readonly number[], b: readonly number[]): number => {
  assert.equal(a.length, b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))));
};

const tensorOf = (tensors: Awaited<ReturnType<typeof readSafetensors>>, name: string): number[] => {
  const tensor = tensors.get(name);
  assert.ok(tensor, name);
  return [...tensor.data];
};

for (const wanted of golden.runs) {
  test(`${wanted.schedule}, embeddings ${wanted.embeddings}, warm-up ${wanted.warmup_ratio}: the run is PyTorch's`, async () => {
    const { epochs, stages, batch, lr, maxlen } = golden.settings;
    const save = await mkdtemp(join(tmpdir(), 'progtuning-run-'));
    const spec = runSpec({
      task: 'sst2',
      data: goldenPath('bert'),
      model: goldenPath('bert', 'model'),
      schedule: { kind: wanted.schedule, embeddings: wanted.embeddings, stages },
      epochs,
      batchSize: batch,
      learningRate: lr,
      learningRateSchedule: { kind: 'linear', warmupRatio: wanted.warmup_ratio },
      maxLength: maxlen,
      shuffle: false,
    });
    const record = await run(spec, { threads: 1, save });
    assert.ok(
      worst(
        record.steps.map(({ loss }) => loss),
        wanted.losses,
      ) < 1e-4,
      'losses',
    );
    assert.ok(
      worst(
        record.steps.map(({ learningRate }) => learningRate),
        wanted.learning_rates,
      ) < 1e-15,
      'learning rates',
    );
    assert.ok(
      worst(
        record.steps.map(({ gradientNorm }) => gradientNorm),
        wanted.gradient_norms,
      ) < 1e-3,
      'gradient norms',
    );
    assert.deepEqual(record.updatedParameters, wanted.updated_per_epoch);
    assert.equal(record.metrics.accuracy, wanted.dev_accuracy_after);
    const saved = await readSafetensors(join(save, 'model.safetensors'));
    for (const [name, [sum, absolute]] of Object.entries(wanted.final)) {
      if (golden.noise.includes(name)) continue;
      const data = saved.get(name)?.data as Float32Array;
      const tolerance = 2e-5 * data.length;
      assert.ok(Math.abs(data.reduce((a, x) => a + x, 0) - sum) < tolerance, name);
      assert.ok(Math.abs(data.reduce((a, x) => a + Math.abs(x), 0) - absolute) < tolerance, name);
    }
    if (wanted.saved) {
      for (const [name, { data }] of await readSafetensors(goldenPath('bert', 'finetune.safetensors'))) {
        if (golden.noise.includes(name)) continue;
        assert.ok(worst(tensorOf(saved, name), [...data]) < 2e-4, name);
      }
    }
    await rm(save, { recursive: true });
  });
}

test('a fresh regression head starts at the mean label: the first loss is the variance of its labels', async () => {
  const request = {
    task: 'stsb',
    data: 'embedded',
    epochs: 1,
    maxLength: 32,
    maxTrainExamples: 64,
    batchSize: 64,
  };
  const model = await mkdtemp(join(tmpdir(), 'progtuning-regression-'));
  const { examples } = await readSplit('embedded', findTask('stsb'), 'train');
  const texts = examples.flatMap((example) => example.texts);
  await createModel({ out: model, layers: 2, hidden: 16, heads: 2, vocabSize: 200, texts, seed: 1 });
  const { steps } = await run(runSpec({ ...request, model, maxEvalExamples: 8 }), { threads: 1 });
  const labels = examples.map(({ label }) => label as number);
  const mean = labels.reduce((sum, label) => sum + label, 0) / labels.length;
  assert.ok(mean > 1.5, 'from 0 the loss would be far above');
  const variance = labels.reduce((sum, label) => sum + (label - mean) ** 2, 0) / labels.length;
  const first = steps[0]?.loss as number;
  assert.ok(first > 0.6 * variance && first < 1.5 * variance, `${first}, variance ${variance}`);
  await rm(model, { recursive: true });
});

test('random weights: every tensor is drawn from the seed, none read', async () => {
  const request = {
    task: 'sst2',
    data: goldenPath('bert'),
    model: goldenPath('bert', 'model'),
    epochs: 1,
    maxLength: 16,
  };
  const lossesOf = async (more: { randomWeights?: true; seed?: number }): Promise<number[]> => {
    const record = await run(runSpec({ ...request, ...more }), { threads: 1 });
    assert.equal(record.initialised.length > 10, more.randomWeights === true);
    return record.steps.map(({ loss }) => loss);
  };
  const random = await lossesOf({ randomWeights: true });
  assert.deepEqual(await lossesOf({ randomWeights: true }), random);
  assert.notDeepEqual(await lossesOf({ randomWeights: true, seed: 7 }), random);
  assert.notDeepEqual(await lossesOf({}), random);
  assert.equal(canonicalJson(runSpec(request)).includes('randomWeights'), false);
});

test('a spec is filled from its method, and equal specs have equal hashes', () => {
  const request = { task: 'rte', data: 'glue', model: 'm' } as const;
  const spec = runSpec({ ...request, method: { kind: 'bitfit', terms: 'all' } });
  assert.deepEqual(
    [spec.learningRate, spec.batchSize, spec.headTraining, spec.schedule.stages],
    [1e-3, 16, 'classifier', 3],
  );
  assert.equal(hashOf({ b: 1, a: [1, { d: 2, c: 3 }] }), hashOf({ a: [1, { c: 3, d: 2 }], b: 1 }));
  assert.equal(canonicalJson({ b: undefined, a: null }), '{"a":null}');
  assert.throws(() => runSpec({ ...request, epochs: 0 }), { name: 'UsageError' });
});

test('the reference folders are reproduced, where they are at hand', async (context) => {
  const home = goldenPath('../../../shared/oracle');
  const names = ['bert-full', 'bert-progressive-embeddings-always', 'bert-progressive-embeddings-first'];
  for (const name of names) {
    const copy = await mkdtemp(join(tmpdir(), 'progtuning-reference-'));
    const found = await cp(join(home, name), copy, { recursive: true }).then(
      () => true,
      () => false,
    );
    if (!found) return context.skip('no ../shared/oracle here');
    const expected = JSON.parse(await readFile(join(copy, 'expected/expected.json'), 'utf8'));
    const { schedule, embeddings, epochs, batch, lr, maxlen } = expected.settings;
    const record = await run(
      runSpec({
        task: 'sst2',
        data: copy,
        model: join(copy, 'model'),
        schedule: {
          kind: schedule,
          embeddings: embeddings === 'first' ? 'first-stage' : embeddings,
          stages: 3,
        },
        epochs,
        batchSize: batch,
        learningRate: lr,
        maxLength: maxlen,
        dropout: 0,
        shuffle: false,
      }),
      { threads: 1, save: join(copy, 'out') },
    );
    assert.ok(
      worst(
        record.steps.map(({ loss }) => loss),
        expected.losses,
      ) < 1e-4,
    );
    assert.ok(
      worst(
        record.steps.map(({ learningRate }) => learningRate),
        expected.learning_rates,
      ) < 1e-15,
    );
    assert.deepEqual(record.updatedParameters, expected.updated_per_epoch);
    const ours = await readSafetensors(join(copy, 'out/model.safetensors'));
    for (const [tensor, { data }] of await readSafetensors(join(copy, 'expected/model.safetensors'))) {
      if (tensor.endsWith('key.bias')) continue;
      assert.ok(worst(tensorOf(ours, tensor), [...data]) < 2e-4, `${name}: ${tensor}`);
    }
    await rm(copy, { recursive: true });
  }
});
