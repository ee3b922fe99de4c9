/** T5, versions 1.0 and 1.1, against transformers and PEFT themselves (test/golden/t5.py). */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import '@tensorflow/tfjs-backend-cpu';
import type { Feature } from '../../src/datasets/batch.js';
import { makeBatch } from '../../src/datasets/batches.js';
import { compile } from '../../src/engine/compile.js';
import { beamSearch } from '../../src/generation/beam-search.js';
import { decode } from '../../src/generation/decode.js';
import { noAdaptation } from '../../src/models/adaptation.js';
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { type ModelConfig, PRESETS, type T5Config } from '../../src/models/config.js';
import { readConfig, readHead } from '../../src/models/config-file.js';
import { bucketOf } from '../../src/models/families/relative-positions.js';
import { both, countParameters, type Parameters } from '../../src/models/parameters.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { modelSpecs, placeCounts } from '../../src/models/specs.js';
import { ADAPTER_DEFAULTS } from '../../src/peft/adapter.js';
import { BITFIT_DEFAULTS } from '../../src/peft/bitfit.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import {
  checkMethod,
  type Method,
  methodAdaptation,
  methodSpecs,
  methodTrains,
} from '../../src/peft/method.js';
import { cutSchedule, type Schedule, stageTrains } from '../../src/progressive/schedule.js';
import { STACKS, type Stacks } from '../../src/progressive/stacks.js';
import { closedFormUpdates, countedUpdates } from '../../src/progressive/updates.js';
import { ADAFACTOR_DEFAULTS, type Optimiser } from '../../src/training/adafactor.js';
import { ADAMW_DEFAULTS } from '../../src/training/adamw.js';
import { predictFeatures } from '../../src/training/evaluate.js';
import { evaluationLoss } from '../../src/training/evaluation-loss.js';
import { modelOutputs } from '../../src/training/export-model.js';
import { fit } from '../../src/training/fit.js';
import { stagesOfSteps } from '../../src/training/fit-plan.js';
import { type Model, parameterInputs } from '../../src/training/model.js';
import { taskObjective } from '../../src/training/objective.js';
import { openStage } from '../../src/training/stage.js';
import { createTrainingState } from '../../src/training/state.js';
import { openTextModel, type TextModel } from '../../src/training/text-model.js';
import { checkSums, fourSteps, near, type Sums } from '../golden/against-python.js';
import { goldenJson, goldenPath } from '../golden/golden.js';

interface Text {
  readonly source: number[];
  readonly options: {
    readonly num_beams?: number;
    readonly length_penalty?: number;
    readonly early_stopping?: boolean;
    readonly eos_token_id?: null;
  };
  readonly ids: number[];
}

interface Expected {
  readonly source: number[][];
  readonly mask: number[][];
  readonly target: number[][];
  readonly logits: number[][];
  readonly loss: number;
  readonly steps: number[];
  readonly adafactor: number[];
  readonly final: Sums;
  readonly runs: readonly {
    readonly method: 'full' | 'lora' | 'adapter';
    readonly stacks: Stacks;
    readonly losses: number[];
    readonly final: Sums;
  }[];
  readonly texts: readonly Text[];
}

const NAMES = ['v1_0', 'v1_1'];
const head = { kind: 'seq2seq-lm' } as const;
const options = { threads: 1 };
const packing = { batchSize: 4, padTokenId: 0, maxLength: 24, shapes: 'any' } as const;

const expectedOf = (name: string): Expected => goldenJson<Expected>('t5', name, 'expected.json');
const folderOf = (name: string): string => goldenPath('t5', name, 'model');
const load = (name: string): Promise<Checkpoint> => loadCheckpoint(folderOf(name), head, { seed: 0 });

const featuresOf = ({ source, mask, target }: Expected): Feature[] =>
  source.map((row, i) => {
    const inputIds = row.filter((_, j) => mask[i]?.[j] === 1);
    const ids = (target[i] as number[]).filter((id) => id !== -100);
    return { inputIds, tokenTypeIds: inputIds.map(() => 0), target: ids };
  });

const modelOf = ({ config, specs }: Checkpoint): Model => ({ config, specs, head, adaptation: noAdaptation });

