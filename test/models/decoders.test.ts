/** GPT-2, LLaMA and Qwen2 against transformers and PEFT themselves (test/golden/decoders.py). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Feature } from '../../src/datasets/batch.js';
import { makeBatch, padBatch } from '../../src/datasets/batches.js';
import { compile } from '../../src/engine/compile.js';
import { noAdaptation } from '../../src/models/adaptation.js';
import { type Checkpoint, loadCheckpoint } from '../../src/models/checkpoint.js';
import { both, type Parameters } from '../../src/models/parameters.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { ADAPTER_DEFAULTS } from '../../src/peft/adapter.js';
import { BITFIT_DEFAULTS } from '../../src/peft/bitfit.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import { type Method, methodAdaptation, methodSpecs, methodTrains } from '../../src/peft/method.js';
import { stageTrains } from '../../src/progressive/schedule.js';
import { ADAMW_DEFAULTS } from '../../src/training/adamw.js';
import { predict, predictFeatures } from '../../src/training/evaluate.js';
import { evaluationLoss } from '../../src/training/evaluation-loss.js';
import { modelOutputs } from '../../src/training/export-model.js';
import { fit } from '../../src/training/fit.js';
import { stagesOfSteps } from '../../src/training/fit-plan.js';
import { type Model, paddedInputs, parameterInputs } from '../../src/training/model.js';
import { taskObjective } from '../../src/training/objective.js';
import { openStage } from '../../src/training/stage.js';
import { createTrainingState } from '../../src/training/state.js';
import { goldenJson, goldenPath } from '../golden/golden.js';

type Sums = Readonly<Record<string, readonly [number, number]>>;

interface Run {
  readonly method: 'full' | 'lora' | 'adapter' | 'bitfit';
  readonly losses: readonly number[];
  readonly final: Sums;
}

interface Expected {
  readonly ids: number[][];
  readonly mask: number[][];
  readonly first: number[];
  readonly logits: number[][];
  readonly loss: number;
  readonly steps?: readonly number[];
  readonly final: Sums;
  readonly classifier: {
    readonly score: number[];
    readonly labels: number[];
    readonly logits: number[][];
    readonly loss: number;
    readonly gradients: Readonly<Record<string, number>>;
  };
  readonly runs: readonly Run[];
}

const NAMES = ['gpt2', 'llama', 'llama3', 'linear', 'qwen2'];
const nextToken = { kind: 'causal-lm' } as const;
const options = { threads: 1 };
const packing = { batchSize: 4, padTokenId: 0, maxLength: 16, shapes: 'any' } as const;

const expectedOf = (name: string): Expected => goldenJson<Expected>('decoders', name, 'expected.json');

const featuresOf = ({ ids, mask, first }: Expected, labels: readonly number[] = first): Feature[] =>
  ids.map((row, i) => {
    const tokens = row.filter((_, j) => mask[i]?.[j] === 1);
    return { inputIds: tokens, tokenTypeIds: tokens.map(() => 0), label: labels[i] as number };
  });

const modelOf = ({ config, specs }: Checkpoint): Model => ({
  ...{ config, specs, head: nextToken, adaptation: noAdaptation },
});

const load = (name: string): Promise<Checkpoint> =>
  loadCheckpoint(goldenPath('decoders', name, 'model'), nextToken, { seed: 0 });

function near(actual: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number, what: string): void {
  assert.equal(actual.length, wanted.length, what);
  const size = Array.from(wanted).reduce((most, x) => Math.max(most, Math.abs(x)), 1);
  const worst = Array.from(wanted).reduce(
    (most, x, i) => Math.max(most, Math.abs(x - (actual[i] as number))),
    0,
  );
  assert.ok(worst <= tolerance * size, `${what}: ${worst} of ${size}`);
}

/** The key's part of GPT-2's bias, whose gradient is exactly 0. */
const withoutNoise = (name: string, values: Float32Array): Float32Array =>
  name.endsWith('c_attn.bias') ? values.map((x, i) => (i >= 16 && i < 32 ? 0 : x)) : values;

function checkSums(actual: Parameters, wanted: Sums): void {
  for (const [name, [sum, absolute]] of Object.entries(wanted)) {
    const values = actual.get(name);
    assert.ok(values, name);
    near([values.reduce((a, b) => a + b, 0)], [sum], 2e-4, name);
    near([values.reduce((a, b) => a + Math.abs(b), 0)], [absolute], 2e-4, name);
  }
}

for (const name of NAMES)
  test(`${name}: logits and loss are Python's`, async () => {
    const expected = expectedOf(name);
    const checkpoint = await load(name);
    assert.deepEqual(checkpoint.notes, []);
    const model = modelOf(checkpoint);
    const features = featuresOf(expected);
    const batch = padBatch(features, 0);
    const { config, specs, parameters } = checkpoint;
    const program = await compile(
      { ...parameterInputs(specs), ...paddedInputs(batch) },
      (tensors) => modelOutputs(model, batch, tensors),
      options,
    );
    const { inputIds, attentionMask, tokenTypeIds } = batch;
    const feeds = { ...Object.fromEntries(parameters), inputIds, attentionMask, tokenTypeIds };
    const logits = (await program.run(feeds)).logits as Float32Array;
    await program.close();
    const wanted = expected.logits.flat();
    near(logits.subarray(0, wanted.length), wanted, 1e-5, 'logits');
    assert.equal(wanted.length, (features[0]?.inputIds.length as number) * config.vocabSize);
    const losses = await predictFeatures(model, parameters, features, { ...options, maxLength: 16 });
    near([evaluationLoss(nextToken, features, losses) as number], [expected.loss], 2e-6, 'loss');
  });

