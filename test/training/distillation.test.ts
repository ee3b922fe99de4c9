/** What a student learns from a teacher, and its gradients, against PyTorch over Hugging Face's BertForMaskedLM; in chunks as step by step. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaskedBatch } from '../../src/datasets/masking.js';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { ADAMW_DEFAULTS } from '../../src/training/adamw.js';
import {
  type Distillation,
  distillationObjective,
  distillationSpecs,
  distillationTrains,
  evaluateDistillation,
  teacherName,
} from '../../src/training/distillation.js';
import { type DistillationMethod, layerMap } from '../../src/training/distillation-losses.js';
import { type PretrainPlan, trainOnText } from '../../src/training/pretrain.js';
import { openStage } from '../../src/training/stage.js';
import { createTrainingState } from '../../src/training/state.js';
import { goldenJson, goldenPath } from '../golden/golden.js';

interface Expected {
  readonly batch: { ids: number[][]; masked: number[][]; labels: number[][] };
  readonly cases: Readonly<
    Record<
      string,
      {
        settings: {
          method: DistillationMethod;
          teacher_layer: number;
          relation_heads: number;
          logits_weight: number;
        };
        parts: Record<string, number>;
        total: number;
      }
    >
  >;
}

const SLOTS = 2;
const expected = goldenJson<Expected>('distillation', 'expected.json');

/** Every row has as many slots; one that predicts nothing points at its first token and weighs nothing. */
function goldenBatch({ masked, labels }: Expected['batch']): MaskedBatch {
  const [rows, length] = [masked.length, (masked[0] as number[]).length];
  const slots = labels.flatMap((row, r) => {
    const chosen = row.flatMap((label, at) => (label < 0 ? [] : [{ at: r * length + at, label, weight: 1 }]));
    const unused = Array.from({ length: SLOTS - chosen.length }, () => ({
      at: r * length,
      label: 0,
      weight: 0,
    }));
    return [...chosen, ...unused];
  });
  return {
    inputIds: Int32Array.from(masked.flat()),
    maskedPositions: Int32Array.from(slots, ({ at }) => at),
    maskedLabels: Int32Array.from(slots, ({ label }) => label),
    maskedWeights: Float32Array.from(slots, ({ weight }) => weight),
    examples: Int32Array.from(masked.keys()),
    rows,
    length,
  };
}

const near = (actual: number, wanted: number, tolerance: number, what: string): void =>
  assert.ok(Math.abs(actual - wanted) <= tolerance, `${what}: ${actual}, wanted ${wanted}`);

const batch = goldenBatch(expected.batch);
const load = (name: string) =>
  loadCheckpoint(goldenPath('distillation', name), { kind: 'masked-lm' }, { seed: 0 });
const [teacher, student] = [await load('teacher'), await load('student')];
const projection = await readSafetensors(goldenPath('distillation', 'projection.safetensors'));

function caseOf(name: string) {
  const { settings, parts, total } = expected.cases[name] as Expected['cases'][string];
  const distillation: Distillation = {
    method: settings.method,
    teacherLayer: settings.teacher_layer,
    relationHeads: settings.relation_heads,
    logitsWeight: settings.logits_weight,
    student,
    teacher,
  };
  const values = new Map<string, Float32Array>([
    ...student.parameters,
    ...[...projection].map(([key, { data }]) => [key, data as Float32Array] as const),
    ...[...teacher.parameters].map(([key, data]) => [teacherName(key), data] as const),
  ]);
  const specs = distillationSpecs(distillation);
  const trains = distillationTrains(distillation);
  const state = createTrainingState(
    specs,
    new Map(specs.map((spec) => [spec.name, values.get(spec.name) as Float32Array])),
    trains,
  );
  return { objective: distillationObjective(distillation), trains, state, parts, total };
}

for (const name of Object.keys(expected.cases)) {
  test(`${name}: losses and every gradient are those of PyTorch`, async () => {
    const { objective, trains, state, parts, total } = caseOf(name);
    const evaluation = await evaluateDistillation(objective, state.parameters, [batch], { threads: 1 });
    near(evaluation.loss, total, 4e-6 * Math.max(1, total), 'held-out loss');
    assert.deepEqual(Object.keys(evaluation.parts ?? {}), Object.keys(parts));
    for (const [part, wanted] of Object.entries(parts))
      near(evaluation.parts?.[part] as number, wanted, 4e-6 * Math.max(1, wanted), part);
    const stage = openStage(objective, state, trains, { threads: 1 });
    // As gradient accumulation does: two halves of a step of two equal batches are the batch.
    const { loss } = await stage.run([batch, batch], { seed: 1, stream: 3, step: 0 });
    await stage.close();
    near(loss, total, 4e-6 * Math.max(1, total), 'loss');
    const gradients = await readSafetensors(goldenPath('distillation', `${name}.safetensors`));
    // Of a key's bias that is only in a softmax over its row, PyTorch computes noise; see `keyMap`.
    const known = [...gradients].filter(
      ([key, { data }]) =>
        !key.endsWith('key.bias') || (data as Float32Array).some((x) => Math.abs(x) > 1e-6),
    );
    const largest = Math.max(...known.flatMap(([, { data }]) => [...(data as Float32Array)].map(Math.abs)));
    for (const [key, { data }] of known) {
      const actual = state.trained.get(key)?.arrays.g as Float32Array;
      assert.ok(actual, `${key} does not train`);
      assert.equal(actual.length, data.length);
      data.forEach((value, i) => {
        near(actual[i] as number, value, 3e-6 * Math.max(1, largest), `${key}[${i}]`);
      });
    }
    const trained = [...state.trained.keys()].filter((key) => !key.endsWith('key.bias')).sort();
    const wanted = [...gradients.keys()].filter((key) => !key.endsWith('key.bias')).sort();
    assert.deepEqual(trained, wanted);
  });
}

test('steps in chunks, as they run on cuda, are the steps one by one, and the loss falls', async () => {
  const train = async (chunked: boolean) => {
    const { objective, trains, state } = caseOf('minilm-lower');
    const plan: PretrainPlan = {
      ...{ totalSteps: 12, batchesOf: () => [batch, batch], gradientAccumulationSteps: 2, evalSteps: 5 },
      evaluate: () => evaluateDistillation(objective, state.parameters, [batch], { threads: 1 }),
      savesAt: () => false,
      ...{ learningRate: 1e-2, learningRateSchedule: { kind: 'linear', warmupRatio: 0 }, seed: 1 },
      adamw: ADAMW_DEFAULTS,
    };
    return trainOnText(objective, trains, state, plan, { threads: 1, chunked });
  };
  const [single, chunks] = [await train(false), await train(true)];
  single.losses.forEach((loss, step) => {
    near(chunks.losses[step] as number, loss, 1e-5, `step ${step}`);
  });
  assert.deepEqual(
    chunks.heldOut.map(({ step }) => step),
    [5, 10, 12],
  );
  assert.ok((single.losses.at(-1) as number) < 0.8 * (single.losses[0] as number));
});

test('teacher layers are spread evenly', () => {
  assert.deepEqual(layerMap(4, 12), [0, 3, 6, 9, 12]);
  assert.deepEqual(layerMap(6, 12), [0, 2, 4, 6, 8, 10, 12]);
});
