/** Equal budgets, the front of what nothing beats, and the stopping rule: on made-up runs whose answer is known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerRecord } from '../../src/experiments/ledger.js';
import { normal, STREAM } from '../../src/random.js';
import { budgetRows, costOf } from '../../src/report/budget.js';
import { interactionRows } from '../../src/report/interaction.js';
import { paretoFigure, paretoPoints } from '../../src/report/pareto-figure.js';
import { LOOKS, sequentialDecision } from '../../src/report/sequential.js';
import { budgetCells, cell } from './made-cells.js';

const cells = budgetCells();

test('what a run cost: all updates of all its steps; time and memory only where it was timed', () => {
  const { record } = cell({ schedule: { kind: 'progressive' }, seed: 1, accuracy: 0.5 });
  // Three steps of an epoch each: 9, 6 and 3 million.
  assert.ok(Math.abs((costOf(record as LedgerRecord, 'updates') as number) - 0.018) < 1e-12);
  assert.equal(costOf(record as LedgerRecord, 'seconds'), undefined);
  assert.equal(costOf({ ...(record as LedgerRecord), timed: true }, 'seconds'), 6);
  assert.equal(costOf({ ...(record as LedgerRecord), timed: true }, 'memory'), 1024);
});

test('at equal updates a schedule is held against the line between two budgets, or a run that cost as much', () => {
  const rows = budgetRows(cells, 'updates', { margin: 1 });
  assert.deepEqual(
    rows.map(({ schedule, baseline, seeds }) => [schedule, baseline, seeds]),
    [
      ['Progtuning', 'full fine-tuning for fewer steps', 5],
      ['Progtuning', 'top blocks only', 5],
    ],
  );
  const [full, top] = rows as [(typeof rows)[0], (typeof rows)[0]];
  assert.ok(Math.abs((full['difference, points'] as number) - 3.04) < 1e-9);
  assert.match(String(full.decision), /^better \(\+2\.\d+ to \+3\.\d+, 5 seeds\)$/);
  assert.match(String(top.decision), /^as good /);
  const twice = cells.map(({ spec, record }) => ({
    spec,
    record: spec.schedule.kind === 'top-blocks' ? { ...(record as LedgerRecord), steps: 60 } : record,
  }));
  const [, cheaper] = budgetRows(twice, 'updates', { margin: 1 });
  assert.equal(cheaper?.decision, 'not made', 'nothing is said beyond the budgets that were run');
});

test('at equal time only timed runs count', () => {
  const [full, top] = budgetRows(cells, 'seconds', { margin: 1 });
  // 22 s lie a fifth of the way from 20 to 30: 0.72.
  assert.ok(Math.abs((full?.['difference, points'] as number) - 6.04) < 1e-9);
  assert.equal(top?.seeds, 0);
});

test('the front holds what nothing beats in both, and the picture says so in words', () => {
  const points = paretoPoints(cells, 'updates');
  assert.deepEqual(
    points.map(({ name, isFront }) => [name, isFront]),
    [
      ['full fine-tuning, 2 epochs', true],
      ['Progtuning', true],
      ['top blocks 4', false],
      ['full fine-tuning, 3 epochs', true],
    ],
  );
  const { alt, data } = paretoFigure(cells, 'updates', 'Budgets');
  assert.match(
    alt,
    /4 schedules\. Nothing beats in both, from the cheapest up: full fine-tuning, 2 epochs \(20: 70\.2\); Progtuning \(25: 78\.\d\); full fine-tuning, 3 epochs/,
  );
  assert.equal(data.length, 4);
});

test('rate and schedule interact where the schedule gains more under one rate than under the other', () => {
  const under = [0, 1, 2, 3, 4].flatMap((seed) =>
    (['linear', 'constant'] as const).flatMap((decay) =>
      (['full', 'progressive'] as const).map((kind) => {
        const gain = kind === 'full' ? 0 : decay === 'linear' ? 0.01 : 0.03;
        return cell({
          schedule: { kind },
          seed,
          decay,
          accuracy: 0.7 + 0.01 * seed + gain + 0.0001 * (seed % 2),
        });
      }),
    ),
  );
  const [row, ...more] = interactionRows(under, { margin: 0.5 });
  assert.deepEqual(more, []);
  assert.deepEqual([row?.schedule, row?.rate, row?.seeds], ['Progtuning', '2e-5 constant', 5]);
  assert.ok(Math.abs((row?.['difference of differences, points'] as number) - 2) < 1e-9);
  assert.match(String(row?.decision), /^better/);
  const cut = under.filter(({ spec }) => spec.seed !== 4 || spec.schedule.kind === 'full');
  assert.equal(interactionRows(cut, { margin: 0.5 })[0]?.seeds, 4);
});

test('the stopping rule looks after 5, 8, 12 and 16 seeds, and at no others', () => {
  const rule = { margin: 0.5 };
  const of = (...points: number[]) => sequentialDecision(points, rule).kind;
  assert.equal(of(9, 9.1, 9, 9.1), 'go on');
  assert.equal(of(9, 9.1, 9, 9.1, 9), 'better');
  assert.equal(of(9, 9.1, 9, 9.1, 9, -900), 'better', 'what comes after a decision is not looked at');
  assert.equal(of(-9, -9.1, -9, -9.1, -9), 'worse');
  assert.equal(of(0.1, -0.1, 0, 0.1, -0.1), 'equal');
  assert.deepEqual(sequentialDecision([9, -9, 9, -9, 9], rule), { kind: 'go on', seeds: 5, next: 8 });
  const wild = Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? 9 : -9));
  assert.equal(sequentialDecision(wild, rule).kind, 'undecided');
});

test('without a difference, or at the margin, at most 5 % of 2,000 series are decided wrongly', () => {
  const most = LOOKS.at(-1) as number;
  const wrong = (mean: number, kinds: readonly string[]): number => {
    let count = 0;
    for (let series = 0; series < 2000; series++) {
      const noise = normal({ seed: series, stream: STREAM.sample, step: 1 }, most);
      const { kind } = sequentialDecision(
        Array.from(noise, (value) => mean + value),
        { margin: 1 },
      );
      if (kinds.includes(kind)) count++;
    }
    return count / 2000;
  };
  // Standard error of a rate of 5 %: 0.5 %.
  assert.ok(wrong(0, ['better', 'worse']) <= 0.055);
  assert.ok(wrong(1, ['equal', 'worse']) <= 0.055);
});
