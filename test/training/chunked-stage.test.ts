/** Steps in chunks, one run of the device for many: the losses, norms and weights of steps one by one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Feature } from '../../src/datasets/batch.js';
import { makeBatch } from '../../src/datasets/batches.js';
import { lackingOnCuda } from '../../src/engine/cuda-operators.js';
import { Graph } from '../../src/engine/graph.js';
import { type ModelConfig, PRESETS } from '../../src/models/config.js';
import type { LabelledHead } from '../../src/models/heads.js';
import { initialise } from '../../src/models/initialise.js';
import { both } from '../../src/models/parameters.js';
import { modelSpecs } from '../../src/models/specs.js';
import { ADAPTER_DEFAULTS } from '../../src/peft/adapter.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import { type Method, methodAdaptation, methodSpecs, methodTrains } from '../../src/peft/method.js';
import { ADAMW_DEFAULTS } from '../../src/training/adamw.js';
import { type FitProgress, fit, noProgress } from '../../src/training/fit.js';
import { type FitPlan, stagesOfEpochs } from '../../src/training/fit-plan.js';
import { createTrainingState } from '../../src/training/state.js';

const config: ModelConfig = {
  ...(PRESETS['bert-base-uncased'] as ModelConfig),
  ...{ vocabSize: 60, hiddenSize: 20, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 36 },
  ...{ maxPositionEmbeddings: 64, hiddenDropoutProb: 0.1, attentionProbsDropoutProb: 0.1 },
};

const features = (head: LabelledHead): Feature[] =>
  [5, 17, 3, 9, 31, 8, 12, 6, 14, 4].map((length, i) => ({
    inputIds: Int32Array.from({ length }, (_, j) => (7 * i + 11 * j) % 60),
    tokenTypeIds: Int32Array.from({ length }, (_, j) => (j > length / 2 ? 1 : 0)),
    ...(head.kind === 'span'
      ? { span: [1, length - 2] as const }
      : head.multiLabel
        ? { classes: [i % 2, 1, 0] }
        : { label: i % 2 }),
  }));

/** Batches of 2 examples of unlike lengths, so of unlike shapes. */
const batchesFor = (head: LabelledHead) =>
  [0, 2, 4, 6, 8].map((first) =>
    makeBatch(
      features(head).slice(first, first + 2),
      { batchSize: 2, padTokenId: 0, maxLength: 40, shapes: 'any' },
      [first, first + 1],
    ),
  );

interface Case {
  readonly head?: LabelledHead;
  readonly method?: Method;
  readonly gradientAccumulationSteps?: number;
  readonly learningRate?: number;
  readonly gradientCheckpointing?: boolean;
}

interface Trained {
  readonly progress: FitProgress;
  readonly values: readonly number[];
  readonly moments: readonly number[];
  readonly error: string | undefined;
}

const classes: LabelledHead = { kind: 'classification', numLabels: 2 };

/** Two stages, one epoch each; the second leaves the embeddings and the first block. */
async function train(
  {
    head = classes,
    method = { kind: 'full' },
    gradientAccumulationSteps = 1,
    learningRate = 1e-3,
    gradientCheckpointing = false,
  }: Case,
  chunked: boolean,
  { poison = Number.POSITIVE_INFINITY, interrupted = false }: { poison?: number; interrupted?: boolean } = {},
): Promise<Trained> {
  const base = { config, head, headTraining: 'classifier' } as const;
  const specs = [...modelSpecs(config, head), ...methodSpecs(base, method)];
  const values = new Map(specs.map((spec) => [spec.name, initialise(spec, config, 1)]));
  const batches = batchesFor(head);
  const byMethod = methodTrains(base, method);
  const state = createTrainingState(specs, values, byMethod);
  const stepsPerEpoch = Math.ceil(batches.length / gradientAccumulationSteps);
  const plan: FitPlan = {
    ...{ stepsPerEpoch, totalSteps: 2 * stepsPerEpoch },
    batchesOf: () =>
      batches.map((batch, i) =>
        i === poison ? { ...batch, labels: batch.labels.map(() => Number.NaN) } : batch,
      ),
    stages: stagesOfEpochs(2, stepsPerEpoch, (epoch) => ({
      stage: epoch + 1,
      trains: both(byMethod, ({ place }) =>
        place.kind === 'block' ? place.index >= epoch : place.kind !== 'embeddings' || epoch === 0,
      ),
    })),
    ...{ gradientAccumulationSteps, learningRate, adamw: ADAMW_DEFAULTS, seed: 5 },
    learningRateSchedule: { kind: 'linear', warmupRatio: 0.1 },
  };
  const model = { config, head, specs, adaptation: methodAdaptation(base, method), gradientCheckpointing };
  const progress = noProgress();
  const options = { device: 'cpu', threads: 1, chunked } as const;
  if (interrupted) {
    const stop = async (): Promise<void> => {
      throw new Error('interrupted');
    };
    await assert.rejects(fit(model, state, plan, options, { onSave: stop }, progress), /interrupted/);
    assert.equal(progress.steps.length, stepsPerEpoch);
  }
  const error = await fit(model, state, plan, options, {}, progress).then(
    () => undefined,
    (thrown) => String(thrown),
  );
  // A span's softmax ignores a shift of all scores: what only shifts them has a gradient of 0 but for rounding, which AdamW scales up.
  const shifts = [
    `bert.encoder.layer.${config.numHiddenLayers - 1}.output.LayerNorm.bias`,
    'qa_outputs.bias',
  ];
  const compared = (name: string): boolean => head.kind !== 'span' || !shifts.includes(name);
  return {
    progress,
    values: [...state.parameters].filter(([name]) => compared(name)).flatMap(([, array]) => [...array]),
    moments: [...state.trained]
      .filter(([name]) => compared(name))
      .flatMap(([, { arrays, steps }]) => [steps, ...arrays.m, ...arrays.v]),
    error,
  };
}

