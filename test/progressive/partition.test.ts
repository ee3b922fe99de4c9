/** Parts that are not the paper's equal ones, and the baselines: which blocks, in which stage. Published rules by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ModelConfig, PRESETS } from '../../src/models/config.js';
import { FREEZE_THRESHOLDS, frozenAfter, trainsAbove } from '../../src/progressive/adaptive.js';
import { contributionParts } from '../../src/progressive/contribution.js';
import { equalParameterParts } from '../../src/progressive/equal-parameters.js';
import { lisaBlocks } from '../../src/progressive/lisa.js';
import { checkSchedule, cutSchedule, type Schedule, trainedBlocks } from '../../src/progressive/schedule.js';

const bert = PRESETS['bert-base-uncased'] as ModelConfig;
const progressive = { kind: 'progressive', stages: 3, embeddings: 'always' } as const;
const trained = (schedule: Schedule, model: ModelConfig = bert): number[][] =>
  Array.from({ length: schedule.stages }, (_, i) => [...trainedBlocks(schedule, i + 1, model)]);

test('parts of equal parameters: the embeddings of BERT-base are worth more than three blocks', () => {
  const partition = { kind: 'equal-parameters' } as const;
  // 23.84 M + 2 x 7.09 M = 38.0 M, then 5 x 7.09 M = 35.4 M twice.
  const cut = cutSchedule({ ...progressive, partition }, bert);
  assert.deepEqual(
    trained(cut).map(({ length }) => length),
    [12, 10, 5],
  );
  // Without embeddings that train the parts are the paper's.
  const never = { ...progressive, embeddings: 'never' } as const;
  assert.deepEqual(trained(cutSchedule({ ...never, partition }, bert)), trained(never));
  for (let L = 1; L <= 12; L++)
    for (let T = 1; T <= L; T++)
      for (const embeddings of [0, 3.4, 100]) {
        const cut = equalParameterParts({ embeddings, blocks: new Array(L).fill(1) }, T);
        assert.equal(cut.length, T);
        assert.ok(cut.every(({ length }) => length > 0));
        assert.deepEqual(
          cut.flat(),
          Array.from({ length: L }, (_, block) => block),
        );
      }
});

test('parts by contribution: the least contributing freeze first, of equals the lower one', () => {
  assert.deepEqual(contributionParts([5, 1, 4, 2, 3, 0], 3), [
    [1, 5],
    [3, 4],
    [0, 2],
  ]);
  assert.deepEqual(contributionParts([1, 1, 1, 1, 1], 2), [
    [0, 1],
    [2, 3, 4],
  ]);
  const six = { ...bert, numHiddenLayers: 6 };
  const partition = { kind: 'contribution', estimate: 'fisher' } as const;
  const cut = (kind: 'progressive' | 'growing') =>
    trained(cutSchedule({ ...progressive, kind, partition }, six, [5, 1, 4, 2, 3, 0]), six);
  assert.deepEqual(cut('progressive'), [
    [0, 1, 2, 3, 4, 5],
    [0, 2, 3, 4],
    [0, 2],
  ]);
  assert.deepEqual(cut('growing'), [
    [0, 2],
    [0, 2, 3, 4],
    [0, 1, 2, 3, 4, 5],
  ]);
  assert.throws(() => trainedBlocks({ ...progressive, partition }, 1, six), /its parts are not cut yet/);
});

test('given parts hold each block once, and are as many as the stages', () => {
  const given = (parts: number[][]): Schedule =>
    cutSchedule(
      { ...progressive, stages: 2, partition: { kind: 'given', parts } },
      { ...bert, numHiddenLayers: 3 },
    );
  assert.deepEqual([...trainedBlocks(given([[2], [0, 1]]), 2, { numHiddenLayers: 3 })], [0, 1]);
  for (const [parts, message] of [
    [[[0, 1, 2]], /1 parts are given for 2 stages/],
    [[[0], [1]], /each of the blocks 0\.\.2 once, not 0, 1/],
    [
      [
        [0, 1],
        [1, 2],
      ],
      /once, not 0, 1, 1, 2/,
    ],
    [[[0, 1], [3]], /once/],
  ] as const)
    assert.throws(() => given(parts.map((part) => [...part])), { name: 'UsageError', message });
});

test("AutoFreeze's gradient norm test: below the median of the change freezes, from the lowest block up", () => {
  const rule = { rule: 'gradient-norm', threshold: FREEZE_THRESHOLDS['gradient-norm'] } as const;
  const first = [10, 10, 10, 10];
  assert.equal(frozenAfter(rule, [first], 0), 0, 'a change needs two measurements');
  // Changes 0.1, 0.2, 0.5, 0.4: the median is 0.3.
  assert.equal(frozenAfter(rule, [first, [9, 8, 5, 6]], 0), 2);
  // The lowest block moves: nothing freezes, though the others hardly do.
  assert.equal(frozenAfter(rule, [first, [1, 10, 10, 10]], 0), 0);
  // Of the two that still train, 0.5 and 0.1: the median is 0.3, and what is frozen stays so.
  assert.equal(frozenAfter(rule, [first, first, [0, 0, 5, 9]], 2), 2);
  assert.equal(frozenAfter(rule, [first, first, [0, 0, 9, 5]], 2), 3);
  assert.equal(frozenAfter({ ...rule, threshold: 100 }, [first, [9, 9, 9, 5]], 0), 3, 'not the top block');
  assert.equal(frozenAfter({ ...rule, threshold: 0 }, [first, [9, 8, 5, 6]], 0), 0);
});

test("Egeria's plasticity: a block freezes when it changes by less than a share of its largest change", () => {
  const rule = { rule: 'plasticity', threshold: FREEZE_THRESHOLDS.plasticity } as const;
  assert.equal(frozenAfter(rule, [[0.1, 0.2, 0.3]], 0), 0);
  // Changes after the first: 0.01 of 0.1 (a tenth), 0.1 of 0.2 (half), 0.
  assert.equal(
    frozenAfter(
      rule,
      [
        [0.1, 0.2, 0.3],
        [0.11, 0.3, 0.3],
      ],
      0,
    ),
    1,
  );
  assert.equal(
    frozenAfter(
      rule,
      [
        [0.1, 0.2, 0.3],
        [0.11, 0.21, 0.3],
      ],
      0,
    ),
    2,
    'not the top block',
  );
  assert.equal(
    frozenAfter(
      { ...rule, threshold: 0.05 },
      [
        [0.1, 0.2, 0.3],
        [0.11, 0.3, 0.3],
      ],
      0,
    ),
    0,
  );
});

test('what trains above frozen blocks: the embeddings go with the lowest block, unless they always or never train', () => {
  const embeddings = { place: { kind: 'embeddings' } } as never;
  const of = (frozen: number, when: 'always' | 'first-stage' | 'never') =>
    trainsAbove(frozen, when)(embeddings);
  assert.deepEqual(
    [of(0, 'first-stage'), of(1, 'first-stage'), of(1, 'always'), of(0, 'never')],
    [true, false, true, false],
  );
  const block = (index: number) => ({ place: { kind: 'block', index } }) as never;
  assert.deepEqual(
    [0, 1, 2].map((index) => trainsAbove(1, 'always')(block(index))),
    [false, true, true],
  );
});

test('LISA draws so many blocks, none twice, all as often; the same seed draws the same', () => {
  const drawn = Array.from({ length: 3000 }, (_, i) => lisaBlocks({ seed: 7, layers: 2 }, i + 1, 6));
  assert.ok(drawn.every((blocks) => new Set(blocks).size === 2));
  for (let block = 0; block < 6; block++) {
    const often = drawn.filter((blocks) => blocks.includes(block)).length;
    // 1,000 expected, standard deviation 26.
    assert.ok(Math.abs(often - 1000) < 110, `block ${block}: ${often}`);
  }
  assert.deepEqual(lisaBlocks({ seed: 7, layers: 2 }, 5, 6), drawn[4]);
});

test('what does not go together is refused in one line', () => {
  const cases: [Schedule, RegExp][] = [
    [
      {
        ...progressive,
        kind: 'growing',
        partition: { kind: 'adaptive', rule: 'plasticity', threshold: 0.2 },
      },
      /it goes with progressive/,
    ],
    [
      { ...progressive, stages: 13, partition: { kind: 'equal-parameters' } },
      /13 parts cannot be cut from 12 blocks/,
    ],
    [{ ...progressive, kind: 'top-blocks', blocks: 13 }, /13 is over the model's 12 blocks/],
    [{ ...progressive, kind: 'lisa', layers: 13, interval: 5, seed: 0 }, /13 is over the model's 12 blocks/],
  ];
  for (const [schedule, message] of cases)
    assert.throws(() => checkSchedule(schedule, 20, bert), { name: 'UsageError', message });
  const adaptive = { kind: 'adaptive', rule: 'gradient-norm', threshold: 50 } as const;
  assert.throws(
    () => trainedBlocks({ ...progressive, partition: adaptive }, 1, bert),
    /decided while the model trains/,
  );
});
