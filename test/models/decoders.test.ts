/** GPT-2, LLaMA and Qwen2 against transformers and PEFT themselves (test/golden/decoders.py). */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import '@tensorflow/tfjs-backend-cpu';
import type { Feature } from '../../src/datasets/batch.js';
import { makeBatch, padBatch } from '../../src/datasets/batches.js';
import { compile } from '../../src/engine/compile.js';
import { noAdaptation } from '../../src/models/adaptation.js';
import { type Checkpoint, loadCheckpoint } from '../../src/models/checkpoint.js';
import type { LlamaConfig } from '../../src/models/config.js';
import { readConfig } from '../../src/models/config-file.js';
import { both } from '../../src/models/parameters.js';
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
import { checkSums, fourSteps, near, type Sums } from '../golden/against-python.js';
import { goldenJson, goldenPath } from '../golden/golden.js';

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

/** The key's part of GPT-2's bias, whose gradient is exactly 0. */
const withoutNoise = (name: string, values: Float32Array): Float32Array =>
  name.endsWith('c_attn.bias') ? values.map((x, i) => (i >= 16 && i < 32 ? 0 : x)) : values;

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

test('what a decoder config says that is not supported is refused by name', async () => {
  const home = await mkdtemp(join(tmpdir(), 'decoders-'));
  const own = async (name: string): Promise<object> =>
    goldenJson<object>('decoders', name, 'model', 'config.json');
  const refused = async (config: object, message: RegExp): Promise<void> => {
    await writeFile(join(home, 'config.json'), JSON.stringify(config));
    await assert.rejects(readConfig(home), { name: 'DataError', message });
  };
  const [llama, gpt2, qwen2] = [await own('llama'), await own('gpt2'), await own('qwen2')];
  await refused({ ...llama, sliding_window: 8 }, /sliding windows \(sliding_window 8\) are not supported/);
  await refused({ ...qwen2, use_sliding_window: true, sliding_window: 8 }, /sliding windows/);
  await refused({ ...llama, num_local_experts: 4 }, /a mixture of 4 experts is not supported/);
  await refused(
    { ...llama, model_type: 'mixtral', num_local_experts: 4 },
    /'mixtral' .*\(mixture of experts\); supported: bert, /,
  );
  await refused({ ...llama, model_type: 'mistral', sliding_window: 8 }, /'mistral' .*\(sliding windows\)/);
  await refused(
    { ...llama, model_type: 'mamba' },
    /model_type 'mamba' is not supported; supported: .*gpt2, llama, qwen2, t5$/,
  );
  const yarn = { rope_theta: 1e4, rope_type: 'yarn', factor: 2 };
  await refused(
    { ...llama, rope_parameters: yarn },
    /rope scaling 'yarn' is not supported; supported: default, linear, dynamic, llama3/,
  );
  await refused({ ...llama, rope_parameters: { rope_type: 'linear' } }, /rope scaling 'linear' wants factor/);
  await refused(
    { ...llama, num_key_value_heads: 3 },
    /num_attention_heads 4 is not a multiple of num_key_value_heads 3/,
  );
  await refused({ ...llama, hidden_act: 'gelu' }, /hidden_act 'gelu' is not supported; supported: silu/);
  await refused(
    { ...gpt2, scale_attn_by_inverse_layer_idx: true },
    /scale_attn_by_inverse_layer_idx true is not supported/,
  );
  // Within its positions dynamic scaling changes nothing; older files say theta and scaling apart.
  const { rope_parameters: _new, ...old } = llama as Record<string, unknown>;
  const scaling = { rope_theta: 500, rope_scaling: { type: 'dynamic', factor: 2 } };
  await writeFile(join(home, 'config.json'), JSON.stringify({ ...old, ...scaling }));
  const config = (await readConfig(home)) as LlamaConfig;
  assert.deepEqual([config.ropeTheta, config.ropeScaling], [500, undefined]);
  await rm(home, { recursive: true });
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
      const gradients = goldenPath('decoders', name, 'gradients.safetensors');
      const losses = await fourSteps(stage, state, batch, ADAMW_DEFAULTS, gradients, withoutNoise);
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
      const methods: Record<Run['method'], Method> = {
        full: { kind: 'full' },
        lora: { ...LORA_DEFAULTS, rank: 2, alpha: 4, targets: [target] },
        adapter: { ...ADAPTER_DEFAULTS.houlsby, bottleneck: { size: 4 } },
        bitfit: BITFIT_DEFAULTS,
      };
      const method = methods[kind];
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

/** Losses of four steps in two stages, embeddings frozen in the second. */
async function stagedLosses(name: string, more: StagedOptions): Promise<number[]> {
  const { config, specs, parameters } = await load(name);
  const { gradientCheckpointing = false, cacheFrozenBytes, device = 'cpu', chunked = false } = more;
  const schedule = { kind: 'progressive', stages: 2, embeddings: 'first-stage' } as const;
  const batch = makeBatch(featuresOf(expectedOf(name)), packing);
  const progress = await fit(
    { config, head: nextToken, specs, adaptation: noAdaptation, gradientCheckpointing },
    createTrainingState(specs, parameters, () => true),
    {
      ...{ stepsPerEpoch: 4, totalSteps: 4, gradientAccumulationSteps: 1, learningRate: 0.01, seed: 1 },
      stages: stagesOfSteps(2, 4, (stage) => stageTrains(schedule, stage, config)),
      batchesOf: () => [batch, batch, batch, batch],
      learningRateSchedule: { kind: 'constant', warmupRatio: 0 },
      ...{ adamw: ADAMW_DEFAULTS, cacheFrozenBytes },
    },
    { ...options, device, chunked },
  );
  return progress.steps.map(({ loss }) => loss);
}

interface StagedOptions {
  readonly gradientCheckpointing?: boolean;
  readonly cacheFrozenBytes?: number;
  readonly device?: 'cpu' | 'tfjs';
  readonly chunked?: boolean;
}

for (const name of ['gpt2', 'llama3'])
  test(`${name}: blocks computed again, states kept, steps in chunks, operations one by one: the same losses`, async () => {
    const wanted = expectedOf(name).runs.find(({ method }) => method === 'full')?.losses ?? [];
    const ways: readonly StagedOptions[] = [
      { gradientCheckpointing: true },
      { cacheFrozenBytes: 2 ** 20 },
      { chunked: true },
      { device: 'tfjs' },
    ];
    for (const way of ways) near(await stagedLosses(name, way), wanted, 1e-5, JSON.stringify(way));
  });
