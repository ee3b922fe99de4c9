/** What is seen and decided while a run trains: the numbers do not change, the best weights are kept, an interrupted run ends alike. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type RunEvent, type RunOptions, run } from '../../src/experiments/run.js';
import type { RunRecord } from '../../src/experiments/run-record.js';
import { type RunRequest, runSpec } from '../../src/experiments/run-spec.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import { goldenPath } from '../golden/golden.js';

const home = await mkdtemp(join(tmpdir(), 'progtuning-watched-'));
after(() => rm(home, { recursive: true }));

/** 18 rows: 5 steps an epoch. Dropout and shuffling are on. */
const REQUEST: RunRequest = {
  task: 'sst2',
  data: goldenPath('bert'),
  model: goldenPath('bert', 'model'),
  epochs: 3,
  batchSize: 4,
  learningRate: 5e-3,
  maxLength: 12,
  dropout: 0.1,
};

const runOf = (more: Partial<RunRequest>, options: RunOptions = {}): Promise<RunRecord> =>
  run(runSpec({ ...REQUEST, ...more }), { threads: 1, ...options });
const lossesOf = ({ steps }: RunRecord): number[] => steps.map(({ loss }) => loss);
const weightsOf = (folder: string): Promise<Buffer> => readFile(join(folder, 'model.safetensors'));
const untimed = ({ evaluations }: RunRecord): unknown =>
  evaluations.map(({ seconds: _seconds, ...evaluation }) => evaluation);

test('evaluating changes no number, and what it gives at the end is what the run gives', async () => {
  const plain = await runOf({}, { save: join(home, 'plain') });
  for (const more of [{ evalStrategy: 'epoch' }, { evalSteps: 2 }] as const) {
    const save = join(home, JSON.stringify(more));
    const watched = await runOf(more, { save });
    assert.deepEqual(lossesOf(watched), lossesOf(plain));
    assert.equal(Buffer.compare(await weightsOf(save), await weightsOf(join(home, 'plain'))), 0);
    const steps = watched.evaluations.map(({ step }) => step);
    assert.deepEqual(steps, 'evalSteps' in more ? [2, 4, 6, 8, 10, 12, 14, 15] : [5, 10, 15]);
    const { loss, ...metrics } = watched.evaluations.at(-1)?.metrics ?? {};
    assert.ok((loss as number) > 0);
    assert.deepEqual(metrics, plain.metrics);
    assert.deepEqual(watched.metrics, plain.metrics);
    assert.equal(watched.identity.key, plain.identity.key);
  }
  assert.deepEqual(plain.evaluations, []);
});

test('the best weights are those of a run that ends there', async () => {
  const save = join(home, 'best');
  const record = await runOf({ evalSteps: 1, loadBestModelAtEnd: true, learningRate: 2e-2 }, { save });
  const { step, value } = record.best ?? { step: 0, value: 0 };
  assert.ok(step > 0 && step < 15, `step ${step}: a test of what is not the last`);
  assert.equal(value, Math.min(...record.evaluations.map(({ metrics }) => metrics.loss as number)));
  assert.equal(record.metrics.accuracy, record.evaluations[step - 1]?.metrics.accuracy);
  const left: Record<string, Buffer> = {};
  const snapshots = join(home, 'best-snapshots');
  const onEvent = (event: RunEvent): void => {
    if (event.kind === 'saved' && event.what === 'checkpoint') left[event.steps] = Buffer.alloc(0);
  };
  const kept = join(home, 'best-checkpoints');
  await runOf(
    { evalSteps: 1, loadBestModelAtEnd: true, learningRate: 2e-2 },
    { save: kept, snapshots, saveStrategy: 'steps', saveSteps: 1, saveTotalLimit: 2, onEvent },
  );
  assert.equal(Object.keys(left).length, 15);
  const names = (await readdir(kept)).filter((name) => name.startsWith('checkpoint-')).sort();
  assert.deepEqual(names, ['checkpoint-14', 'checkpoint-15', `checkpoint-${step}`].sort());
  assert.equal(Buffer.compare(await weightsOf(save), await weightsOf(join(kept, `checkpoint-${step}`))), 0);
});

class Killed extends Error {}

