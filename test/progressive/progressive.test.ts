/** Parts, schedules and counts against the paper's rule and the arithmetic of the project's paper notes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HeadSpec, type ModelConfig, PRESETS } from '../../src/models/config.js';
import { familyOf } from '../../src/models/families.js';
import { countParameters, type ParameterSpec } from '../../src/models/parameters.js';
import { modelSpecs } from '../../src/models/specs.js';
import { contributionParts } from '../../src/progressive/contribution.js';
import { parts } from '../../src/progressive/parts.js';
import {
  checkSchedule,
  cutSchedule,
  EMBEDDINGS,
  type Schedule,
  stageOfEpoch,
  stageTrains,
  trainedBlocks,
} from '../../src/progressive/schedule.js';
import { closedFormUpdates, countedUpdates, savedFraction } from '../../src/progressive/updates.js';

const head = { kind: 'classification', numLabels: 2 } as const;

test('parts are consecutive, equal, and the top one takes the remainder', () => {
  assert.deepEqual(parts(7, 3), [
    { first: 0, end: 2 },
    { first: 2, end: 4 },
    { first: 4, end: 7 },
  ]);
  for (let L = 1; L <= 24; L++) {
    for (let T = 1; T <= L; T++) {
      const cut = parts(L, T);
      assert.equal(cut.length, T);
      assert.deepEqual(
        cut.map(({ first }) => first),
        Array.from({ length: T }, (_, t) => t * Math.floor(L / T)),
      );
      assert.equal(cut[T - 1]?.end, L);
    }
  }
  for (const T of [0, -1, 1.5, 13, Number.NaN]) assert.throws(() => parts(12, T), { name: 'UsageError' });
});

test('progressive shrinks from the bottom, growing grows from the top, random keeps the sizes', () => {
  const blocks = (kind: 'progressive' | 'growing', stage: number): number[] => [
    ...trainedBlocks({ kind, stages: 3, embeddings: 'always' }, stage, { numHiddenLayers: 7 }),
  ];
  assert.deepEqual(
    [1, 2, 3].map((t) => blocks('progressive', t)),
    [
      [0, 1, 2, 3, 4, 5, 6],
      [2, 3, 4, 5, 6],
      [4, 5, 6],
    ],
  );
  assert.deepEqual(
    [1, 2, 3].map((t) => blocks('growing', t)),
    [
      [4, 5, 6],
      [2, 3, 4, 5, 6],
      [0, 1, 2, 3, 4, 5, 6],
    ],
  );
  const random: Schedule = { kind: 'random', stages: 3, embeddings: 'always', seed: 5 };
  const sets = [1, 2, 3].map((t) => [...trainedBlocks(random, t, { numHiddenLayers: 7 })]);
  assert.deepEqual(
    sets.map((set) => set.length),
    [7, 5, 3],
  );
  assert.deepEqual(
    sets,
    [1, 2, 3].map((t) => [...trainedBlocks(random, t, { numHiddenLayers: 7 })]),
  );
});

test('epochs are shared out among the stages', () => {
  const schedule: Schedule = { kind: 'progressive', stages: 3, embeddings: 'always' };
  assert.deepEqual(
    [0, 1, 2].map((epoch) => stageOfEpoch(schedule, epoch, 3)),
    [1, 2, 3],
  );
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((epoch) => stageOfEpoch(schedule, epoch, 5)),
    [1, 1, 2, 2, 3],
  );
  const six = { ...(PRESETS['bert-base-uncased'] as ModelConfig), numHiddenLayers: 6 };
  assert.throws(() => checkSchedule(schedule, 2, six), /3 stages do not fit in 2 epochs/);
  assert.throws(
    () => checkSchedule({ ...schedule, stages: 7 }, 7, six),
    /7 parts cannot be cut from 6 blocks/,
  );
});

/** 0, -1, 2, -3 ...: even blocks contribute more. */
const alternating = (blocks: number): number[] =>
  Array.from({ length: blocks }, (_, block) => (block % 2 === 0 ? block : -block));

