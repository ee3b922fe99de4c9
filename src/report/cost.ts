/** What a schedule saves: parameters as counted, time and memory as measured, each in percent of the same run without a schedule. */
import { mean } from 'simple-statistics';
import type { LedgerRecord } from '../experiments/ledger.js';
import type { GridCell } from '../experiments/notebook-runs.js';
import { canonicalJson } from '../experiments/run-spec.js';
import { groupedBars } from './figure.js';
import type { Figure } from './frame.js';
import { under } from './pairs.js';
import { recordLinks } from './record-links.js';
import { groupRuns, provenance, trainingSeconds } from './run-table.js';
import type { Row } from './table.js';
import { methodName } from './task-table.js';

interface Cost {
  readonly name: string;
  readonly records: readonly LedgerRecord[];
  /** Percent. */
  readonly updated: number | null;
  /** Percent; null without a pair of which both were timed on the same machine. */
  readonly seconds: number | null;
  readonly memory: number | null;
}

type Pair = readonly [LedgerRecord, LedgerRecord];

const updates = ({ updatedParameters }: LedgerRecord): number =>
  updatedParameters.reduce((sum, count) => sum + count, 0);

const isTimed = ([one, other]: Pair): boolean =>
  Boolean(one.timed && other.timed) && canonicalJson(one.machine) === canonicalJson(other.machine);

const percentOf = (pairs: readonly Pair[], of: (record: LedgerRecord) => number): number | null =>
  pairs.length === 0 ? null : mean(pairs.map(([one, base]) => (100 * of(one)) / of(base)));

function costs(cells: readonly GridCell[]): Cost[] {
  const records = new Map(
    cells.flatMap(({ record }) => (record ? [[canonicalJson(record.spec), record] as const] : [])),
  );
  const scheduled = cells.filter(({ spec }) => spec.schedule.kind !== 'full');
  return groupRuns(scheduled, ({ spec }) => methodName(spec)).map(({ name, records: made }) => {
    const pairs = made.flatMap((record): Pair[] => {
      const base = records.get(
        canonicalJson(
          under('full')({ ...record.spec, schedule: { ...record.spec.schedule, embeddings: 'always' } }),
        ),
      );
      return base ? [[record, base]] : [];
    });
    const timed = pairs.filter(isTimed);
    return {
      name,
      records: pairs.flat(),
      updated: percentOf(pairs, updates),
      seconds: percentOf(timed, trainingSeconds),
      memory: percentOf(timed, ({ peakBytes }) => peakBytes),
    };
  });
}

/**
 * One row a method; `null` in time and memory: no pair of it was made while nothing else ran.
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('order');
 * console.log(comparison.costRows(cells).length > 0); // true
 * ```
 */
export const costRows = (cells: readonly GridCell[]): Row[] =>
  costs(cells).map(({ name, records, updated, seconds, memory }) => ({
    run: `${name}${recordLinks([...new Set(records)])}`,
    'updated parameters, %': updated,
    'training time, %': seconds,
    'peak memory, %': memory,
  }));

/**
 * The same as bars.
 * @example
 * ```ts
 * import { experiments, report } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('order');
 * console.log(report.costFigure(cells, 'Cost').title); // Cost
 * ```
 */
export function costFigure(cells: readonly GridCell[], title: string): Figure {
  const rows = costs(cells);
  const missing = 'not timed';
  return groupedBars({
    title,
    caption: provenance(cells),
    categories: rows.map(({ name }) => name),
    yTitle: '% of the same without a schedule',
    digits: 0,
    series: [
      { name: 'updated parameters', values: rows.map(({ updated }) => updated) },
      { name: 'training time', values: rows.map(({ seconds }) => seconds), missing },
      { name: 'peak memory', values: rows.map(({ memory }) => memory), missing },
    ],
  });
}