/** Runs, is interrupted after so many steps of its own, and goes on, until it is done. */
async function interrupted(
  more: Partial<RunRequest>,
  every: number,
  options: RunOptions,
): Promise<RunRecord> {
  for (let attempt = 0; attempt < 40; attempt++) {
    let steps = 0;
    const onEvent = (event: RunEvent): void => {
      if (event.kind === 'step' && steps++ === every) throw new Killed();
    };
    try {
      return await runOf(more, { ...options, onEvent });
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
  throw new Error('never done');
}

const CASES: readonly [string, Partial<RunRequest>][] = [
  ['best model, every two steps', { evalSteps: 2, loadBestModelAtEnd: true }],
  [
    'early stopping within an epoch',
    { evalSteps: 2, earlyStoppingPatience: 2, earlyStoppingThreshold: 1, loadBestModelAtEnd: true },
  ],
  [
    'LoRA, a budget that ends within an epoch, gradients added up',
    {
      maxSteps: 8,
      evalSteps: 3,
      loadBestModelAtEnd: true,
      method: LORA_DEFAULTS,
      gradientAccumulationSteps: 2,
    },
  ],
];

for (const [name, more] of CASES)
  test(`${name}: an interrupted run ends with the same weights, numbers and log`, async () => {
    const folders = [join(home, `${name}-whole`), join(home, `${name}-cut`)] as const;
    const whole = await runOf(more, { save: folders[0] });
    const cut = await interrupted(more, 3, { save: folders[1], saveStrategy: 'steps', saveSteps: 2 });
    assert.deepEqual(lossesOf(cut), lossesOf(whole));
    assert.deepEqual(untimed(cut), untimed(whole));
    assert.deepEqual(cut.best, whole.best);
    assert.deepEqual(cut.metrics, whole.metrics);
    assert.deepEqual(cut.updatedParameters, whole.updatedParameters);
    if (name.startsWith('early')) assert.ok(whole.steps.length < 15, 'it stops');
    const file = more.method ? 'adapter_model.safetensors' : 'model.safetensors';
    const [a, b] = await Promise.all(folders.map((folder) => readFile(join(folder, file))));
    assert.equal(Buffer.compare(a as Buffer, b as Buffer), 0);
    const logs = await Promise.all(folders.map((folder) => logOf(folder)));
    assert.deepEqual(logs[1], logs[0]);
  });

/** Without what a clock says. */
const logOf = async (folder: string): Promise<object[]> =>
  (await readFile(join(folder, 'log.jsonl'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) =>
      Object.fromEntries(
        Object.entries(JSON.parse(line) as object).filter(([key]) => !/runtime|per_second/.test(key)),
      ),
    );

test('early stopping: the stages are of the whole budget, and nothing after the end is counted', async () => {
  const more = { evalStrategy: 'epoch', earlyStoppingPatience: 1, earlyStoppingThreshold: 9 } as const;
  const told: RunEvent[] = [];
  const record = await runOf(more, { onEvent: (event) => told.push(event) });
  assert.deepEqual(
    record.stages.map(({ from, to }) => [from, to]),
    [
      [0, 5],
      [5, 10],
      [10, 15],
    ],
  );
  assert.equal(record.steps.length, 10, 'the second evaluation is not better by 9');
  assert.equal(record.secondsPerEpoch.length, 2);
  assert.equal(record.updatedParameters.length, 2);
  assert.equal(record.best, undefined, 'the last weights stay');
  const kinds = told
    .map(({ kind }) => kind)
    .filter((kind) => !['tokenising', 'evaluating', 'step'].includes(kind));
  assert.deepEqual(kinds, ['loaded', 'stage', 'evaluated', 'stage', 'evaluated', 'stopped', 'finished']);
});

test('a log has one object for each step, evaluation and stage, by the names of HF', async () => {
  const save = join(home, 'logged');
  const record = await runOf({ evalStrategy: 'epoch' }, { save });
  const lines = await logOf(save);
  const { log_history, global_step, max_steps } = JSON.parse(
    await readFile(join(save, 'trainer_state.json'), 'utf8'),
  ) as { log_history: object[]; global_step: number; max_steps: number };
  assert.deepEqual({ global_step, max_steps }, { global_step: 15, max_steps: 15 });
  assert.equal(log_history.length, lines.length);
  assert.deepEqual(lines[0], {
    ...{ epoch: 0, step: 0, stage: 1, trained_blocks: [0, 1, 2, 3] },
    updated_parameters: record.updatedParameters[0],
  });
  const { loss, gradientNorm, learningRate } = record.steps[0] as RunRecord['steps'][number];
  assert.deepEqual(lines[1], {
    ...{ epoch: 0.2, step: 1, loss, grad_norm: gradientNorm, learning_rate: learningRate, stage: 1 },
  });
  assert.deepEqual(Object.keys(lines[6] as object), ['epoch', 'step', 'eval_loss', 'eval_accuracy']);
  assert.equal(lines.length, 15 + 3 + 3 + 2);
});
