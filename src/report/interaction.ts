/** Whether what a learning rate does depends on the schedule: differences of differences, seed by seed. */
import { mean } from 'simple-statistics';
import type { GridCell } from '../experiments/notebook-runs.js';
import type { RunSpec } from '../experiments/run-spec.js';
import { sequentialText, taskOf } from './budget.js';
import { countedScore } from './pairs.js';
import { type SequentialOptions, sequentialDecision } from './sequential.js';
import type { Row } from './table.js';
import { methodName } from './task-table.js';

/**
 * How the rate goes: `1e-4 linear`, `1e-4 linear, restart, x 1 0.5`.
 * @example
 * ```ts
 * import { comparison, runSpec } from 'progtuning';
 *
 * const spec = runSpec({ task: 'rte', data: 'embedded', model: 'm', learningRateStages: { restart: true } });
 * console.log(comparison.rateName(spec)); // 2e-5 linear, restart
 * ```
 */
export function rateName(spec: RunSpec): string {
  const {
    learningRate,
    learningRateSchedule,
    learningRateStages: stages,
    layerwiseLrDecay,
    optimiserState,
  } = spec;
  return [
    `${learningRate.toExponential()} ${learningRateSchedule.kind}`,
    ...(stages?.restart ? ['restart'] : []),
    ...(stages?.peaks ? [`x ${stages.peaks.join(' ')}`] : []),
    ...(layerwiseLrDecay === undefined ? [] : [`layers x ${layerwiseLrDecay}`]),
    ...(optimiserState === undefined ? [] : [`optimiser ${optimiserState}`]),
  ].join(', ');
}

/**
 * For each schedule but the first and each rate but the first of the grid: (schedule - first schedule) under that rate minus the same under the
 * first rate, in points; the mean over tasks, seeds that have all of it, and what the stopping rule says.
 * @param options margin and error rate; all rows of the table share it
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('order');
 * console.log(comparison.interactionRows(cells, { margin: 0.5 }).length); // 6
 * ```
 */
export function interactionRows(
  cells: readonly GridCell[],
  options: Omit<SequentialOptions, 'comparisons'>,
): Row[] {
  const distinct = <T>(of: (spec: RunSpec) => T): T[] => [...new Set(cells.map(({ spec }) => of(spec)))];
  const [first, ...schedules] = distinct(methodName);
  const [once, ...rates] = distinct(rateName);
  const [tasks, seeds] = [distinct(taskOf), distinct(({ seed }) => seed).sort((a, b) => a - b)];
  const scores = new Map(
    cells.flatMap(({ spec, record }) =>
      record
        ? [[[methodName(spec), rateName(spec), taskOf(spec), spec.seed].join('; '), countedScore(record)]]
        : [],
    ) as [string, number][],
  );
  const gain = (schedule: string, rate: string | undefined, task: string, seed: number): number => {
    const of = (name: string | undefined) => scores.get([name, rate, task, seed].join('; ')) ?? Number.NaN;
    return of(schedule) - of(first);
  };
  return schedules.flatMap((schedule) =>
    rates.map((rate): Row => {
      const points = seeds
        .map((seed) =>
          mean(tasks.map((task) => gain(schedule, rate, task, seed) - gain(schedule, once, task, seed))),
        )
        .filter(Number.isFinite);
      const comparisons = schedules.length * rates.length;
      return {
        schedule,
        rate,
        seeds: points.length,
        'difference of differences, points': points.length === 0 ? null : mean(points),
        decision: sequentialText(sequentialDecision(points, { ...options, comparisons })),
      };
    }),
  );
}
