/**
 * Many runs: grids, the ledger of what was measured, and the runs that the notebooks show.
 * @module
 */
export { type BlockGradientsRecord, readBlockGradients } from '../experiments/block-gradients-run.js';
export { countedSaving } from '../experiments/counted-saving.js';
export {
  BERT_BASE_GRIDS,
  BERT_BASE_VARIANTS,
  type EvidenceGrids,
  type EvidencePart,
  evidenceRuns,
  LEDGER_GRIDS,
  LIVE_GRIDS,
} from '../experiments/evidence-grids.js';
export { expandGrid, type Grid, type GridOverrides, readGrid } from '../experiments/grid.js';
export type { IdentityParts, ModelIdentity, RunIdentity } from '../experiments/identity.js';
export { type LedgerRecord, readLedger } from '../experiments/ledger.js';
export type { ProgressLine } from '../experiments/notebook-runs.js';
export { type GridCell, ledgerRuns, liveRuns, type OpenProgress } from '../experiments/notebook-runs.js';
export { type Comparison, type Rerun, type RerunRequest, rerun } from '../experiments/rerun.js';
export type { StageRecord } from '../experiments/run-events.js';
export {
  type GridEvent,
  type GridOptions,
  type GridPlan,
  type GridRun,
  planGrid,
  runGrid,
} from '../experiments/run-grid.js';
export { runLabel } from '../experiments/run-label.js';
export type { SquadSettings } from '../experiments/run-spec.js';
export type { DataEvent } from '../experiments/run-task.js';