test('buckets of relative positions are Python’s', () => {
  interface Buckets {
    readonly buckets: number;
    readonly maxDistance: number;
    readonly bidirectional: boolean;
    readonly ids: number[];
  }
  for (const { ids, ...settings } of goldenJson<Buckets[]>('t5', 'buckets.json'))
    assert.deepEqual(
      ids.map((_, i) => bucketOf(i - 200, settings)),
      ids,
      JSON.stringify(settings),
    );
});

for (const name of NAMES) {
  test(`${name}: logits and loss are Python's, one text a row and several`, async () => {
    const expected = expectedOf(name);
    const checkpoint = await load(name);
    assert.deepEqual(checkpoint.notes, []);
    assert.deepEqual(await readHead(folderOf(name)), head);
    const { specs, parameters, config } = checkpoint;
    const model = modelOf(checkpoint);
    const [first] = featuresOf(expected);
    const [rows, length, targetLength] = [
      4,
      expected.source[0]?.length ?? 0,
      expected.target[0]?.length ?? 0,
    ];
    const ids = (width: number) => ({ shape: [rows, width], dtype: 'int32' }) as const;
    const program = await compile(
      {
        ...parameterInputs(specs),
        ...{ inputIds: ids(length), attentionMask: ids(length), decoderInputIds: ids(targetLength) },
      },
      (tensors) => modelOutputs(model, { rows, length, targetLength }, tensors),
      options,
    );
    const shifted = expected.target.map((row) => [0, ...row.slice(0, -1).map((id) => Math.max(0, id))]);
    const outputs = await program.run({
      ...Object.fromEntries(parameters),
      ...{
        inputIds: Int32Array.from(expected.source.flat()),
        attentionMask: Int32Array.from(expected.mask.flat()),
      },
      decoderInputIds: Int32Array.from(shifted.flat()),
    });
    await program.close();
    const wanted = expected.logits.flat();
    near((outputs.logits as Float32Array).subarray(0, wanted.length), wanted, 1e-5, 'logits');
    assert.equal(wanted.length, (first?.target?.length as number) * config.vocabSize);
    const features = featuresOf(expected);
    const losses = await predictFeatures(model, parameters, features, { ...options, maxLength: 16 });
    near([evaluationLoss(head, features, losses) as number], [expected.loss], 2e-6, 'loss');
  });

  test(`${name}: gradients and steps of AdamW and Adafactor are Python's, whatever the pieces`, async () => {
    const expected = expectedOf(name);
    const batch = makeBatch(featuresOf(expected), packing);
    assert.ok(batch.rows < 4, 'examples share rows');
    const ways: readonly (readonly [number, Optimiser, number[]])[] = [
      [1, ADAMW_DEFAULTS, expected.steps],
      [2, ADAMW_DEFAULTS, expected.steps],
      [1, ADAFACTOR_DEFAULTS, expected.adafactor],
    ];
    for (const [vocabularyPieces, optimiser, wanted] of ways) {
      const checkpoint = await load(name);
      const state = createTrainingState(checkpoint.specs, checkpoint.parameters, () => true);
      const objective = taskObjective(modelOf(checkpoint), { vocabularyPieces });
      const stage = openStage(objective, state, () => true, options);
      const gradients = goldenPath('t5', name, 'gradients.safetensors');
      const losses = await fourSteps(stage, state, batch, optimiser, gradients);
      near(losses, wanted, 1e-5, 'losses');
      if (optimiser === ADAMW_DEFAULTS) checkSums(state.parameters, expected.final);
    }
  });

  for (const { method: kind, stacks, losses, final } of expectedOf(name).runs)
    test(`${name}, ${kind}, ${stacks}: four steps in two stages are Python's`, async () => {
      const methods: Record<typeof kind, Method> = {
        full: { kind: 'full' },
        lora: { ...LORA_DEFAULTS, rank: 2, alpha: 4, targets: ['q', 'v'] },
        adapter: { ...ADAPTER_DEFAULTS.houlsby, bottleneck: { size: 4 } },
      };
      const progress = await staged(name, { method: methods[kind], stacks });
      near(progress.losses, losses, 1e-5, 'losses');
      checkSums(progress.parameters, final);
    });

  test(`${name}: greedy and beams, with what was read and written kept`, async () => {
    const { config, specs, parameters } = await load(name);
    const model = openTextModel({ config, head, specs, adaptation: noAdaptation }, parameters, options);
    for (const text of expectedOf(name).texts)
      assert.deepEqual(await written(model, text), text.ids, JSON.stringify(text));
    await model.close();
  });

  test(`${name}: a saved model is the one that was loaded`, async () => {
    const checkpoint = await load(name);
    const folder = await mkdtemp(join(tmpdir(), 't5-'));
    await saveCheckpoint(folder, { ...checkpoint, folder: undefined });
    const again = await loadCheckpoint(folder, head, { seed: 0 });
    assert.deepEqual([again.config, again.notes], [checkpoint.config, []]);
    assert.deepEqual([...again.parameters], [...checkpoint.parameters]);
    await rm(folder, { recursive: true });
  });
}

