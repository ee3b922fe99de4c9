/** The one public door: everything a notebook or a program may use. */

export type { Batch, Feature } from './datasets/batch.js';
export { batchesOf, makeBatch } from './datasets/batches.js';
export { buildCorpus, type Corpus, openCorpus } from './datasets/corpus.js';
export { featuresOf } from './datasets/features.js';
export { hubFile, modelFolder } from './datasets/hub.js';
export { heldOutBatches, type MaskedBatch, maskedBatches, maskingVocabulary } from './datasets/masking.js';
export { readSplit } from './datasets/source.js';
export { readSquad, squadFromRows } from './datasets/squad.js';
export { readSquadSplit } from './datasets/squad-source.js';
export { tableLayout } from './datasets/tables/columns.js';
export { readRows } from './datasets/tables/rows.js';
export { findTask, TASKS, type Task } from './datasets/task.js';
export { readDocuments, sampleDocuments } from './datasets/text.js';
export { buildWindows, spanText } from './datasets/windows.js';
export { type Compiled, type CompileOptions, compile, type TensorSpec, trace } from './engine/compile.js';
export { DEVICES, type Device } from './engine/device.js';
export * as fused from './engine/fused.js';
export { Graph } from './engine/graph.js';
export { DataError, UsageError } from './errors.js';
export {
  type BlockGradientsRecord,
  measureBlockGradients,
  readBlockGradients,
} from './experiments/block-gradients-run.js';
export { countedSaving } from './experiments/counted-saving.js';
export { createModel, type NewModel } from './experiments/create-model.js';
export {
  BERT_BASE_GRIDS,
  BERT_BASE_VARIANTS,
  evidenceRuns,
  LEDGER_GRIDS,
  LIVE_GRIDS,
} from './experiments/evidence-grids.js';
export { type ExportRequest, exportRun } from './experiments/export-run.js';
export { expandGrid, type Grid, readGrid, runLabel } from './experiments/grid.js';
export { type LedgerRecord, readLedger } from './experiments/ledger.js';
export { type GridCell, ledgerRuns, liveRuns } from './experiments/notebook-runs.js';
export { type Prediction, type PredictRequest, predictTexts } from './experiments/predict-run.js';
export { runPretraining } from './experiments/pretrain-run.js';
export type { PretrainRecord, PretrainSpec } from './experiments/pretrain-spec.js';
export { type RunEvent, type RunOptions, run } from './experiments/run.js';
export { type GridEvent, type GridRun, planGrid, runGrid } from './experiments/run-grid.js';
export type { Machine, RunRecord } from './experiments/run-record.js';
export { type RunRequest, type RunSpec, runSpec } from './experiments/run-spec.js';
export { glueMetrics } from './metrics/glue.js';
export { decodeSpans } from './metrics/spans.js';
export { scoreSquadV1, scoreSquadV2 } from './metrics/squad.js';
export type { Adaptation, HookContext } from './models/adaptation.js';
export { type Checkpoint, loadCheckpoint, saveCheckpoint } from './models/checkpoint.js';
export { type HeadSpec, type ModelConfig, PRESETS } from './models/config.js';
export { readConfig } from './models/config-file.js';
export { encode } from './models/encoder.js';
export { headLogits, headLoss } from './models/heads.js';
export { initialise } from './models/initialise.js';
export { modelContext } from './models/layers.js';
export {
  both,
  countParameters,
  type HeadTraining,
  type ParameterSpec,
  type Parameters,
  type Trains,
} from './models/parameters.js';
export { openSafetensors, readSafetensors, writeSafetensors } from './models/safetensors.js';
export { modelSpecs } from './models/specs.js';
export { ADAPTER_DEFAULTS, type Adapter } from './peft/adapter.js';
export { BITFIT_DEFAULTS, type Bitfit } from './peft/bitfit.js';
export { RECIPES } from './peft/defaults.js';
export {
  type AdapterToSave,
  type LoadedAdapter,
  loadAdapter,
  type PeftMethod,
  saveAdapter,
} from './peft/formats.js';
export { LORA_DEFAULTS, type Lora, mergeLora } from './peft/lora.js';
export { checkMethod, type Method, methodAdaptation, methodSpecs, methodTrains } from './peft/method.js';
export type { MethodBase } from './peft/modules.js';
export { LITERATURE, literatureRecipe } from './peft/recipes.js';
export { parts } from './progressive/parts.js';
export {
  type Schedule,
  stageOfEpoch,
  stageTrains,
  trainedBlocks,
  trainsEmbeddings,
} from './progressive/schedule.js';
export { closedFormUpdates, countedUpdates, savedFraction } from './progressive/updates.js';
export { fillBits, normal, permutation, type RandomKey, uniform } from './random.js';
export { answerMarkdown, type ShownAnswer } from './report/answers.js';
export { blockFigure, blockName } from './report/block-figure.js';
export { claimNote, claimRows } from './report/claim-table.js';
export {
  type Claim,
  type Evidence,
  equalOrBetterByTask,
  growingUnder,
  judgeClaims,
} from './report/claims.js';
export {
  bootstrapInterval,
  meanAndSpread,
  pairedDifference,
  studentInterval,
  summarise,
} from './report/comparison.js';
export { costFigure, costRows } from './report/cost.js';
export { equivalenceTest, pairsToDecide } from './report/equivalence.js';
export { type BarSeries, boxPlot, groupedBars } from './report/figure.js';
export type { Figure } from './report/frame.js';
export { type LineSeries, lineChart } from './report/line-chart.js';
export { inNotebook, showFigure, showMarkdown, showProgress, showTable } from './report/notebook.js';
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
} from './report/run-table.js';
export { sanityRows } from './report/sanity.js';
export { type ScheduleRow, scheduleGrid } from './report/schedule-grid.js';
export { figureToSvg } from './report/svg.js';
export { type Row, type TableOptions, tableHtml, tableText } from './report/table.js';
export { taskFigure } from './report/task-figure.js';
export { methodName, TASK_TABLE_NOTE, taskTable } from './report/task-table.js';
export { encodeTexts, loadTokenizer } from './tokenizers/tokenizer.js';
export { trainVocabulary } from './tokenizers/train.js';
export { ADAMW_DEFAULTS } from './training/adamw.js';
export { predict } from './training/evaluate.js';
export { exportOnnx } from './training/export-model.js';
export { type FitProgress, fit, type StepRecord } from './training/fit.js';
export { learningRateFactor } from './training/learning-rate.js';
export { maskedLmObjective } from './training/masked-lm.js';
export { taskObjective } from './training/objective.js';
export { evaluateMaskedLm, perplexity, pretrain } from './training/pretrain.js';
export { openStage } from './training/stage.js';
export { createTrainingState } from './training/state.js';
