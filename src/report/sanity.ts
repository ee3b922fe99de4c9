/** Full fine-tuning against what is published: a row outside is a bug to find, not a finding. */
import { mean } from 'simple-statistics';
import type { GridCell } from '../experiments/notebook-runs.js';
import { type PublishedRange, publishedRange } from '../experiments/published.js';
import { collapsed } from './pairs.js';
import { recordLinks } from './record-links.js';
import { groupRuns, type RunGroup } from './run-table.js';
import type { Row } from './table.js';
import { taskName } from './task-name.js';

export const OUTSIDE = 'outside: look for a bug';

const rangeOf = ({ cells: [first] }: RunGroup): PublishedRange | undefined =>
  first && publishedRange(first.spec);

/** Mean of the metric that the range is of, over seeds that did not collapse: how many did is told beside it. */
function meanOf({ records }: RunGroup, { metric }: PublishedRange): number | null {
  const values = records
    .filter((record) => !collapsed(record))
    .flatMap(({ metrics }) => (typeof metrics[metric] === 'number' ? [100 * metrics[metric]] : []));
  return values.length === 0 ? null : mean(values);
}

/** `within`; {@link OUTSIDE}; undefined where nothing was made or nothing is published. @param group runs of full fine-tuning on one task */
export function sanity(group: RunGroup): string | undefined {
  const range = rangeOf(group);
  if (!range || group.records.length === 0) return undefined;
  const centre = meanOf(group, range);
  return centre !== null && centre >= range.low && centre <= range.high ? 'within' : OUTSIDE;
}

/**
 * One row a task of full fine-tuning: ours, the published range, and whether it lies within.
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('order');
 * console.log(comparison.sanityRows(cells).length); // 0
 * ```
 */
export function sanityRows(cells: readonly GridCell[]): Row[] {
  const full = cells.filter(({ spec }) => spec.method.kind === 'full' && spec.schedule.kind === 'full');
  return groupRuns(full, ({ spec }) => taskName(spec)).flatMap((group): Row[] => {
    const range = rangeOf(group);
    if (!range) return [];
    const centre = meanOf(group, range);
    const shown = centre === null ? 'not made' : `${centre.toFixed(1)}${recordLinks(group.records)}`;
    return [
      {
        task: group.name,
        metric: range.metric,
        'full fine-tuning, here': shown,
        'published, dev': `${range.low} to ${range.high}`,
        check: sanity(group) ?? 'not made',
      },
    ];
  });
}
