/** Which grids speak for which claims of the paper: the ledger's on BERT-base and on the stand-in, and live ones on generated tasks. */
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
 * The paper's own model, in the order in which the rows are made. `bert-base-stages` runs for twelve epochs, as all of T = 2, 3, 4, 6 and 12
 * divide them: a stage takes whole epochs, so the three of the other grids have no room for more than three stages.
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 *
 * console.log(experiments.BERT_BASE_GRIDS.squad.join()); // bert-base-squad
 * ```
 */
export const BERT_BASE_GRIDS: EvidenceGrids = {
  glue: ['bert-base-small-tasks', 'bert-base-peft', 'bert-base-10k', 'bert-base-once'],
  squad: ['bert-base-squad'],
  blocks: ['bert-base-blocks'],
  order: ['bert-base-growing'],
};

/**
 * Beside the claims: the number of stages, and the reading of the embeddings.
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 *
 * console.log(experiments.BERT_BASE_VARIANTS[0]); // bert-base-stages
 * ```
 */
export const BERT_BASE_VARIANTS = ['bert-base-stages', 'bert-base-embeddings'] as const;

/** All grids of BERT-base, in the order in which they are run. */
export const BERT_BASE_ORDER: readonly string[] = [
  ...['bert-base-small-tasks', 'bert-base-growing', 'bert-base-peft', 'bert-base-10k', 'bert-base-squad'],
  ...['bert-base-once', 'bert-base-blocks', ...BERT_BASE_VARIANTS],
];

/**
 * Grids of the stand-in, a small BERT pre-trained by this project, on real data.
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
