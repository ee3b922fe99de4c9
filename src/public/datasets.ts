/**
 * Data: GLUE, SQuAD and files of one's own, read; texts to features, features to batches.
 * @module
 */
export type { Batch, Feature, FeatureList, TargetRows } from '../datasets/batch.js';
export type { PlanOptions } from '../datasets/batches.js';
export { type BatchOptions, batchesOf } from '../datasets/batches.js';
export {
  type CompletionFeature,
  type CompletionReport,
  completionFeatures,
  type PromptFormat,
  promptIds,
} from '../datasets/completion.js';
export { parseSlots, type Slot } from '../datasets/data-to-text/e2e.js';
export { type DataToTextExample, type InputOutput, inputOutputs } from '../datasets/data-to-text/example.js';
export {
  type DataToTextOptions,
  type DataToTextPart,
  type DataToTextSplit,
  type DataToTextTask,
  readDataToText,
} from '../datasets/data-to-text/read.js';
export { parseTriple, type Triple } from '../datasets/data-to-text/webnlg.js';
export { featuresOf } from '../datasets/features.js';
export type { Split } from '../datasets/glue.js';
export type { Example, RowOptions, RowReport, Rows } from '../datasets/glue-rows.js';
export type { HubOptions } from '../datasets/hub-options.js';
export type { PackingOptions } from '../datasets/row-packing.js';
export { readSplit, type SplitOptions } from '../datasets/source.js';
export type { SquadAnswer, SquadExample, SquadSplit, SquadVersion } from '../datasets/squad.js';
export { readSquadSplit, type SquadSource } from '../datasets/squad-source.js';
export type { Columns, GivenColumns, TaskKind, TextColumns } from '../datasets/tables/columns.js';
export { type Layout, tableLayout } from '../datasets/tables/columns.js';
export type { Texts } from '../datasets/tables/labelled.js';
export { readRows, type TableRow } from '../datasets/tables/rows.js';
export type { Column, HiddenSplit, MetricName } from '../datasets/task.js';
export { findTask, TASKS, type Task } from '../datasets/task.js';
export { type PairOptions, pairFeatures } from '../datasets/text-pairs.js';
export type { WindowReport } from '../datasets/windows.js';
export {
  buildWindows,
  type SpanFeature,
  type SpanWindows,
  spanText,
  type WindowOptions,
} from '../datasets/windows.js';
