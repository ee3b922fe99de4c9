/** Parts, schedules and counts against the paper's rule and the arithmetic of the project's paper notes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PRESETS } from '../../src/models/config.js';
import { countParameters } from '../../src/models/parameters.js';
import { modelSpecs } from '../../src/models/specs.js';
import { parts } from '../../src/progressive/parts.js';
import {
  checkSchedule,
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
  assert.throws(() => checkSchedule(schedule, 2, { numHiddenLayers: 6 }), /3 stages do not fit in 2 epochs/);
  assert.throws(
    () => checkSchedule({ ...schedule, stages: 7 }, 7, { numHiddenLayers: 6 }),
    /7 parts cannot be cut from 6 blocks/,
  );
});

test('closed form equals counting, for every preset, T, schedule and reading of the embeddings', () => {
  for (const config of Object.values(PRESETS)) {
    const specs = modelSpecs(config, head);
    for (let T = 1; T <= config.numHiddenLayers; T += config.numHiddenLayers > 12 ? 5 : 1) {
      for (const embeddings of EMBEDDINGS) {
        const schedules: Schedule[] = [
          { kind: 'full', stages: T, embeddings },
          { kind: 'progressive', stages: T, embeddings },
          { kind: 'growing', stages: T, embeddings },
          { kind: 'random', stages: T, embeddings, seed: 1 },
          { kind: 'only-block', stages: T, embeddings, block: config.numHiddenLayers - 1 },
        ];
        for (const schedule of schedules) {
          assert.deepEqual(
            closedFormUpdates(schedule, T, config, 2),
            countedUpdates(schedule, T, config, specs),
          );
        }
      }
    }
  }
});

/** [T, model, reading, % saved]: shared arithmetic of the project, computed there independently. */
const PUBLISHED: [number, string, Schedule['embeddings'], number][] = [
  [2, 'bert-base-uncased', 'always', 19.42],
  [3, 'bert-base-uncased', 'always', 25.9],
  [3, 'bert-base-uncased', 'first-stage', 40.41],
  [3, 'bert-base-uncased', 'never', 47.67],
  [5, 'bert-base-uncased', 'always', 25.9],
  [12, 'bert-base-uncased', 'always', 35.61],
  [12, 'bert-base-uncased', 'first-stage', 55.56],
  [3, 'bert-large-uncased', 'always', 30.07],
  [10, 'bert-large-uncased', 'first-stage', 42.36],
  [12, 'bert-large-uncased', 'never', 50.83],
  [3, 'roberta-base', 'always', 22.75],
  [10, 'roberta-base', 'always', 25.59],
];

test('saved shares are those of the arithmetic: BERT-base, T = 3: 25.90 % and 40.41 %', () => {
  for (const [T, model, embeddings, wanted] of PUBLISHED) {
    const config = PRESETS[model];
    assert.ok(config);
    const specs = modelSpecs(config, head);
    const updates = countedUpdates({ kind: 'progressive', stages: T, embeddings }, T, config, specs);
    assert.equal(
      (100 * savedFraction(updates, countParameters(specs))).toFixed(2),
      wanted.toFixed(2),
      `${model} T=${T} ${embeddings}`,
    );
  }
});

test('published parameter totals', () => {
  const total = (model: string): number =>
    countParameters(modelSpecs(PRESETS[model] as (typeof PRESETS)[string] & object, head));
  assert.equal(total('bert-base-uncased'), 109_483_778);
  assert.equal(total('bert-large-uncased'), 335_143_938);
  assert.equal(total('roberta-base'), 124_647_170);
});

test('the head trains in every stage; frozen embeddings and blocks do not', () => {
  const config = {
    ...(PRESETS['bert-base-uncased'] as (typeof PRESETS)[string] & object),
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
