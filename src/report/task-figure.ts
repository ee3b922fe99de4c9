/** Scores by task and method, every seed as a dot. */
import { mean, sampleStandardDeviation } from 'simple-statistics';
import type { GridCell } from '../experiments/notebook-runs.js';
import { groupedBars } from './figure.js';
import type { Figure } from './frame.js';
import { countedScore } from './pairs.js';
import { groupRuns, provenance } from './run-table.js';
import { taskName } from './task-name.js';
import { methodName } from './task-table.js';

/**
 * @param cells a series for each method among them
 * @example
 * ```ts
 * import { experiments, report } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('order');
 * console.log(report.taskFigure(cells, 'Every seed').title); // Every seed
 * ```
 */
export function taskFigure(cells: readonly GridCell[], title: string): Figure {
  const tasks = [...new Set(cells.map(({ spec }) => taskName(spec)))];
  const series = groupRuns(cells, ({ spec }) => methodName(spec)).map(({ name, records }) => {
    const scores = tasks.map((task) =>
      records.filter(({ spec }) => taskName(spec) === task).map(countedScore),
    );
    return {
      name,
      values: scores.map((ofTask) => (ofTask.length === 0 ? null : mean(ofTask))),
      errors: scores.map((ofTask) => (ofTask.length < 2 ? null : sampleStandardDeviation(ofTask))),
      dots: scores,
    };
  });
  return groupedBars({
    title,
    caption: `mean and sample standard deviation; dots: seeds; ${provenance(cells)}`,
    categories: tasks,
    yTitle: 'score x 100',
    marks: 'points',
    series,
  });
}