test('closed form equals counting, for every preset, T, schedule and reading of the embeddings', () => {
  const decoders = Object.values(PRESETS).filter((config) => familyOf(config).causal);
  const models: [ModelConfig, HeadSpec][] = [
    ...Object.values(PRESETS).map((config): [ModelConfig, HeadSpec] => [
      config,
      familyOf(config).decoder ? { kind: 'seq2seq-lm' } : head,
    ]),
    ...decoders.map((config): [ModelConfig, HeadSpec] => [config, { kind: 'causal-lm' }]),
    ...decoders.map((config): [ModelConfig, HeadSpec] => [
      { ...config, tieWordEmbeddings: false },
      { kind: 'causal-lm' },
    ]),
    ...['span', 'masked-lm'].map((kind): [ModelConfig, HeadSpec] => [
      PRESETS['google/electra-small-discriminator'] as ModelConfig,
      { kind } as HeadSpec,
    ]),
  ];
  for (const [config, head] of models) {
    const specs = modelSpecs(config, head);
    for (
      let T = 1;
      T <= config.numHiddenLayers;
      T += familyOf(config).causal || familyOf(config).decoder ? 7 : 1
    ) {
      for (const embeddings of EMBEDDINGS) {
        const schedules: Schedule[] = [
          { kind: 'full', stages: T, embeddings },
          { kind: 'progressive', stages: T, embeddings },
          { kind: 'growing', stages: T, embeddings },
          { kind: 'random', stages: T, embeddings, seed: 1 },
          { kind: 'only-block', stages: T, embeddings, block: config.numHiddenLayers - 1 },
          { kind: 'top-blocks', stages: T, embeddings, blocks: 3 },
          { kind: 'lisa', stages: T, embeddings: 'always', layers: 4, interval: 2, seed: 1 },
          // The parts need not be neighbours to be counted.
          {
            ...{ kind: 'progressive', stages: T, embeddings },
            partition: { kind: 'given', parts: contributionParts(alternating(config.numHiddenLayers), T) },
          },
          cutSchedule(
            { kind: 'growing', stages: T, embeddings, partition: { kind: 'equal-parameters' } },
            config,
          ),
        ];
        for (const schedule of schedules) {
          assert.deepEqual(
            closedFormUpdates(schedule, T, config, head),
            countedUpdates(schedule, T, config, specs),
          );
        }
      }
    }
  }
});

/**
 * Percent saved by `progressive`, in closed form, computed apart from this code. Columns: the blocks alone; all with embeddings trained
 * `always`, `first-stage`; embeddings left out of both sides; embeddings `never` trained, but counted in full fine-tuning.
 */
const SAVED: Record<string, Record<number, readonly number[]>> = {
  'bert-base-uncased': {
    2: [25.0, 19.42, 30.31, 24.83, 41.19],
    3: [33.33, 25.9, 40.41, 33.1, 47.67],
    4: [37.5, 29.13, 45.46, 37.24, 50.9],
    5: [33.33, 25.9, 43.31, 33.1, 47.67],
    6: [41.67, 32.37, 50.51, 41.38, 54.14],
    10: [37.5, 29.13, 48.73, 37.24, 50.9],
    12: [45.83, 35.61, 55.56, 45.52, 57.38],
  },
  'bert-large-uncased': {
    2: [25.0, 22.55, 27.29, 24.91, 32.03],
    3: [33.33, 30.07, 36.39, 33.22, 39.55],
    4: [37.5, 33.83, 40.94, 37.37, 43.31],
    5: [33.33, 30.07, 37.65, 33.22, 39.55],
    6: [41.67, 37.58, 45.49, 41.52, 47.07],
    10: [37.5, 33.83, 42.36, 37.37, 43.31],
    12: [45.83, 41.34, 50.04, 45.67, 50.83],
  },
};

test('saved shares are those of the arithmetic: BERT-base, T = 3: 25.90 % and 40.41 %', () => {
  for (const [model, rows] of Object.entries(SAVED)) {
    const config = PRESETS[model] as ModelConfig;
    const specs = modelSpecs(config, head);
    const saved = (
      T: number,
      embeddings: Schedule['embeddings'],
      counted: readonly ParameterSpec[],
    ): number =>
      100 *
      savedFraction(
        countedUpdates({ kind: 'progressive', stages: T, embeddings }, T, config, counted),
        countParameters(counted),
      );
    const blocks = specs.filter(({ place }) => place.kind === 'block');
    const withoutEmbeddings = specs.filter(({ place }) => place.kind !== 'embeddings');
    for (const [T, wanted] of Object.entries(rows)) {
      const got = [
        saved(Number(T), 'always', blocks),
        saved(Number(T), 'always', specs),
        saved(Number(T), 'first-stage', specs),
        saved(Number(T), 'always', withoutEmbeddings),
        saved(Number(T), 'never', specs),
      ];
      assert.deepEqual(
        got.map((x) => x.toFixed(2)),
        wanted.map((x) => x.toFixed(2)),
        `${model} T=${T}`,
      );
    }
  }
});

