/** Runs whose parts, rates or optimiser go by stage: what is measured, what freezes, and that an interruption changes nothing. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ledgerRecord } from '../../src/experiments/ledger.js';
import { type RunEvent, type RunOptions, run } from '../../src/experiments/run.js';
import type { RunRecord } from '../../src/experiments/run-record.js';
import { type RunRequest, runSpec } from '../../src/experiments/run-spec.js';
import { ESTIMATES } from '../../src/progressive/contribution.js';
import { goldenPath } from '../golden/golden.js';

const home = await mkdtemp(join(tmpdir(), 'progtuning-staged-'));
after(() => rm(home, { recursive: true }));

/** 18 examples: five steps an epoch. The model has four blocks and no dropout. */
const REQUEST: RunRequest = {
  ...{ task: 'sst2', data: goldenPath('bert'), model: goldenPath('bert', 'model') },
  ...{ epochs: 2, batchSize: 4, learningRate: 1e-2, maxLength: 16 },
};

const made = (more: Partial<RunRequest>, options: RunOptions = {}): Promise<RunRecord> =>
  run(runSpec({ ...REQUEST, ...more }), { threads: 1, ...options });

const numbersOf = ({
  steps,
  metrics,
  stages,
  updatedParameters,
  frozenBlocks,
  contributions,
}: RunRecord) => ({
  ...{ steps, metrics, stages, updatedParameters, frozenBlocks, contributions },
});

/** A run that is cut off at a step, and goes on. */
async function interrupted(more: Partial<RunRequest>, at: number): Promise<RunRecord> {
  const snapshots = await mkdtemp(join(home, 'snapshots-'));
  const onEvent = (event: RunEvent): void => {
    if (event.kind === 'step' && event.record.step === at) throw new Error('cut off');
  };
  const options = { snapshots, saveSteps: 3 };
  await assert.rejects(made(more, { ...options, onEvent }), /cut off/);
  const seen: string[] = [];
  const record = await made(more, { ...options, onEvent: ({ kind }) => seen.push(kind) });
  assert.ok(seen.includes('resumed'));
  return record;
}

for (const estimate of ESTIMATES)
  test(`parts by contribution, ${estimate}: measured alike each time, least first`, async () => {
    const schedule = {
      kind: 'progressive',
      stages: 2,
      partition: { kind: 'contribution', estimate },
    } as const;
    const record = await made({ schedule });
    const { contributions = [], stages, updatedParameters } = record;
    assert.equal(contributions.length, 4);
    assert.equal(new Set(contributions).size, 4, String(contributions));
    const most = [...contributions.keys()].sort(
      (a, b) => (contributions[b] as number) - (contributions[a] as number),
    );
    assert.deepEqual(stages[0]?.blocks, [0, 1, 2, 3]);
    assert.deepEqual(stages[1]?.blocks, most.slice(0, 2).sort());
    const equal = await made({ schedule: { kind: 'progressive', stages: 2 } });
    assert.deepEqual(
      updatedParameters,
      equal.updatedParameters,
      'blocks are alike: the counts are the closed form’s',
    );
    assert.notEqual(record.identity.key, equal.identity.key);
    assert.deepEqual((await interrupted({ schedule }, 7)).contributions, contributions);
    assert.deepEqual(ledgerRecord(record).contributions, contributions);
  });

for (const partition of [
  { kind: 'adaptive', rule: 'gradient-norm', threshold: 90 },
  { kind: 'adaptive', rule: 'plasticity', threshold: 0.9, examples: 8 },
] as const)
  test(`adaptive, ${partition.rule}: blocks freeze for good, and a run that was cut off decides alike`, async () => {
    const schedule = { kind: 'progressive', stages: 5, embeddings: 'first-stage', partition } as const;
    const record = await made({ schedule });
    const { frozenBlocks = [], stages, updatedParameters } = record;
    assert.equal(frozenBlocks.length, 4, 'after the last stage nothing trains');
    assert.equal(frozenBlocks[0], 0, 'a change needs two stages');
    assert.ok((frozenBlocks.at(-1) as number) > 0, String(frozenBlocks));
    assert.ok(frozenBlocks.every((frozen, i) => frozen <= 3 && frozen >= (frozenBlocks[i - 1] ?? 0)));
    for (const [i, { blocks, embeddings }] of stages.entries()) {
      const before = frozenBlocks[i - 1] ?? 0;
      assert.deepEqual(blocks, [0, 1, 2, 3].slice(before));
      assert.equal(embeddings, before === 0);
    }
    const counts = new Map(stages.map((stage) => [stage.stage, stage.updatedParameters]));
    for (const [epoch, updated] of updatedParameters.entries()) {
      const steps = record.steps.filter((step) => step.epoch === epoch);
      const sum = steps.reduce((all, { stage }) => all + (counts.get(stage) as number), 0);
      assert.equal(updated, Math.round(sum / steps.length));
    }
    // In the middle of a stage, at its end, and after the first blocks are frozen.
    for (const at of [4, 6, 8])
      assert.deepEqual(numbersOf(await interrupted({ schedule }, at)), numbersOf(record), `cut off at ${at}`);
    assert.deepEqual(ledgerRecord(record).frozenBlocks, frozenBlocks);
  });