for (const name of NAMES.filter((known) => expectedOf(known).steps)) {
  test(`${name}: gradients and AdamW's steps are Python's, whatever the pieces`, async () => {
    const expected = expectedOf(name);
    const batch = makeBatch(featuresOf(expected), packing);
    assert.ok(batch.rows < 4, 'examples share rows');
    for (const vocabularyPieces of [1, 2]) {
      const checkpoint = await load(name);
      const state = createTrainingState(checkpoint.specs, checkpoint.parameters, () => true);
      const objective = taskObjective(modelOf(checkpoint), { vocabularyPieces });
      const stage = openStage(objective, state, () => true, options);
      const losses: number[] = [];
      for (let step = 0; step < 4; step++) {
        const { loss, gradientNorm } = await stage.run([batch], { seed: 1, stream: 3, step });
        if (step === 0)
          for (const [tensor, { data }] of await readSafetensors(
            goldenPath('decoders', name, 'gradients.safetensors'),
          ))
            near(
              state.trained.get(tensor)?.arrays.g as Float32Array,
              withoutNoise(tensor, data),
              1e-5,
              tensor,
            );
        await stage.update(0.01, gradientNorm, ADAMW_DEFAULTS);
        losses.push(loss);
      }
      await stage.close();
      near(losses, expected.steps ?? [], 1e-5, 'losses');
      checkSums(state.parameters, expected.final);
    }
  });

  test(`${name}: a classifier reads the last token, as Python's`, async () => {
    const expected = expectedOf(name);
    const { score, labels, logits, loss, gradients } = expected.classifier;
    const head = { kind: 'classification', numLabels: 3 } as const;
    const loaded = await loadCheckpoint(goldenPath('decoders', name, 'model'), head, { seed: 0 });
    assert.deepEqual(loaded.initialised, ['score.weight']);
    const parameters = new Map([...loaded.parameters, ['score.weight', Float32Array.from(score)]]);
    const { config, specs } = loaded;
    const model = { config, specs, head, adaptation: noAdaptation };
    const features = featuresOf(expected, labels);
    const [judged] = await predict(model, parameters, [padBatch(features, 0)], options);
    near(judged as Float32Array, logits.flat(), 1e-5, 'logits');
    const state = createTrainingState(specs, parameters, () => true);
    const stage = openStage(taskObjective(model), state, () => true, options);
    const result = await stage.run([makeBatch(features, packing)], { seed: 1, stream: 3, step: 0 });
    near([result.loss], [loss], 2e-6, 'loss');
    for (const [tensor, sum] of Object.entries(gradients)) {
      const values = state.trained.get(tensor)?.arrays.g as Float32Array;
      near([values.reduce((a, b) => a + Math.abs(b), 0)], [sum], 1e-5, tensor);
    }
    await stage.close();
  });

  for (const { method: kind, losses, final } of expectedOf(name).runs)
    test(`${name}, ${kind}: four steps in two stages are Python's`, async () => {
      const target = name === 'gpt2' ? 'c_attn' : 'q_proj';
      const method: Method = {
        full: { kind: 'full' } as const,
        lora: { ...LORA_DEFAULTS, rank: 2, alpha: 4, targets: [target] },
        adapter: { ...ADAPTER_DEFAULTS.houlsby, bottleneck: { size: 4 } },
        bitfit: BITFIT_DEFAULTS,
      }[kind];
      const { config, head, specs: plain, parameters } = await load(name);
      const base = { config, head, headTraining: 'classifier' } as const;
      const specs = [...plain, ...methodSpecs(base, method)];
      const model: Model = { config, head: nextToken, specs, adaptation: methodAdaptation(base, method) };
      const extras = await readSafetensors(goldenPath('decoders', name, 'extras.safetensors'));
      const values = new Map([
        ...parameters,
        ...[...extras].map(([tensor, { data }]) => [tensor, data] as const),
      ]);
      const schedule = { kind: 'progressive', stages: 2, embeddings: 'first-stage' } as const;
      const trains = methodTrains(base, method);
      const state = createTrainingState(specs, values, trains);
      const batch = makeBatch(featuresOf(expectedOf(name)), packing);
      const progress = await fit(
        model,
        state,
        {
          ...{ stepsPerEpoch: 4, totalSteps: 4, gradientAccumulationSteps: 1, learningRate: 0.01, seed: 1 },
          stages: stagesOfSteps(2, 4, (stage) => both(trains, stageTrains(schedule, stage, config))),
          batchesOf: () => [batch, batch, batch, batch],
          learningRateSchedule: { kind: 'constant', warmupRatio: 0 },
          adamw: ADAMW_DEFAULTS,
        },
        options,
      );
      near(
        progress.steps.map(({ loss }) => loss),
        losses,
        1e-5,
        'losses',
      );
      checkSums(state.parameters, final);
    });
}