test('RoBERTa-base, and a SQuAD head, from T = 2 up', () => {
  const saved = (model: string, T: number, task: HeadSpec): string => {
    const config = PRESETS[model] as ModelConfig;
    const specs = modelSpecs(config, task);
    const schedule: Schedule = { kind: 'progressive', stages: T, embeddings: 'always' };
    const updates = countedUpdates(schedule, T, config, specs);
    return (100 * savedFraction(updates, countParameters(specs))).toFixed(2);
  };
  const roberta = { 3: '22.75', 4: '25.59', 5: '22.75', 6: '28.43', 10: '25.59', 12: '31.27' };
  for (const [T, wanted] of Object.entries(roberta))
    assert.equal(saved('roberta-base', Number(T), head), wanted, `T=${T}`);
  assert.equal(saved('bert-base-uncased', 2, { kind: 'span' }), '19.53');
  assert.equal(saved('bert-base-uncased', 3, { kind: 'span' }), '26.04');
});

test('a growing run mirrors a progressive one: the same updates in reverse order, embeddings with all blocks', () => {
  const config = PRESETS['bert-base-uncased'] as ModelConfig;
  for (const embeddings of EMBEDDINGS) {
    for (const T of [2, 3, 5, 12]) {
      const [down, up] = (['progressive', 'growing'] as const).map((kind) =>
        closedFormUpdates({ kind, stages: T, embeddings }, T, config, 2),
      ) as [number[], number[]];
      assert.deepEqual(up, [...down].reverse());
    }
  }
});

test('full and only-block cut nothing: any number of stages', () => {
  const config = PRESETS['bert-base-uncased'] as ModelConfig;
  const embeddings = 'always' as const;
  const full = closedFormUpdates({ kind: 'full', stages: 20, embeddings }, 20, config, 2);
  assert.deepEqual(full, Array(20).fill(109_483_778));
  const one = closedFormUpdates({ kind: 'only-block', stages: 16, embeddings, block: 3 }, 16, config, 2);
  assert.deepEqual(one, Array(16).fill(23_837_184 + 7_087_872 + 592_130));
  const block: Schedule = { kind: 'only-block', stages: 1, embeddings, block: 12 };
  assert.throws(() => trainedBlocks(block, 1, config), {
    name: 'UsageError',
    message: /12 is not among the 12 blocks 0\.\.11/,
  });
});

test('published parameter totals', () => {
  const total = (model: string): number => countParameters(modelSpecs(PRESETS[model] as ModelConfig, head));
  assert.equal(total('bert-base-uncased'), 109_483_778);
  assert.equal(total('bert-large-uncased'), 335_143_938);
  assert.equal(total('roberta-base'), 124_647_170);
});

test('published parameter totals of decoders, tied and untied', () => {
  const total = (model: string, more: Partial<ModelConfig> = {}): number =>
    countParameters(
      modelSpecs({ ...(PRESETS[model] as ModelConfig), ...more } as ModelConfig, { kind: 'causal-lm' }),
    );
  assert.equal(total('gpt2'), 124_439_808);
  assert.equal(total('gpt2', { tieWordEmbeddings: false }), 124_439_808 + 50_257 * 768);
  assert.equal(total('gpt2-medium'), 354_823_168);
  assert.equal(total('HuggingFaceTB/SmolLM2-135M'), 134_515_008);
  assert.equal(total('Qwen/Qwen2.5-0.5B'), 494_032_768);
  assert.equal(total('meta-llama/Llama-3.2-1B'), 1_235_814_400);
  assert.equal(total('meta-llama/Llama-2-7b-hf'), 6_738_415_616);
});

test('the head trains in every stage; frozen embeddings and blocks do not', () => {
  const config = {
    ...(PRESETS['bert-base-uncased'] as ModelConfig),
    numHiddenLayers: 3,
  };
  const schedule: Schedule = { kind: 'progressive', stages: 3, embeddings: 'first-stage' };
  const names = modelSpecs(config, head)
    .filter(stageTrains(schedule, 3, config))
    .map(({ name }) => name);
  assert.ok(names.includes('classifier.weight') && names.includes('bert.pooler.dense.bias'));
  assert.ok(
    names.every((name) => /layer\.2\.|pooler|classifier/.test(name)),
    names.join(),
  );
});