test('LISA: other blocks every few steps, the same after an interruption; its moments are kept or reset', async () => {
  const schedule = { kind: 'lisa', stages: 2, layers: 1, interval: 3, seed: 3 } as const;
  const record = await made({ schedule });
  assert.deepEqual(
    record.stages.map(({ from, to, blocks, embeddings }) => [from, to, blocks.length, embeddings]),
    [
      [0, 3, 1, true],
      [3, 6, 1, true],
      [6, 9, 1, true],
      [9, 10, 1, true],
    ],
  );
  assert.ok(new Set(record.stages.map(({ blocks }) => blocks[0])).size > 1);
  assert.deepEqual(numbersOf(await interrupted({ schedule }, 7)), numbersOf(record));
  const again = { schedule: { ...schedule, layers: 3 }, optimiserState: 'reset-thawed' } as const;
  const reset = await made(again);
  const kept = await made({ schedule: again.schedule });
  assert.notDeepEqual(reset.steps.at(-1)?.loss, kept.steps.at(-1)?.loss);
  assert.deepEqual(numbersOf(await interrupted(again, 7)), numbersOf(reset));
});

test('an optimiser that is reset with the rate is a run of its own: stage 2 is what a second run from the first gives', async () => {
  const plain = {
    schedule: { kind: 'full' },
    shuffle: false,
    learningRateSchedule: { kind: 'linear', warmupRatio: 0.4 },
  } as const;
  const both = await made({ ...plain, learningRateStages: { restart: true }, optimiserState: 'reset' });
  const save = join(home, 'first');
  const first = await made({ ...plain, epochs: 1 }, { save });
  const second = await made({ ...plain, epochs: 1, model: save });
  const lossesOf = ({ steps }: RunRecord) => steps.map(({ loss, learningRate }) => [loss, learningRate]);
  assert.deepEqual(lossesOf(both), [...lossesOf(first), ...lossesOf(second)]);
  const kept = await made({ ...plain, learningRateStages: { restart: true } });
  assert.equal(kept.steps[5]?.loss, both.steps[5]?.loss, 'before its first step nothing is reset');
  assert.notEqual(kept.steps[9]?.loss, both.steps[9]?.loss);
});

test('a factor on the rate for each stage; what is at its default is not there', async () => {
  const peaks = [1, 0.5];
  const rates = async (more: Partial<RunRequest>) =>
    (await made({ schedule: { kind: 'full' }, ...more })).steps.map(({ learningRate }) => learningRate);
  const [once, lower] = [await rates({}), await rates({ learningRateStages: { peaks } })];
  assert.deepEqual(
    lower,
    once.map((rate, step) => rate * (step < 5 ? 1 : 0.5)),
  );
  assert.deepEqual(runSpec({ ...REQUEST, learningRateStages: {} }), runSpec(REQUEST));
});

test('what does not go together is refused in one line, before the first step', async () => {
  const adaptive = { kind: 'adaptive', rule: 'gradient-norm', threshold: 50 } as const;
  const cases: [Partial<RunRequest>, RegExp][] = [
    [{ learningRateStages: { peaks: [1, 2, 3] } }, /3 factors are given for 2 stages/],
    [
      { schedule: { kind: 'lisa', layers: 1, interval: 2, seed: 0 }, learningRateStages: { restart: true } },
      /lisa draws blocks anew every few steps/,
    ],
    [
      { schedule: { kind: 'full', partition: adaptive } as never },
      /schedule\.partition is of schedule progressive and growing, not of full/,
    ],
    [
      { schedule: { kind: 'progressive', stages: 11, partition: adaptive } },
      /11 stages do not fit in 10 steps/,
    ],
    [{ schedule: { kind: 'top-blocks', blocks: 5 } }, /5 is over the model's 4 blocks/],
  ];
  for (const [more, message] of cases) await assert.rejects(async () => made(more), message);
  const options = { chunked: true, threads: 1 };
  await assert.rejects(
    made({ schedule: { kind: 'progressive', partition: adaptive } }, options),
    /tell no gradient norms of blocks; take --freeze-rule plasticity/,
  );
});

test('contributions are kept beside the snapshots: a run that goes on does not measure them again', async () => {
  const snapshots = await mkdtemp(join(home, 'kept-'));
  const schedule = {
    kind: 'progressive',
    stages: 2,
    partition: { kind: 'contribution', estimate: 'cka' },
  } as const;
  const stop = (event: RunEvent): void => {
    if (event.kind === 'measured') throw new Error('cut off');
  };
  await assert.rejects(made({ schedule }, { snapshots, onEvent: stop }), /cut off/);
  const { contributions } = JSON.parse(await readFile(join(snapshots, 'contributions.json'), 'utf8'));
  const record = await made({ schedule }, { snapshots });
  assert.deepEqual(record.contributions, contributions);
});
