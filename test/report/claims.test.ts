/** Run tables and verdicts: from made-up records with known answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GridCell } from '../../src/experiments/notebook-runs.js';
import { runSpec } from '../../src/experiments/run-spec.js';
import { type Claim, type Evidence, growingUnder, judgeClaims } from '../../src/report/claims.js';
import { differenceText, groupRuns, provenance, runRow } from '../../src/report/run-table.js';
import { taskName } from '../../src/report/task-name.js';
import { cell, pair } from './made-cells.js';

const evidence = (more: Partial<Evidence>): Evidence => ({
  ...{ name: 'test', glue: [], squad: [], blocks: [], order: [], countedSaving: 0.259 },
  ...more,
});

const verdict = (claims: readonly Claim[], start: string): string =>
  claims.find(({ claim }) => claim.startsWith(start))?.verdict ?? 'no such claim';

test('a row has mean and spread over seeds; what was not run says so', () => {
  const groups = groupRuns(
    [...pair(0, 0.8, 0.82), ...pair(1, 0.84, 0.82), cell({ schedule: { kind: 'growing' }, seed: 0 })],
    ({ spec }) => spec.schedule.kind,
  );
  const [full, progressive, growing] = groups.map(runRow);
  assert.equal(full?.score, '82.0 ± 2.8');
  assert.equal(progressive?.score, '82.0 ± 0.0');
  assert.equal(full?.['updated, millions'], 18);
  assert.equal(full?.seconds, 6);
  assert.equal(growing?.score, 'not run');
  assert.equal(growing?.seeds, '0 of 1');
  assert.match(differenceText(groups[1] as never, groups[0] as never) ?? '', /^\+0\.0 \(-2\.0 to \+2\.0\)$/);
  assert.equal(differenceText(groups[2] as never, groups[0] as never), null);
});

test('a run that two grids hold counts once', () => {
  const cells = [...pair(0, 0.8, 0.82), ...pair(1, 0.84, 0.82)];
  const twice = [...cells, ...pair(0, 0.8, 0.82)];
  const rows = (of: typeof cells) => groupRuns(of, ({ spec }) => spec.schedule.kind).map(runRow);
  assert.deepEqual(rows(twice), rows(cells));
  assert.equal(provenance(twice), provenance(cells));
});

test('provenance says model, data, seeds, machine, and how many runs there are', () => {
  const cells = [...pair(0, 0.8, 0.8), cell({ schedule: { kind: 'growing' }, seed: 0 })];
  assert.equal(
    provenance(cells),
    'm; generated tasks; 10 training examples; seed 0; cpu, 2 threads; numerical version 3 (legacy identity); 2 of 3 runs made',
  );
  assert.match(provenance([cell({ schedule: { kind: 'full' }, seed: 0 })]), /none of 1 runs made/);
});

test('equal or better: by the interval against a margin of one point', () => {
  const glue = (...differences: number[]): Evidence =>
    evidence({ glue: differences.flatMap((d, seed) => pair(seed, 0.8, 0.8 + d / 100)) });
  assert.equal(verdict(judgeClaims(glue(0.1, 0.3, -0.2)), 'Equal or better on GLUE'), 'reproduced');
  assert.equal(verdict(judgeClaims(glue(-3, -2.5, -4)), 'Equal or better on GLUE'), 'not reproduced');
  assert.equal(verdict(judgeClaims(glue(-3, 2, -2)), 'Equal or better on GLUE'), 'undecided');
  assert.equal(verdict(judgeClaims(evidence({})), 'Equal or better on GLUE'), 'not run');
});

test('two pairs give a difference, and no verdict', () => {
  const two = judgeClaims(evidence({ glue: [0, 1].flatMap((seed) => pair(seed, 0.8, 0.7)) }));
  assert.equal(verdict(two, 'Equal or better on GLUE'), 'undecided');
  assert.match(two.map(({ measured }) => measured).join(), /-10\.00 points over 2 pairs/);
});

test('two models that have learnt nothing are not called equal', () => {
  const glue = [0, 1, 2].flatMap((seed) => pair(seed, 0.5, 0.51));
  const claims = judgeClaims(evidence({ glue }));
  assert.equal(verdict(claims, 'Equal or better on GLUE'), 'undecided');
  assert.match(
    claims.map(({ measured }) => measured).join(),
    /more than the commonest answer; 3 of 6 collapsed; nothing learnt, so not compared: SST-2 3/,
  );
});

test('the commonest answer is that of the data at hand: balanced in the generated MRPC, 68.4 % in the real one', () => {
  const mrpc = (data: string): Evidence =>
    evidence({ glue: [0, 1, 2].flatMap((seed) => pair(seed, 0.6, 0.6, { task: 'mrpc', data })) });
  assert.equal(verdict(judgeClaims(mrpc('embedded')), 'Equal or better on GLUE'), 'reproduced');
  assert.equal(verdict(judgeClaims(mrpc('glue')), 'Equal or better on GLUE'), 'undecided');
});

test('a run that two grids share counts once', () => {
  const runs = [...pair(0, 0.8, 0.8), ...pair(1, 0.8, 0.81)];
  const claims = judgeClaims(evidence({ glue: [...runs, ...pair(0, 0.8, 0.8)] }));
  assert.match(
    claims.find(({ claim }) => claim === 'Equal or better on GLUE')?.measured ?? '',
    /over 2 pairs/,
  );
});

test('a method is judged by its own pairs, and not by the reading of the embeddings', () => {
  const bitfit = [0, 1, 2].flatMap((seed) => pair(seed, 0.8, 0.7, { method: 'bitfit' }));
  const other = cell({
    ...{ seed: 0, accuracy: 0.1, method: 'bitfit' },
    schedule: { kind: 'progressive', embeddings: 'first-stage' },
  });
  const claims = judgeClaims(evidence({ glue: [...bitfit, other] }));
  const claim = claims.find(({ claim }) => claim.includes('bitfit'));
  assert.equal(claim?.verdict, 'not reproduced');
  assert.match(claim?.measured ?? '', /-10\.00 points over 3 pairs/);
});

test('blocks: by seed, upper half minus lower half; one seed decides nothing', () => {
  const blocks = (seed: number, ...accuracies: number[]): GridCell[] =>
    accuracies.map((accuracy, block) => cell({ schedule: { kind: 'only-block', block }, seed, accuracy }));
  const first = blocks(0, 0.6, 0.61, 0.7, 0.72);
  const one = judgeClaims(evidence({ blocks: first }));
  assert.equal(verdict(one, 'Higher blocks'), 'undecided');
  assert.match(one.map(({ measured }) => measured).join(), /\+10\.50 points \(one seed\)/);
  const three = [...first, ...blocks(1, 0.6, 0.62, 0.7, 0.71), ...blocks(2, 0.61, 0.6, 0.7, 0.7)];
  const claims = judgeClaims(evidence({ blocks: three }));
  assert.equal(verdict(claims, 'Higher blocks'), 'reproduced');
  assert.match(
    claims.map(({ measured }) => measured).join(),
    /\+9\.83 points over 3 seeds \(SST-2 3; 95 % interval \+8\.40 to \+11\.27\)/,
  );
  assert.equal(
    verdict(judgeClaims(evidence({ blocks: [...three].reverse() })), 'Higher blocks'),
    'reproduced',
  );
});

test('order: growing is judged wherever both orders ran under linear decay', () => {
  const orders = (seed: number, warmupRatio: number, task = 'sst2'): GridCell[] =>
    (['progressive', 'growing'] as const).map((kind) =>
      cell({
        ...{ task, seed, warmupRatio, schedule: { kind } },
        accuracy: (kind === 'growing' ? 0.75 : 0.8) + seed / 100 + warmupRatio,
      }),
    );
  const order = [0, 1, 2].flatMap((seed) => orders(seed, 0));
  const glue = [0, 1, 2].flatMap((seed) => orders(seed, 0.1));
  const claims = judgeClaims(evidence({ order, glue }));
  assert.equal(verdict(claims, 'Growing instead'), 'reproduced');
  // The same task, method and seed under another warm-up is another pair.
  assert.match(claims.map(({ measured }) => measured).join(), /linear decay: -5\.00 points over 6 pairs/);
  const [shrinking] = orders(0, 0);
  const [, growing] = orders(0, 0.1);
  const apart = judgeClaims(evidence({ order: [shrinking as GridCell, growing as GridCell] }));
  assert.equal(verdict(apart, 'Growing instead'), 'undecided');
  assert.equal(verdict(judgeClaims(evidence({ glue: pair(0, 0.8, 0.8) })), 'Growing instead'), 'not run');
});

test('growing under another method is judged by that method alone', () => {
  const orders = (method: 'full' | 'bitfit', growing: number): GridCell[] =>
    [0, 1, 2].flatMap((seed) => [
      cell({ seed, method, schedule: { kind: 'progressive' }, accuracy: 0.8 }),
      cell({ seed, method, schedule: { kind: 'growing' }, accuracy: growing + seed / 1000 }),
    ]);
  const both = growingUnder('bitfit', {
    name: 'test',
    glue: [...orders('full', 0.7), ...orders('bitfit', 0.85)],
  });
  assert.equal(both.claim, 'Growing instead of shrinking is worse with bitfit (not in the paper)');
  assert.equal(both.verdict, 'does not hold');
  assert.match(both.measured, /\+5\.10 points over 3 pairs/);
  assert.equal(growingUnder('lora', { name: 'test', glue: orders('full', 0.7) }).verdict, 'not run');
});

test('a shorter run: Progtuning is compared with full fine-tuning that has an epoch less', () => {
  const shorter = (seed: number, accuracy?: number): GridCell =>
    cell({ seed, epochs: 2, schedule: { kind: 'full' }, ...(accuracy === undefined ? {} : { accuracy }) });
  const glue = [0, 1, 2].flatMap((seed) => pair(seed, 0.8, 0.79 + seed / 1000));
  const judged = (...more: GridCell[]): Claim[] => judgeClaims(evidence({ glue: [...glue, ...more] }));
  const worse = judged(shorter(0, 0.75), shorter(1, 0.75), shorter(2, 0.75));
  assert.equal(verdict(worse, 'Better than full fine-tuning for an epoch less (not in the paper)'), 'holds');
  assert.match(worse.map(({ measured }) => measured).join(), /test: \+4\.10 points over 3 pairs/);
  // It is no pair of anything else.
  assert.match(worse.map(({ measured }) => measured).join(), /test: -0\.90 points over 3 pairs/);
  const better = judged(shorter(0, 0.8), shorter(1, 0.8), shorter(2, 0.8));
  assert.equal(verdict(better, 'Better than full'), 'does not hold');
  assert.equal(verdict(judged(shorter(0)), 'Better than full'), 'not run');
  assert.equal(verdict(judged(shorter(0, 0.7)), 'Better than full'), 'undecided');
});

test('decay: the gap of growing runs must close under a constant rate', () => {
  const gap = (seed: number, decay: 'linear' | 'constant', points: number): GridCell[] => [
    cell({ ...{ seed, decay }, schedule: { kind: 'progressive' }, accuracy: 0.8 }),
    cell({ ...{ seed, decay }, schedule: { kind: 'growing' }, accuracy: 0.8 + points / 100 }),
  ];
  const judged = (...constant: number[]): Claim[] =>
    judgeClaims(
      evidence({
        order: constant.flatMap((points, seed) => [
          ...gap(seed, 'linear', -5),
          ...gap(seed, 'constant', points),
        ]),
      }),
    );
  const closing = judged(-1, -2, -1.5);
  assert.equal(verdict(closing, 'Linear decay'), 'reproduced');
  assert.match(
    closing.map(({ measured }) => measured).join(),
    /\+3\.50 points over 3 pairs \(SST-2 3; 95 % interval \+2\.26 to \+4\.74\); under the constant rate -1\.50/,
  );
  assert.equal(verdict(judged(-9, -9.5, -10), 'Linear decay'), 'not reproduced');
  assert.equal(verdict(judged(-9, 0, -5), 'Linear decay'), 'undecided');
  const linear = judgeClaims(evidence({ order: gap(0, 'linear', -5) }));
  assert.equal(verdict(linear, 'Growing instead'), 'undecided');
  assert.equal(verdict(linear, 'Linear decay'), 'not run');
  assert.match(
    linear.map(({ measured }) => measured).join(),
    /less the same under linear decay: no runs made/,
  );
  assert.equal(verdict(judgeClaims(evidence({})), 'Linear decay'), 'not run');
});

test('the saving is judged by what was counted', () => {
  assert.equal(verdict(judgeClaims(evidence({})), 'About 25'), 'reproduced');
  assert.equal(verdict(judgeClaims(evidence({ countedSaving: 0.4 })), 'About 25'), 'not reproduced');
});

test('three pairs that scatter decide nothing, though all point one way', () => {
  const glue = [-1.2, -1.5, -6].flatMap((d, seed) => pair(seed, 0.8, 0.8 + d / 100));
  assert.equal(verdict(judgeClaims(evidence({ glue })), 'Equal or better on GLUE'), 'undecided');
});

test('a run that collapsed counts: it is what the setting gave', () => {
  const glue = [...[0, 1, 2].flatMap((seed) => pair(seed, 0.8, 0.8)), ...pair(3, 0.8, 0.5)];
  const claim = judgeClaims(evidence({ glue })).find(({ claim }) => claim === 'Equal or better on GLUE');
  assert.match(claim?.measured ?? '', /-7\.50 points over 4 pairs .*; 1 of 8 collapsed/);
  assert.equal(claim?.verdict, 'undecided');
  assert.equal(claim?.records.length, 8);
});

test('equality is tested within one point; undecided says what would decide', () => {
  const judged = (...points: number[]): Claim | undefined =>
    judgeClaims(evidence({ glue: points.flatMap((d, seed) => pair(seed, 0.8, 0.8 + d / 100)) })).find(
      ({ claim }) => claim === 'Equal or better on GLUE',
    );
  assert.match(
    judged(0.1, 0.3, -0.2)?.equivalence ?? '',
    /^equal within 1 point \(two one-sided tests, p = 0\.0/,
  );
  assert.equal(judged(0.1, 0.3, -0.2)?.needed, undefined);
  const open = judged(-3, 2, -2);
  assert.match(open?.equivalence ?? '', /^not shown to be equal within 1 point/);
  assert.match(open?.needed ?? '', /more seeds would not decide it/);
  assert.match(judged(-1.2, 1.5, 2)?.needed ?? '', /^about \d+ more seeds? of the same runs would decide$/);
  assert.equal(judged(0)?.needed, 'at least 2 more seeds before anything can be said');
});

test('a subset and a derived file say so', () => {
  const name = (task: string, data: string, maxTrainExamples: number | null): string =>
    taskName(runSpec({ task, data, model: 'm', maxTrainExamples }));
  assert.equal(name('qqp', 'glue-subset', 10_000), 'QQP (subset, 10,000)');
  assert.equal(name('qnli', 'glue-derived', null), 'QNLI (derived)');
  assert.equal(name('rte', 'glue', null), 'RTE');
});
