/**
 * Schedules at equal budgets. That a schedule saves updates or seconds is worth something only where full fine-tuning for fewer steps, the top
 * blocks alone, or LISA do worse with as much. Each baseline is run with several budgets; what it scores with exactly the budget of the
 * schedule lies on the line between the two nearest of its runs with the same task and seed. Beyond its runs nothing is said.
 */
import { mean } from 'simple-statistics';
import type { LedgerRecord } from '../experiments/ledger.js';
import type { GridCell } from '../experiments/notebook-runs.js';
import { numericalVersionOf } from '../experiments/record-version.js';
import { canonicalJson, type RunSpec } from '../experiments/run-spec.js';
import type { Interval } from './comparison.js';
import { countedScore } from './pairs.js';
import { groupRuns, trainingSeconds } from './run-table.js';
import { type Sequential, type SequentialOptions, sequentialDecision } from './sequential.js';
import type { Row } from './table.js';
import { methodName } from './task-table.js';
import { signed } from './verdict.js';

/** What a run may cost: scalar updates in billions, seconds of training, peak memory in MiB. */
export type Budget = 'updates' | 'seconds' | 'memory';

/**
 * What a run cost; seconds and memory only where nothing else ran meanwhile, undefined otherwise.
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const [record] = (await experiments.readLedger('ledger')).values();
 * console.log(typeof comparison.costOf(record, 'updates')); // number
 * ```
 */
export function costOf(record: LedgerRecord, budget: Budget): number | undefined {
  const { savedFraction, trainableParameters, steps, timed, peakBytes } = record;
  if (budget === 'updates') return ((1 - savedFraction) * trainableParameters * steps) / 1e9;
  if (!timed) return undefined;
  return budget === 'seconds' ? trainingSeconds(record) : peakBytes / 2 ** 20;
}

/** The kinds of schedules that others are held against. */
export const BASELINES = ['full', 'top-blocks', 'lisa'] as const;
export type Baseline = (typeof BASELINES)[number];

const isBaseline = (spec: RunSpec): boolean => BASELINES.some((kind) => kind === spec.schedule.kind);

const BASELINE_NAMES: Readonly<Record<Baseline, string>> = {
  full: 'full fine-tuning for fewer steps',
  'top-blocks': 'top blocks only',
  lisa: 'LISA',
};

/** Costs may differ by so much and count as equal, where a baseline has one budget only. */
const NEAR = 0.02;

/** Score of a baseline at a budget, from its runs with one task and seed; undefined beyond them. */
function scoreAt(
  runs: readonly { readonly cost: number; readonly score: number }[],
  cost: number,
): number | undefined {
  const sorted = [...runs].sort((a, b) => a.cost - b.cost);
  const above = sorted.find((run) => run.cost >= cost);
  const below = sorted.findLast((run) => run.cost <= cost);
  if (above && below) {
    const share = above.cost === below.cost ? 0 : (cost - below.cost) / (above.cost - below.cost);
    return below.score + share * (above.score - below.score);
  }
  const [nearest] = sorted.filter((run) => Math.abs(run.cost / cost - 1) <= NEAR);
  return nearest?.score;
}

/** What must be the same for two runs to be compared, but for schedule and steps. */
function settingsOf({ spec }: LedgerRecord): string {
  const { schedule: _schedule, epochs: _epochs, maxSteps: _steps, optimiserState: _state, ...others } = spec;
  return canonicalJson(others);
}

/** Score of each run of a schedule minus the baseline's at the same cost; runs without such are left out. */
function differencesAt(
  records: readonly LedgerRecord[],
  baseline: readonly LedgerRecord[],
  budget: Budget,
): { readonly record: LedgerRecord; readonly points: number }[] {
  return records.flatMap((record) => {
    const cost = costOf(record, budget);
    const runs = baseline
      .filter(
        (other) =>
          settingsOf(other) === settingsOf(record) &&
          numericalVersionOf(other) === numericalVersionOf(record) &&
          (budget === 'updates' || canonicalJson(other.machine) === canonicalJson(record.machine)),
      )
      .flatMap((other) => {
        const spent = costOf(other, budget);
        return spent === undefined ? [] : [{ cost: spent, score: countedScore(other) }];
      });
    const score = cost === undefined ? undefined : scoreAt(runs, cost);
    return score === undefined ? [] : [{ record, points: countedScore(record) - score }];
  });
}

/** One a seed, in their order: the mean over the tasks, of seeds that have them all. */
function bySeed(
  found: readonly { readonly record: LedgerRecord; readonly points: number }[],
  tasks: number,
): number[] {
  const seeds = [...new Set(found.map(({ record }) => record.spec.seed))].sort((a, b) => a - b);
  return seeds.flatMap((seed) => {
    const points = found.filter(({ record }) => record.spec.seed === seed).map((one) => one.points);
    return points.length === tasks ? [mean(points)] : [];
  });
}

const intervalText = ([low, high]: Interval): string => `${signed(low)} to ${signed(high)}`;

/** A decision in words. */
export function sequentialText(decision: Sequential): string {
  if (decision.kind === 'go on')
    return decision.seeds === 0
      ? 'not made'
      : `not decided yet: ${decision.seeds} of ${decision.next} seeds to the next look`;
  const word = { better: 'better', worse: 'worse', equal: 'as good', undecided: 'undecided' }[decision.kind];
  return `${word} (${intervalText(decision.interval)}, ${decision.seeds} seeds)`;
}

/**
 * Each schedule that is no baseline against each baseline at the same cost: mean difference over tasks and seeds, in points, and what the
 * stopping rule says of it. Rows without a run say so.
 * @param budget `updates`, or `seconds` of records that were timed on one machine
 * @param options margin and error rate; all rows of the table share it
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('fewer-epochs');
 * console.log(comparison.budgetRows(cells, 'updates', { margin: 1 }).length); // 0
 * ```
 */
export function budgetRows(
  cells: readonly GridCell[],
  budget: 'updates' | 'seconds',
  options: Omit<SequentialOptions, 'comparisons'>,
): Row[] {
  const scheduled = groupRuns(
    cells.filter(({ spec }) => !isBaseline(spec)),
    ({ spec }) => methodName(spec),
  );
  const present = BASELINES.filter((kind) => cells.some(({ spec }) => spec.schedule.kind === kind));
  const comparisons = Math.max(1, scheduled.length * present.length);
  const records = cells.flatMap(({ record }) => (record ? [record] : []));
  return scheduled.flatMap((group) =>
    present.map((kind): Row => {
      const tasks = new Set(group.cells.map(({ spec }) => taskOf(spec))).size;
      const baseline = records.filter(({ spec }) => spec.schedule.kind === kind);
      const points = bySeed(differencesAt(group.records, baseline, budget), tasks);
      return {
        schedule: group.name,
        baseline: BASELINE_NAMES[kind],
        seeds: points.length,
        'difference, points': points.length === 0 ? null : mean(points),
        decision: sequentialText(sequentialDecision(points, { ...options, comparisons })),
      };
    }),
  );
}

/** Own data are told apart by their file, subsets by their size. */
export const taskOf = ({ task, data, maxTrainExamples }: RunSpec): string =>
  [task, data, maxTrainExamples].join();
