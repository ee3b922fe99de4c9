/** Settings that change loss, rates or budget: whole runs against PyTorch (test/golden/steered.py), and each refused where it says nothing. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../src/experiments/run.js';
import { type RunRequest, runSpec } from '../../src/experiments/run-spec.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { ADAPTER_DEFAULTS } from '../../src/peft/adapter.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import { goldenJson, goldenPath } from '../golden/golden.js';

interface Golden {
  readonly settings: { batch: number; lr: number; maxlen: number };
  readonly noise: readonly string[];
  readonly runs: {
    name: string;
    label_smoothing: number;
    class_weights: 'balanced' | number[] | null;
    layerwise: number;
    max_steps: number;
    warmup_steps: number;
    accumulation: number;
    bias_only: boolean;
    losses: number[];
    learning_rates: number[];
    gradient_norms: number[];
    stages: number[];
    final: Record<string, [number, number]>;
  }[];
}

const { settings, noise, runs } = goldenJson<Golden>('steered.json');
const worst = (a: readonly number[], b: readonly number[]): number => {
  assert.equal(a.length, b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))));
};

const REQUEST: RunRequest = {
  task: 'sst2',
  data: goldenPath('bert'),
  model: goldenPath('bert', 'model'),
  epochs: 3,
  batchSize: settings.batch,
  learningRate: settings.lr,
  learningRateSchedule: { kind: 'linear', warmupRatio: 0 },
  weightDecay: 0.01,
  maxLength: settings.maxlen,
  dropout: 0,
  shuffle: false,
};

const requestOf = (wanted: Golden['runs'][number]): RunRequest => ({
  ...REQUEST,
  gradientAccumulationSteps: wanted.accumulation,
  learningRateSchedule: {
    ...{ kind: 'linear', warmupRatio: 0.5 * (wanted.warmup_steps > 0 ? 1 : 0) },
    ...(wanted.warmup_steps > 0 ? { warmupSteps: wanted.warmup_steps } : {}),
  },
  labelSmoothingFactor: wanted.label_smoothing,
  layerwiseLrDecay: wanted.layerwise,
  ...(wanted.class_weights === null ? {} : { classWeights: wanted.class_weights }),
  ...(wanted.max_steps > 0 ? { maxSteps: wanted.max_steps } : {}),
  ...(wanted.bias_only
    ? { method: { kind: 'bitfit', terms: 'all' }, headTraining: 'classifier+pooler' as const }
    : {}),
});

for (const wanted of runs) {
  test(`${wanted.name}: the run is PyTorch's`, async () => {
    const save = await mkdtemp(join(tmpdir(), 'progtuning-steered-'));
    const { steps } = await run(runSpec(requestOf(wanted)), { threads: 1, save });
    const column = (key: 'loss' | 'learningRate' | 'gradientNorm'): number[] =>
      steps.map((step) => step[key]);
    assert.deepEqual(
      steps.map(({ stage }) => stage),
      wanted.stages,
    );
    assert.ok(worst(column('learningRate'), wanted.learning_rates) < 1e-15, 'rates');
    const apart = worst(column('loss'), wanted.losses);
    assert.ok(apart < 5e-5, `losses ${apart}`);
    assert.ok(worst(column('gradientNorm'), wanted.gradient_norms) < 1e-3, 'norms');
    if (!wanted.bias_only) {
      const saved = await readSafetensors(join(save, 'model.safetensors'));
      for (const [name, [sum, absolute]] of Object.entries(wanted.final)) {
        if (noise.includes(name)) continue;
        const data = saved.get(name)?.data as Float32Array;
        const tolerance = 2e-5 * data.length;
        assert.ok(Math.abs(data.reduce((a, x) => a + x, 0) - sum) < tolerance, name);
        assert.ok(Math.abs(data.reduce((a, x) => a + Math.abs(x), 0) - absolute) < tolerance, name);
      }
    }
    await rm(save, { recursive: true });
  });
}

const lossesOf = async (more: Partial<RunRequest>): Promise<number[]> => {
  const { steps } = await run(runSpec({ ...REQUEST, ...more }), { threads: 1 });
  return steps.map(({ loss }) => loss);
};

for (const method of [
  LORA_DEFAULTS,
  { ...ADAPTER_DEFAULTS.houlsby, bottleneck: { size: 4 } },
  { kind: 'bitfit', terms: 'all' },
] as const)
  test(`${method.kind}: smoothing, weights and layer-wise rates, with what frozen blocks compute kept; the numbers: test/peft/golden.test.ts`, async () => {
    const plain = { method, schedule: { kind: 'progressive', stages: 3 }, learningRate: 1e-2 } as const;
    const steered = { labelSmoothingFactor: 0.1, classWeights: [2, 1], layerwiseLrDecay: 0.5 };
    const [without, all] = [await lossesOf(plain), await lossesOf({ ...plain, ...steered })];
    assert.ok(worst(without, all) > 1e-3);
    assert.ok(worst(all, await lossesOf({ ...plain, ...steered, cacheFrozen: 64 })) < 1e-5);
  });

test('settings that say nothing of a task, or do not go together, are refused before the first step', async () => {
  const cases: [Partial<RunRequest>, RegExp][] = [
    [
      { task: 'stsb', data: 'embedded', newHead: true, labelSmoothingFactor: 0.1 },
      /--label-smoothing-factor is for tasks with classes/,
    ],
    [
      { task: 'stsb', data: 'embedded', newHead: true, classWeights: 'balanced' },
      /--class-weights is for tasks with classes/,
    ],
    [{ classWeights: [1, 2, 3] }, /3 numbers for 2 classes \(negative, positive\)/],
    [{ classWeights: 'balanced', maxTrainExamples: 1 }, /no training row has class 'negative'/],
    [{ evalStrategy: 'steps' }, /after how many\? Give --eval-steps/],
    [{ evalStrategy: 'epoch', evalSteps: 2 }, /evalSteps goes with --eval-strategy steps/],
    [{ metricForBestModel: 'accuracy' }, /decides nothing alone/],
    [{ earlyStoppingThreshold: 0.1 }, /goes with --early-stopping-patience/],
    [{ loadBestModelAtEnd: true, metricForBestModel: 'f1' }, /an evaluation gives loss, accuracy/],
    [{ maxSteps: 2, schedule: { stages: 3 } }, /3 stages do not fit in 2 steps/],
  ];
  for (const [more, message] of cases)
    await assert.rejects(async () => run(runSpec({ ...REQUEST, ...more }), { threads: 1 }), message);
});
