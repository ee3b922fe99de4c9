/** BERT against independent PyTorch code (test/golden/bert.py): forward, gradients, and runs under every schedule and method. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import '@tensorflow/tfjs-backend-cpu';
import type { Device } from '../../src/engine/device.js';
import * as tf from '../../src/engine/tfjs.js';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import { both } from '../../src/models/parameters.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { ADAPTER_DEFAULTS } from '../../src/peft/adapter.js';
import { type Method, methodAdaptation, methodSpecs, methodTrains } from '../../src/peft/method.js';
import { type Schedule, stageOfEpoch, stageTrains } from '../../src/progressive/schedule.js';
import { ADAMW_DEFAULTS } from '../../src/training/adamw.js';
import { predict } from '../../src/training/evaluate.js';
import { fit } from '../../src/training/fit.js';
import { stagesOfEpochs } from '../../src/training/fit-plan.js';
import { taskObjective } from '../../src/training/objective.js';
import { openStage } from '../../src/training/stage.js';
import { createTrainingState } from '../../src/training/state.js';
import { packedBatch, paddedBatch } from '../batch-of.js';
import { goldenJson, goldenPath } from '../golden/golden.js';

type Rows = number[][];
interface Run {
  readonly method: string;
  readonly schedule: 'full' | 'progressive' | 'growing';
  readonly embeddings: Schedule['embeddings'];
  readonly T: number;
  readonly epochs: number;
  readonly rate: number;
  readonly warmup: number;
  readonly losses: number[];
  readonly rates: number[];
  readonly norms: number[];
  readonly updated: number[];
  readonly final: Record<string, [number, number]>;
}
interface Golden {
  readonly batches: [Rows, Rows, Rows, number[]][];
  readonly logits: Rows;
  readonly loss: number;
  readonly runs: Run[];
}

const golden = goldenJson<Golden>('bert', 'expected.json');
const checkpoint = await loadCheckpoint(
  goldenPath('bert', 'model'),
  { kind: 'classification', numLabels: 2 },
  { seed: 0 },
);
const head = { kind: 'classification', numLabels: 2 } as const;

const batches = golden.batches.map(([ids, mask, types, labels]) => {
  const padded = paddedBatch(ids, mask, types);
  return { padded, packed: packedBatch(padded, labels) };
});
const [first] = batches as [(typeof batches)[number]];

const METHODS: Record<string, Method> = {
  full: { kind: 'full' },
  lora: { kind: 'lora', rank: 2, alpha: 4, dropout: 0, targets: ['query', 'value'] },
  houlsby: { ...ADAPTER_DEFAULTS.houlsby, bottleneck: { size: 4 } },
  pfeiffer: { ...ADAPTER_DEFAULTS.pfeiffer, bottleneck: { size: 4 }, activation: 'gelu' },
  'bitfit-all': { kind: 'bitfit', terms: 'all' },
  'bitfit-query-intermediate': { kind: 'bitfit', terms: 'query-intermediate' },
};

/** The golden model under a method, with the golden initial values. */
async function modelFor(name: string) {
  const method = METHODS[name] as Method;
  const base = {
    config: checkpoint.config,
    head,
    headTraining: method.kind === 'full' ? 'classifier+pooler' : 'classifier',
  } as const;
  const specs = [...checkpoint.specs, ...methodSpecs(base, method)];
  const values = new Map(checkpoint.parameters);
  if (['lora', 'houlsby', 'pfeiffer'].includes(name)) {
    for (const [tensor, { data }] of await readSafetensors(goldenPath('bert', `${name}.safetensors`)))
      values.set(tensor, data);
  }
  return {
    trains: methodTrains(base, method),
    model: {
      config: checkpoint.config,
      head,
      specs,
      adaptation: methodAdaptation(base, method),
    },
    values,
  };
}

function worst(actual: ArrayLike<number>, wanted: ArrayLike<number>): number {
  assert.equal(actual.length, wanted.length);
  return Array.from(wanted).reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (actual[i] as number))),
    0,
  );
}

await tf.setBackend('cpu');
for (const device of ['cpu', 'tfjs'] as Device[]) {
  test(`forward and gradients on ${device} are PyTorch's`, async () => {
    const { model, values } = await modelFor('full');
    const [logits] = await predict(model, values, [first.padded], { device, threads: 1 });
    assert.ok(worst(logits as Float32Array, golden.logits.flat()) < 5e-6);
    const state = createTrainingState(model.specs, values, () => true);
    const stage = openStage(taskObjective(model), state, () => true, { device, threads: 1 });
    const result = await stage.run([first.packed], { seed: 1, stream: 3, step: 0 });
    assert.ok(Math.abs(result.loss - golden.loss) < 1e-6, `${result.loss} ${golden.loss}`);
    const wanted = await readSafetensors(goldenPath('bert', 'gradients.safetensors'));
    for (const [name, { data }] of wanted) {
      const difference = worst(state.trained.get(name)?.arrays.g as Float32Array, data);
      assert.ok(difference < 5e-6, `${name}: ${difference}`);
    }
    await stage.close();
  });
}

for (const run of golden.runs) {
  test(`${run.method}, ${run.schedule}, embeddings ${run.embeddings}, T = ${run.T}: ${run.losses.length} AdamW steps are PyTorch's`, async () => {
    const { trains, model, values } = await modelFor(run.method);
    const schedule: Schedule = { kind: run.schedule, stages: run.T, embeddings: run.embeddings };
    const stageOf = (epoch: number) => {
      const stage = stageOfEpoch(schedule, epoch, run.epochs);
      return { stage, trains: both(trains, stageTrains(schedule, stage, model.config)) };
    };
    const everTrains = (spec: Parameters<typeof trains>[0]): boolean =>
      Array.from({ length: run.epochs }, (_, epoch) => stageOf(epoch)).some((stage) => stage.trains(spec));
    const state = createTrainingState(model.specs, values, everTrains);
    const plan = {
      stepsPerEpoch: batches.length,
      totalSteps: run.epochs * batches.length,
      stages: stagesOfEpochs(run.epochs, batches.length, stageOf),
      gradientAccumulationSteps: 1,
      batchesOf: () => batches.map(({ packed }) => packed),
      learningRate: run.rate,
      learningRateSchedule: { kind: 'linear', warmupRatio: run.warmup },
      adamw: ADAMW_DEFAULTS,
      seed: 1,
    } as const;
    const { steps, updatedParameters } = await fit(model, state, plan, { threads: 1 });
    assert.deepEqual(updatedParameters, run.updated);
    assert.ok(
      worst(
        steps.map(({ learningRate }) => learningRate),
        run.rates,
      ) < 1e-15,
    );
    assert.ok(
      worst(
        steps.map(({ loss }) => loss),
        run.losses,
      ) < 2e-5,
      'losses',
    );
    assert.ok(
      worst(
        steps.map(({ gradientNorm }) => gradientNorm),
        run.norms,
      ) < 2e-4,
      'gradient norms',
    );
    for (const [name, [sum, absolute]] of Object.entries(run.final)) {
      const data = state.parameters.get(name) as Float32Array;
      const [ours, oursAbsolute] = [
        data.reduce((a, x) => a + x, 0),
        data.reduce((a, x) => a + Math.abs(x), 0),
      ];
      const tolerance = 2e-5 * data.length;
      assert.ok(
        Math.abs(ours - sum) < tolerance && Math.abs(oursAbsolute - absolute) < tolerance,
        `${name}: ${ours} ${sum}`,
      );
      if (!state.everTrained.some((spec) => spec.name === name))
        assert.deepEqual(data, values.get(name), `${name} is frozen`);
    }
  });
}