interface StagedOptions {
  readonly method?: Method;
  readonly stacks?: Stacks;
  readonly gradientCheckpointing?: boolean;
  readonly cacheFrozenBytes?: number;
  readonly device?: 'cpu' | 'tfjs';
  readonly chunked?: boolean;
}

const scheduleOf = (stacks: Stacks, stages: number): Schedule => ({
  ...{ kind: 'progressive', stages, embeddings: 'first-stage' },
  ...(stacks === 'joined' ? {} : { partition: { kind: 'stacks', over: stacks } }),
});

/** Four steps in two stages, embeddings frozen in the second. */
async function staged(
  name: string,
  { method = { kind: 'full' }, stacks = 'joined', ...more }: StagedOptions,
): Promise<{ readonly losses: number[]; readonly parameters: Parameters }> {
  const { config, specs: plain, parameters } = await load(name);
  const base = { config, head, headTraining: 'classifier' } as const;
  const specs = [...plain, ...methodSpecs(base, method)];
  const { gradientCheckpointing = false, cacheFrozenBytes, device = 'cpu', chunked = false } = more;
  const model: Model = {
    ...{ config, head, specs, gradientCheckpointing },
    adaptation: methodAdaptation(base, method),
  };
  const extras = await readSafetensors(goldenPath('t5', name, 'extras.safetensors'));
  const values = new Map([
    ...parameters,
    ...[...extras].map(([tensor, { data }]) => [tensor, data] as const),
  ]);
  const trains = methodTrains(base, method);
  const state = createTrainingState(specs, values, trains);
  const schedule = cutSchedule(scheduleOf(stacks, 2), config);
  const batch = makeBatch(featuresOf(expectedOf(name)), packing);
  const progress = await fit(
    model,
    state,
    {
      ...{ stepsPerEpoch: 4, totalSteps: 4, gradientAccumulationSteps: 1, learningRate: 0.01, seed: 1 },
      stages: stagesOfSteps(2, 4, (stage) => both(trains, stageTrains(schedule, stage, config))),
      batchesOf: () => [batch, batch, batch, batch],
      learningRateSchedule: { kind: 'constant', warmupRatio: 0 },
      ...{ adamw: ADAMW_DEFAULTS, cacheFrozenBytes },
    },
    { ...options, device, chunked },
  );
  return { losses: progress.steps.map(({ loss }) => loss), parameters: state.parameters };
}

test('blocks computed again, states kept, steps in chunks, operations one by one: the same losses', async () => {
  for (const [name, stacks] of [
    ['v1_0', 'joined'],
    ['v1_1', 'decoder'],
  ] as const) {
    const { losses: wanted } = await staged(name, { stacks });
    const ways: readonly StagedOptions[] = [
      { gradientCheckpointing: true },
      { cacheFrozenBytes: 2 ** 20 },
      { chunked: true },
      { device: 'tfjs' },
    ];
    for (const way of ways)
      near((await staged(name, { ...way, stacks })).losses, wanted, 1e-5, `${name} ${JSON.stringify(way)}`);
  }
});

test('what a pair loses to dropout does not depend on where its texts lie', async () => {
  const { config, specs, parameters } = await load('v1_1');
  const dropping = { ...(config as T5Config), hiddenDropoutProb: 0.3, attentionProbsDropoutProb: 0.3 };
  const model: Model = { config: dropping, head, specs, adaptation: noAdaptation };
  const features = featuresOf(expectedOf('v1_1'));
  const ways = [
    [makeBatch(features, packing)],
    [makeBatch(features.slice(0, 2), packing), makeBatch(features.slice(2), packing, [2, 3])],
    [makeBatch([...features].reverse(), packing, [3, 2, 1, 0])],
  ];
  const losses: number[] = [];
  for (const batches of ways) {
    const state = createTrainingState(specs, parameters, () => true);
    const stage = openStage(taskObjective(model), state, () => true, options);
    losses.push((await stage.run(batches, { seed: 1, stream: 3, step: 5 })).loss);
    await stage.close();
  }
  near(losses, new Array<number>(3).fill(losses[0] as number), 1e-6, 'losses');
  assert.ok(Math.abs((losses[0] as number) - expectedOf('v1_1').loss) > 1e-3, 'something is dropped');
});

