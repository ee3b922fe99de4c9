/**
 * Runs compared: means over seeds, paired differences with their intervals, rows of a table, and verdicts on the paper's claims.
 * @module
 */
export { type Budget, budgetRows, costOf } from '../report/budget.js';
export { claimNote, claimRows, type Origin } from '../report/claim-table.js';
export {
  type Claim,
  type Evidence,
  equalOrBetterByTask,
  growingUnder,
  judgeClaims,
  type Verdict,
} from '../report/claims.js';
export {
  type BootstrapOptions,
  bootstrapInterval,
  type Interval,
  meanAndSpread,
  type PairedDifference,
  pairedDifference,
  type Summary,
  studentInterval,
  summarise,
} from '../report/comparison.js';
export { costRows } from '../report/cost.js';
export { interactionRows, rateName } from '../report/interaction.js';
export { type ParetoPoint, paretoPoints } from '../report/pareto-figure.js';
export {
  DIFFERENCE_NOTE,
  differenceText,
  groupRuns,
  metricName,
  provenance,
  RUN_DIGITS,
  type RunGroup,
  runRow,
  score,
  trainingSeconds,
} from '../report/run-table.js';
export { sanityRows } from '../report/sanity.js';
export {
  LOOKS,
  type Sequential,
  type SequentialOptions,
  sequentialDecision,
} from '../report/sequential.js';
export { methodName, TASK_TABLE_NOTE, taskTable } from '../report/task-table.js';
