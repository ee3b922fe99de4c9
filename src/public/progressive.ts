/**
 * Schedules, the paper's subject: which blocks train in which stage, and how many parameter updates that takes.
 * @module
 */
export { both } from '../models/parameters.js';
export type { Partition } from '../progressive/partition.js';
export { type Part, parts } from '../progressive/parts.js';
export type { BlockCount } from '../progressive/schedule.js';
export {
  cutSchedule,
  type Schedule,
  stageOfEpoch,
  stageTrains,
  trainedBlocks,
  trainsEmbeddings,
} from '../progressive/schedule.js';
export { closedFormUpdates, countedUpdates, savedFraction } from '../progressive/updates.js';
