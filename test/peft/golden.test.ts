/**
 * The methods against independent PyTorch code (test/golden/peft.py, peft_steered.py): forward, gradients, and a progressive run to every
 * trained tensor, plain and with smoothed labels, class weights and layer-wise rates.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import { both, type ParameterSpec } from '../../src/models/parameters.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { ADAPTER_DEFAULTS, type Adapter } from '../../src/peft/adapter.js';
import { type Method, methodAdaptation, methodSpecs, methodTrains } from '../../src/peft/method.js';
import { type Schedule, stageTrains } from '../../src/progressive/schedule.js';
import { ADAMW_DEFAULTS } from '../../src/training/adamw.js';
import { predict } from '../../src/training/evaluate.js';
import { type FitProgress, fit } from '../../src/training/fit.js';
import { stagesOfEpochs } from '../../src/training/fit-plan.js';
import { layerwiseFactor } from '../../src/training/learning-rate.js';
import { type LossSettings, taskObjective } from '../../src/training/objective.js';
import { openStage } from '../../src/training/stage.js';
import { createTrainingState, type TrainingState } from '../../src/training/state.js';
import { packedBatch, paddedBatch } from '../batch-of.js';
import { goldenJson, goldenPath } from '../golden/golden.js';
import { worst } from './logits.js';

type Rows = number[][];
interface Golden {
  readonly settings: {
    readonly epochs: number;
    readonly stages: number;
    readonly lr: number;
    readonly weight_decay: number;
    readonly max_gradient_norm: number;
    readonly rank: number;
    readonly alpha: number;
    readonly size: number;
  };
  /** Tensors whose gradient is 0 but for rounding, which AdamW blows up. */
  readonly noise: string[];
  readonly methods: Record<
    string,
    {
      readonly logits: Rows;
      readonly loss: number;
      readonly trained: string[];
      readonly gradient_norm: number;
      readonly losses: number[];
      readonly learning_rates: number[];
      readonly gradient_norms: number[];
      readonly updated_per_epoch: number[];
    }
  >;
}

interface Steered {
  readonly method: string;
  readonly label_smoothing: number;
  readonly class_weights: number[] | null;
  readonly layerwise: number;
  readonly losses: number[];
  readonly learning_rates: number[];
  readonly gradient_norms: number[];
  /** By tensor: sum, and sum of absolute values. */
  readonly final: Record<string, [number, number]>;
}

const golden = goldenJson<Golden>('peft', 'expected.json');
const { runs: steered } = goldenJson<{ runs: Steered[] }>('peft', 'steered.json');
const { settings } = golden;
const head = { kind: 'classification', numLabels: 2 } as const;
const checkpoint = await loadCheckpoint(goldenPath('bert', 'model'), head, { seed: 0 });
const batches = goldenJson<{ batches: [Rows, Rows, Rows, number[]][] }>('bert', 'expected.json').batches.map(
  ([ids, mask, types, labels]) => {
    const padded = paddedBatch(ids, mask, types);
    return { padded, packed: packedBatch(padded, labels) };
  },
);
const [first] = batches as [(typeof batches)[number]];

const adapter = (style: Adapter['style'], activation: Adapter['activation']): Adapter => ({
  ...ADAPTER_DEFAULTS[style],
  bottleneck: { size: settings.size },
  activation,
});
const METHODS: Record<string, Method> = {
  lora: {
    kind: 'lora',
    rank: settings.rank,
    alpha: settings.alpha,
    dropout: 0,
    targets: ['query', 'value'],
  },
  houlsby: adapter('houlsby', 'gelu'),
  pfeiffer: adapter('pfeiffer', 'gelu'),
  'pfeiffer-relu': adapter('pfeiffer', 'relu'),
  'bitfit-all': { kind: 'bitfit', terms: 'all' },
  'bitfit-query-intermediate': { kind: 'bitfit', terms: 'query-intermediate' },
};

/** The golden model under a method with the golden initial values, and a fresh training state. @param layerwise decay of the rate by layer */
async function start(name: string, layerwise = 1) {
  const method = METHODS[name] as Method;
  const base = { config: checkpoint.config, head, headTraining: 'classifier' } as const;
  const { config } = base;
  const values = new Map(checkpoint.parameters);
  if (method.kind !== 'bitfit') {
    const file = goldenPath('bert', `${name.split('-')[0]}.safetensors`);
    for (const [tensor, { data }] of await readSafetensors(file)) values.set(tensor, data);
  }
  const specs = [...checkpoint.specs, ...methodSpecs(base, method)];
  const trains = methodTrains(base, method);
  const model = { config, head, specs, adaptation: methodAdaptation(base, method) };
  const factor = ({ place }: ParameterSpec): number =>
    layerwiseFactor(layerwise, config.numHiddenLayers, place);
  return { model, values, trains, state: createTrainingState(specs, values, trains, factor) };
}