const worst = (a: readonly number[], b: readonly number[]): number => {
  assert.equal(a.length, b.length);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] as number))), 0);
};

function assertSame(chunked: Trained, plain: Trained): void {
  for (const of of ['loss', 'gradientNorm', 'learningRate', 'examples', 'step', 'stage'] as const) {
    const [a, b] = [chunked, plain].map(({ progress }) => progress.steps.map((step) => step[of]));
    const apart = worst(a as number[], b as number[]);
    assert.ok(apart < 1e-5, `${of}: up to ${apart} apart`);
  }
  for (const of of ['values', 'moments'] as const) {
    const apart = worst(chunked[of], plain[of]);
    assert.ok(apart < 1e-5, `${of}: up to ${apart} apart`);
  }
}

const CASES: readonly [string, Case][] = [
  ['full', {}],
  ['LoRA', { method: LORA_DEFAULTS }],
  ['adapter', { method: { ...ADAPTER_DEFAULTS.houlsby, bottleneck: { size: 8 } } }],
  ['BitFit', { method: { kind: 'bitfit', terms: 'all' } }],
  ['span', { head: { kind: 'span' } }],
  ['regression', { head: { kind: 'classification', numLabels: 1 } }],
  ['several labels', { head: { kind: 'classification', numLabels: 3, multiLabel: true } }],
  ['gradient checkpointing', { gradientCheckpointing: true }],
  ['gradient accumulation', { gradientAccumulationSteps: 2 }],
];

for (const [name, of] of CASES) {
  test(`${name}: two stages with dropout, in chunks as one by one`, async () => {
    const [plain, chunked] = [await train(of, false), await train(of, true)];
    assert.equal(plain.error, undefined);
    assert.equal(chunked.error, undefined);
    assert.ok(plain.progress.steps.length >= 6);
    assertSame(chunked, plain);
  });
}

for (const gradientAccumulationSteps of [1, 2]) {
  test(`a loss that is not a number stops the run where it occurs, ${gradientAccumulationSteps} batches a step`, async () => {
    const of: Case = { head: { kind: 'classification', numLabels: 1 }, gradientAccumulationSteps };
    const poison = { poison: 3 };
    const [plain, chunked] = [await train(of, false, poison), await train(of, true, poison)];
    assert.match(plain.error ?? '', /loss is NaN/);
    assert.equal(chunked.error?.replace(/\d\.\d+/g, ''), plain.error?.replace(/\d\.\d+/g, ''));
    assertSame(chunked, plain);
    assert.ok(chunked.values.every(Number.isFinite));
  });
}

test('a run that was interrupted after its first epoch goes on to the same bits', async () => {
  const [whole, resumed] = [await train({}, true), await train({}, true, { interrupted: true })];
  assert.deepEqual(resumed.values, whole.values);
  assert.deepEqual(resumed.moments, whole.moments);
  assert.deepEqual(resumed.progress.steps, whole.progress.steps);
});

test('an operator that the CUDA provider lacks is found, inside a loop too', () => {
  const [graph, body] = [new Graph(), new Graph('body ')];
  body.output('y', body.node('Round', [body.input('x', [2])], { shape: [2] }));
  const [start, trips] = [graph.input('start', [2]), graph.input('trips', [1], 'int64')];
  const attributes = { body: { graph: body } };
  const loop = graph.node('Loop', [trips, undefined, start], { shape: [2] }, { attributes });
  const tiled = graph.node('Cast', [loop], { shape: [2], dtype: 'bool' }, { attributes: { to: 9 } });
  graph.output('z', graph.node('Neg', [tiled], { shape: [2] }));
  assert.deepEqual(lackingOnCuda(graph), ['Round of float32', 'Neg of bool']);
});
