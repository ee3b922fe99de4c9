/** Which grids speak for which claims of the paper: live on the generated tasks, and in the ledger on real data. */
import type { GridCell } from './notebook-runs.js';

/** What a grid's runs are evidence of. */
export type EvidencePart = 'glue' | 'squad' | 'blocks' | 'order';

/** Names of the grids in `data/grids/` for every part. */
export type EvidenceGrids = Readonly<Record<EvidencePart, readonly string[]>>;

/**
 * Grids on the generated tasks, which notebooks run.
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 *
 * console.log(experiments.LIVE_GRIDS.squad.join()); // embedded-squad
 * ```
 */
export const LIVE_GRIDS: EvidenceGrids = {
  glue: ['embedded-glue', 'embedded-peft', 'embedded-fewer-epochs'],
  squad: ['embedded-squad'],
  blocks: ['embedded-blocks'],
  order: ['embedded-order'],
};

/**
 * Grids on real data, whose runs the ledger holds.
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 *
 * console.log(experiments.LEDGER_GRIDS.squad.join()); // squad
 * ```
 */
export const LEDGER_GRIDS: EvidenceGrids = {
  glue: ['glue', 'fewer-epochs'],
  squad: ['squad'],
  blocks: ['block-contribution'],
  order: ['order'],
};

/**
 * The cells of all these grids, one grid after the other: `liveRuns` or `ledgerRuns` gives a grid's.
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 *
 * const { order } = await experiments.evidenceRuns({ glue: [], squad: [], blocks: [], order: ['order'] }, experiments.ledgerRuns);
 * console.log(order.length > 0); // true
 * ```
 */
export async function evidenceRuns(
  grids: EvidenceGrids,
  cellsOf: (name: string) => Promise<GridCell[]>,
): Promise<Record<EvidencePart, GridCell[]>> {
  const runs: Record<EvidencePart, GridCell[]> = { glue: [], squad: [], blocks: [], order: [] };
  for (const part of ['glue', 'squad', 'blocks', 'order'] as const)
    for (const name of grids[part]) runs[part].push(...(await cellsOf(name)));
  return runs;
}
