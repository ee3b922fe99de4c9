/** Claims as rows, and where their evidence comes from: run just now or read, and on which machine. */

import { machineText } from '../experiments/machine-text.js';
import type { GridCell } from '../experiments/notebook-runs.js';
import { POWER_NOTE } from './equivalence.js';
import { recordLinks } from './record-links.js';
import { provenance } from './run-table.js';
import type { Row } from './table.js';
import { type Claim, MARGIN } from './verdict.js';

/** Whether runs were made just now, or stand in the ledger. */
export type Origin = 'LIVE' | 'RECORDED';

const ORIGINS: Readonly<Record<Origin, string>> = {
  LIVE: 'LIVE, run for this page on',
  RECORDED: 'RECORDED, read from data/runs and not run now; made on',
};

/** `RECORDED, read from data/runs and not run now; made on AMD EPYC, 2 threads`. */
export function originText(cells: readonly GridCell[], origin: Origin): string {
  const machines = cells.flatMap(({ record }) => (record ? [machineText(record.machine)] : []));
  return `${ORIGINS[origin]} ${[...new Set(machines)].join('; ') || 'no machine yet: none of these runs is made'}`;
}

/**
 * @param linked whether each row leads to its records: those of the committed ledger
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('order');
 * const claims = comparison.judgeClaims({ name: 'stand-in', order: cells, glue: [], squad: [], blocks: [] });
 * console.log(comparison.claimRows(claims)[6]?.verdict);
 * ```
 */
export const claimRows = (claims: readonly Claim[], linked = false): Row[] =>
  claims.map(({ claim, verdict, measured, equivalence, needed, where, records }) => ({
    claim,
    verdict,
    measured: `${measured}${linked ? recordLinks(records) : ''}`,
    [`equal within ${MARGIN} point`]: equivalence ?? '-',
    'what would decide': needed ?? '-',
    notebook: where,
  }));

/**
 * What {@link claimRows} rest on, for a caption.
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('order');
 * console.log(comparison.claimNote(cells, 'RECORDED').slice(0, 8)); // RECORDED
 * ```
 */
export const claimNote = (cells: readonly GridCell[], origin: Origin): string =>
  `${originText(cells, origin)}. ${provenance(cells)}. Undecided: ${POWER_NOTE}`;