/** The golden run: two epochs, in each of which a stage. */
async function finetuned(
  { model, trains, state }: Awaited<ReturnType<typeof start>>,
  loss: LossSettings = {},
): Promise<FitProgress> {
  const schedule: Schedule = { kind: 'progressive', stages: settings.stages, embeddings: 'always' };
  const stageOf = (epoch: number): { stage: number; trains: (spec: ParameterSpec) => boolean } => ({
    stage: epoch + 1,
    trains: both(trains, stageTrains(schedule, epoch + 1, model.config)),
  });
  const plan = {
    stepsPerEpoch: batches.length,
    totalSteps: settings.epochs * batches.length,
    stages: stagesOfEpochs(settings.epochs, batches.length, stageOf),
    gradientAccumulationSteps: 1,
    batchesOf: () => batches.map(({ packed }) => packed),
    learningRate: settings.lr,
    learningRateSchedule: { kind: 'linear', warmupRatio: 0 },
    adamw: {
      ...ADAMW_DEFAULTS,
      weightDecay: settings.weight_decay,
      maxGradientNorm: settings.max_gradient_norm,
    },
    loss,
    seed: 1,
  } as const;
  return fit(model, state, plan, { threads: 1 });
}

/** The steps are PyTorch's. */
function assertSteps(
  { steps }: FitProgress,
  wanted: Pick<Steered, 'losses' | 'learning_rates' | 'gradient_norms'>,
): void {
  const column = (key: 'learningRate' | 'loss' | 'gradientNorm'): number[] => steps.map((step) => step[key]);
  assert.ok(worst(column('learningRate'), wanted.learning_rates) < 1e-15);
  assert.ok(worst(column('loss'), wanted.losses) < 1e-5, `${worst(column('loss'), wanted.losses)}`);
  assert.ok(worst(column('gradientNorm'), wanted.gradient_norms) < 1e-4);
}

const gradientOf = (state: TrainingState, name: string): Float32Array =>
  state.trained.get(name)?.arrays.g as Float32Array;

test('every golden method is tested', () => {
  assert.deepEqual(Object.keys(METHODS).sort(), Object.keys(golden.methods).sort());
});

for (const [name, wanted] of Object.entries(golden.methods)) {
  test(`${name}: forward and gradients are PyTorch's`, async () => {
    const { model, values, trains, state } = await start(name);
    assert.deepEqual([...state.trained.keys()].sort(), [...wanted.trained].sort());
    const [logits] = await predict(model, values, [first.padded], { threads: 1 });
    assert.ok(worst(logits as Float32Array, wanted.logits.flat()) < 5e-6);
    const stage = openStage(taskObjective(model), state, trains, { threads: 1 });
    const { loss, gradientNorm } = await stage.run([first.packed], { seed: 1, stream: 3, step: 0 });
    await stage.close();
    assert.ok(Math.abs(loss - wanted.loss) < 1e-6, `${loss} ${wanted.loss}`);
    assert.ok(Math.abs(gradientNorm / wanted.gradient_norm - 1) < 1e-5);
    for (const [tensor, { data }] of await readSafetensors(
      goldenPath('peft', `${name}.gradients.safetensors`),
    )) {
      const difference = worst(gradientOf(state, tensor), data);
      assert.ok(difference < 5e-6, `${tensor}: ${difference}`);
    }
  });

  test(`${name}: ${wanted.losses.length} AdamW steps in ${settings.stages} stages are PyTorch's, to every trained tensor`, async () => {
    const started = await start(name);
    const { values, state } = started;
    const before = new Map([...values].map(([tensor, data]) => [tensor, Float32Array.from(data)]));
    const progress = await finetuned(started);
    assert.deepEqual(progress.updatedParameters, wanted.updated_per_epoch);
    assertSteps(progress, wanted);
    const final = await readSafetensors(goldenPath('peft', `${name}.final.safetensors`));
    assert.deepEqual([...final.keys()].sort(), state.everTrained.map((spec) => spec.name).sort());
    for (const [tensor, { data }] of final) {
      if (golden.noise.includes(tensor)) continue;
      const difference = worst(state.parameters.get(tensor) as Float32Array, data);
      assert.ok(difference < 5e-5, `${tensor}: ${difference}`);
    }
    for (const [tensor, data] of before)
      if (!final.has(tensor)) assert.deepEqual(state.parameters.get(tensor), data, `${tensor} is frozen`);
  });
}

for (const wanted of steered) {
  const { method, label_smoothing, class_weights, layerwise } = wanted;
  const told = `smoothing ${label_smoothing}, weights ${class_weights ?? 'none'}, layer-wise ${layerwise}`;
  test(`${method}: ${told}: the run is PyTorch's`, async () => {
    const started = await start(method, layerwise);
    const { state } = started;
    const loss = {
      labelSmoothing: label_smoothing,
      ...(class_weights ? { classWeights: class_weights } : {}),
    };
    assertSteps(await finetuned(started, loss), wanted);
    for (const [tensor, [sum, absolute]] of Object.entries(wanted.final)) {
      const data = state.parameters.get(tensor) as Float32Array;
      const tolerance = 5e-5 * data.length;
      assert.ok(Math.abs(data.reduce((a, x) => a + x, 0) - sum) < tolerance, tensor);
      assert.ok(Math.abs(data.reduce((a, x) => a + Math.abs(x), 0) - absolute) < tolerance, tensor);
    }
  });
}