async function written(model: TextModel, { source, options: given }: Text): Promise<readonly number[]> {
  model.read(source);
  const ending = { maxNewTokens: 8, eosTokenIds: given.eos_token_id === null ? [] : [1] };
  if (given.num_beams === undefined) {
    const ids: number[] = [];
    for await (const id of decode(model.nextLogits, [0], ending)) ids.push(id);
    return ids;
  }
  const {
    num_beams: numBeams,
    length_penalty: lengthPenalty = 1,
    early_stopping: earlyStopping = false,
  } = given;
  const [best] = await beamSearch(model.nextLogits, [0], {
    ...ending,
    numBeams,
    lengthPenalty,
    earlyStopping,
  });
  return best?.ids ?? [];
}

test('counts: closed form and as they are, published sizes, three ways to cut two stacks', async () => {
  const sizes: Readonly<Record<string, number>> = {
    'google-t5/t5-small': 60_506_624,
    'google-t5/t5-base': 222_903_552,
    'google/t5-v1_1-small': 76_961_152,
    'google/t5-v1_1-base': 247_577_856,
  };
  const tiny = await Promise.all(NAMES.map(async (name) => readConfig(folderOf(name))));
  const configs: (readonly [string, ModelConfig])[] = [
    ...Object.keys(sizes).map((name) => [name, PRESETS[name] as ModelConfig] as const),
    ...tiny.map((config, i) => [NAMES[i] as string, config] as const),
  ];
  for (const [name, config] of configs) {
    const specs = modelSpecs(config, head);
    const counts = placeCounts(config, head);
    const total = counts.embeddings + counts.blocks.reduce((a, b) => a + b, 0) + counts.final;
    assert.equal(total, countParameters(specs), name);
    assert.equal(total, sizes[name] ?? total, name);
    counts.blocks.forEach((count, index) => {
      const own = countParameters(specs, ({ place }) => place.kind === 'block' && place.index === index);
      assert.equal(count, own, `${name}, block ${index}`);
    });
    for (const stacks of STACKS) {
      const schedule = cutSchedule(scheduleOf(stacks, 2), config);
      assert.deepEqual(
        closedFormUpdates(schedule, 4, config, head),
        countedUpdates(schedule, 4, config, specs),
      );
    }
  }
});

test('what a T5 cannot take is refused by name', async () => {
  const home = await mkdtemp(join(tmpdir(), 't5-'));
  const own = goldenJson<object>('t5', 'v1_1', 'model', 'config.json');
  const refused = async (config: object, message: RegExp): Promise<void> => {
    await writeFile(join(home, 'config.json'), JSON.stringify(config));
    await assert.rejects(readConfig(home), { name: 'DataError', message });
  };
  await refused(
    { ...own, feed_forward_proj: 'gated-swish2' },
    /config\.json: feed_forward_proj 'gated-swish2' is not supported; supported: relu, .*gated-gelu/,
  );
  await refused({ ...own, is_encoder_decoder: false }, /is_encoder_decoder false is not supported/);
  await refused({ ...own, relative_attention_num_buckets: 2 }, /relative_attention_num_buckets 2: wanted/);
  const config = (await readConfig(folderOf('v1_1'))) as T5Config;
  assert.deepEqual([config.gated, config.scaleDecoderOutputs, config.numDecoderLayers], [true, false, 3]);
  const base = { config, head, headTraining: 'classifier' } as const;
  assert.throws(() => checkMethod(base, BITFIT_DEFAULTS), {
    name: 'UsageError',
    message: /t5 model has no biases/,
  });
  assert.throws(() => modelSpecs(config, { kind: 'span' }), {
    name: 'UsageError',
    message: /t5 has no head/,
  });
  const bert = PRESETS['bert-base-uncased'] as ModelConfig;
  assert.throws(() => cutSchedule(scheduleOf('decoder', 3), bert), {
    name: 'UsageError',
    message: /stacks decoder: the model has one stack of blocks/,
  });
  await rm(home, { recursive: true });
});
