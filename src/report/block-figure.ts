/** The paper's figure 1: what the embeddings, the head and one block reach, each block in turn; every seed as a dot. */
import { mean, sampleStandardDeviation } from 'simple-statistics';
import type { GridCell } from '../experiments/notebook-runs.js';
import { groupedBars } from './figure.js';
import type { Figure } from './frame.js';
import { countedScore } from './pairs.js';
import { groupRuns, metricName, provenance } from './run-table.js';
import { taskName } from './task-name.js';

/** `block 1`, from 1 up, or `all blocks`. */
export const blockName = ({ spec }: GridCell): string =>
  spec.schedule.kind === 'only-block' ? `block ${spec.schedule.block + 1}` : 'all blocks';

/**
 * @param cells runs of one task
 * @example
 * ```ts
 * import { experiments, report } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('block-contribution');
 * console.log(report.blockFigure(cells, 'One block at a time').title); // One block at a time: SST-2 (10,000)
 * ```
 */
export function blockFigure(cells: readonly GridCell[], title: string): Figure {
  const groups = groupRuns(cells, blockName);
  const scores = groups.map(({ records }) => records.map(countedScore));
  const [first] = cells;
  const metric = metricName(first?.spec.task ?? '');
  const several = scores.some(({ length }) => length > 1);
  return groupedBars({
    title: first ? `${title}: ${taskName(first.spec)}` : title,
    caption: provenance(cells),
    categories: groups.map(({ name }) => name),
    yTitle: `dev ${metric} x 100`,
    marks: 'points',
    series: [
      {
        name: several ? `${metric}, mean and deviation; dots: seeds` : metric,
        values: scores.map((ofBlock) => (ofBlock.length === 0 ? null : mean(ofBlock))),
        errors: scores.map((ofBlock) => (ofBlock.length < 2 ? null : sampleStandardDeviation(ofBlock))),
        dots: scores,
      },
    ],
  });
}
