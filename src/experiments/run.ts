/** RunSpec -> RunRecord: fine-tuning and evaluation, the same for every task. */
import { DATA_TO_TEXT_TASKS, findDataToText } from '../datasets/data-to-text/read.js';
import { resolveModel } from '../datasets/source.js';
import { findTask, TASKS } from '../datasets/task.js';
import type { CompileOptions } from '../engine/compile.js';
import { DataError, UsageError } from '../errors.js';
import { type Checkpoint, loadCheckpoint } from '../models/checkpoint.js';
import type { ModelConfig } from '../models/config.js';
import { readConfig } from '../models/config-file.js';
import { familyOf } from '../models/families.js';
import { countParameters } from '../models/parameters.js';
import { unknownName } from '../nearest.js';
import { isTrainedHead, methodTrains } from '../peft/method.js';
import { checkSchedule } from '../progressive/schedule.js';
import { savedFraction } from '../progressive/updates.js';
import { loadTokenizer } from '../tokenizers/tokenizer.js';
import type { FitProgress } from '../training/fit.js';
import { stagesNow } from '../training/freezing.js';
import type { Model } from '../training/model.js';
import { peakBytes } from '../training/peak-memory.js';
import { createTrainingState } from '../training/state.js';
import { adaptedModel, centreRegression } from './adapted-model.js';
import { freezingOf } from './adaptive-freezing.js';
import { inTaskOrder } from './class-order.js';
import { contributionsOf } from './contributions.js';
import { dataToTextTask } from './data-to-text-task.js';
import { fitPlan, rateFactor, totalExamples } from './fit-plan.js';
import { glueTask } from './glue-task.js';
import { modelIdentity, runIdentity, weightsHash } from './identity.js';
import { ownTask } from './own-task.js';
import { checkedProgress, type SaveStrategy, saveRun, savesAt, snapshotFolder } from './resumable.js';
import { type RunEvent, stageRecord } from './run-events.js';
import { openRunLog, type RunLog } from './run-log.js';
import { type RunRecord, thisMachine } from './run-record.js';
import { OWN_KINDS, ownKind, type RunSpec, SQUAD_VERSIONS } from './run-spec.js';
import { type RunTask, taskFor } from './run-task.js';
import { checkNotModel, checkSave, checkWritable } from './save-folder.js';
import { squadTask } from './squad-task.js';
import { trainAndEvaluate } from './train-run.js';
import { checkEvaluates } from './validation.js';

/** What does not change the numbers of a run: where it is saved, how it is watched, threads, device. */
export interface RunOptions extends CompileOptions {
  /** Writes the fine-tuned checkpoint here, and while the run lasts the snapshot it can be resumed from. */
  readonly save?: string;
  /** Begins anew over another run's result or snapshot, which are refused otherwise. */
  readonly overwrite?: boolean | undefined;
  /**
   * Where the snapshot of an unfinished run is kept; default: `unfinished` in `save`. Without either a run cannot be resumed. The snapshot
   * goes when the result is saved; in a folder given here it stays until the caller has kept the record.
   */
  readonly snapshots?: string;
  /** Less memory for about a third more time; the numbers are the same. See `models/recompute.ts`. */
  readonly gradientCheckpointing?: boolean;
  /** Also answers the hidden test sets: files for GLUE's server, in `save`. */
  readonly predictTest?: boolean;
  /** Refuses data that would be read with a warning. */
  readonly strict?: boolean | undefined;
  /** Snapshots are taken after each epoch (the default), every `saveSteps` steps, or never: `save` then holds the result only. */
  readonly saveStrategy?: SaveStrategy | undefined;
  readonly saveSteps?: number | undefined;
  /** With `save`: whole models as they were at the last so many snapshots, as `checkpoint-<step>`. Default: none is kept. */
  readonly saveTotalLimit?: number | undefined;
  /** Also writes the run's curves here, as TensorBoard reads them. */
  readonly loggingDir?: string | undefined;
  /** Ends the run after the step in hand, with a snapshot where such are taken: the same run goes on from there. */
  readonly signal?: AbortSignal | undefined;
  /** Called while the run lasts. */
  readonly onEvent?: (event: RunEvent) => void;
}

export type { RunEvent } from './run-events.js';

/**
 * What a spec's task is: own data is read for its classes.
 * @throws UsageError that lists the known tasks; DataError as {@link ownTask}
 */
export async function runTask(spec: RunSpec): Promise<RunTask> {
  const kind = ownKind(spec.task);
  return kind === undefined ? findRunTask(spec.task) : ownTask(spec, kind);
}

/** A task by Hugging Face's name. @throws UsageError that lists the known ones */
export function findRunTask(name: string): RunTask {
  const version = SQUAD_VERSIONS.get(name);
  if (version) return squadTask(name, version);
  if (TASKS.some((known) => known.name === name)) return glueTask(findTask(name));
  const dataToText = findDataToText(name);
  if (dataToText) return dataToTextTask(dataToText);
  const known = [
    ...TASKS.map((task) => task.name),
    ...SQUAD_VERSIONS.keys(),
    ...DATA_TO_TEXT_TASKS,
    ...OWN_KINDS,
  ];
  throw new UsageError(unknownName('task', name, known));
}

/** @throws UsageError for rows longer than the model takes */
export function checkLength({ maxLength, maxTargetLength = 0 }: RunSpec, config: ModelConfig): void {
  const longest = familyOf(config).longestRow(config);
  if (maxLength > longest)
    throw new UsageError(`max-length: ${maxLength} is over the model's ${longest} positions`);
  if (maxTargetLength > longest)
    throw new UsageError(`max-target-length: ${maxTargetLength} is over the model's ${longest} positions`);
}

/** The model to start from: where it has a head of the task, its classes are put in the task's order. */
export async function startingPoint(
  spec: RunSpec,
  folder: string,
  task: RunTask,
  onNote: (text: string) => void,
): Promise<Checkpoint> {
  const checkpoint = await loadCheckpoint(folder, task.head, spec);
  for (const note of checkpoint.notes ?? []) onNote(note);
  if (spec.newHead)
    onNote(`${folder}: a fresh head is drawn, whatever the model has; its classes are ${spec.task}'s`);
  const isFresh = checkpoint.specs.some(
    ({ name, place }) => place.kind === 'classifier' && checkpoint.initialised.includes(name),
  );
  if (isFresh) return checkpoint;
  return { ...checkpoint, parameters: await inTaskOrder(task, { folder }, checkpoint, onNote) };
}

/** Tells the caller, and the logs once they are open. A warning is told once, though each evaluation may have it again. */
function reporter({ onEvent }: RunOptions): { tell: (event: RunEvent) => void; to: (log: RunLog) => void } {
  const told = new Set<string>();
  let log: RunLog | undefined;
  return {
    tell(event) {
      if (event.kind === 'warning' && told.has(event.text)) return;
      if (event.kind === 'warning') told.add(event.text);
      log?.onEvent(event);
      onEvent?.(event);
    },
    to(opened) {
      log = opened;
    },
  };
}

/** Scalars updated in each epoch; where epochs differ in their steps, in each step. */
function updatesOf(
  { steps, updatedParameters }: FitProgress,
  { stepsPerEpoch, stages }: Pick<RunRecord, 'stepsPerEpoch' | 'stages'>,
): readonly number[] {
  if (steps.length % stepsPerEpoch === 0) return updatedParameters;
  const counts = new Map(stages.map((stage) => [stage.stage, stage.updatedParameters]));
  return steps.map(({ stage }) => counts.get(stage) as number);
}

/**
 * Fine-tunes and evaluates; whatever can be checked is checked before the first step. @throws UsageError, DataError
 * @example
 * ```ts
 * import { run, runSpec } from 'progtuning';
 *
 * const spec = runSpec({
 *   task: 'sst2',
 *   data: 'embedded',
 *   model: 'progtuning-bert-6x256',
 *   epochs: 2,
 *   batchSize: 8,
 *   maxLength: 32,
 *   maxTrainExamples: 32,
 *   maxEvalExamples: 32,
 * });
 * const record = await run(spec, {
 *   save: 'runs/sst2',
 *   overwrite: true,
 *   onEvent: (event) => {
 *     if (event.kind === 'warning') console.warn(event.text);
 *   },
 * });
 * console.log(record.steps.length, Object.keys(record.metrics).join()); // 8 accuracy
 * console.log(record.savedFraction.toFixed(2)); // 0.17
 * ```
 */
export async function run(spec: RunSpec, options: RunOptions = {}): Promise<RunRecord> {
  const began = performance.now();
  const { tell: onEvent, to } = reporter(options);
  const known = await runTask(spec);
  const folder = await resolveModel(spec.model);
  const task = taskFor(known, await readConfig(folder));
  const checkpoint = await startingPoint(spec, folder, task, (text) => onEvent({ kind: 'warning', text }));
  const { schedule, epochs, maxSteps } = spec;
  checkSchedule(schedule, maxSteps ?? epochs, checkpoint.config, maxSteps === undefined ? 'epoch' : 'step');
  checkLength(spec, checkpoint.config);
  const snapshots = snapshotFolder(options);
  if (options.save !== undefined) {
    checkNotModel(options.save, folder);
    await checkWritable(options.save);
  }
  const tokenizer = await loadTokenizer(folder, checkpoint.config.vocabSize);
  for (const text of tokenizer.warnings) onEvent({ kind: 'warning', text });
  const { model: plain, values } = adaptedModel(checkpoint, spec);
  const model: Model = { ...plain, gradientCheckpointing: options.gradientCheckpointing ?? false };
  const input = { spec, tokenizer, config: checkpoint.config, onEvent, strict: options.strict };
  const train = await task.training(input);
  if (train.features.length === 0) throw new DataError(`${spec.data}: no row of ${spec.task} to train on`);
  const prepared = await task.prepare(input);
  checkEvaluates(spec, model.head, prepared.metricNames);
  const answerTest = options.predictTest ? await task.test(input) : async () => ({});
  const modelParts = await modelIdentity(folder, tokenizer.hash);
  const data = { train: train.hash, ...prepared.hashes };
  const identity = runIdentity(spec, modelParts, data);
  if (options.save !== undefined) await checkSave(options.save, identity, options.overwrite ?? false);
  centreRegression(checkpoint, values, train.features);
  const start = { spec, model, values, features: train.features, task };
  const kept = { identity, folder: snapshots, overwrite: options.overwrite };
  const contributions = await contributionsOf(start, options, kept);
  if (contributions) onEvent({ kind: 'measured', contributions });
  const methodOnly = methodTrains({ ...model, headTraining: spec.headTraining }, spec.method);
  const fitted = fitPlan(spec, model, train.features, task, options.device, contributions);
  const { stepsPerEpoch, totalSteps } = fitted;
  const freezing = freezingOf(start, methodOnly, options);
  const plan = { ...fitted, freezing, savesAt: savesAt(options, stepsPerEpoch) };
  const state = createTrainingState(
    model.specs,
    values,
    (parameter) => plan.stages.some(({ trains }) => trains(parameter)),
    rateFactor(spec, model.config),
  );
  const former = await checkedProgress(snapshots, identity, state, plan, options);
  const stagesAfter = (progress: FitProgress | undefined) =>
    stagesNow(plan, progress?.frozen).map((stage) => stageRecord(stage, model.specs));
  const planned = stagesAfter(former);
  const log = openRunLog(options, { key: identity.key, stepsPerEpoch, stages: planned, former });
  to(log);
  try {
    const total = totalExamples(spec, plan, train.features.length);
    onEvent({ kind: 'loaded', checkpoint, totalExamples: total, totalSteps, stepsPerEpoch, stages: planned });
    const job = { spec, identity, checkpoint, task, model, state, plan, prepared, snapshots, former };
    const { progress, best, evaluation, infer } = await trainAndEvaluate(job, { ...options, onEvent });
    const trainable = countParameters(model.specs, methodOnly);
    const stages = stagesAfter(progress);
    const record: RunRecord = {
      spec,
      identity,
      hashes: { model: weightsHash(modelParts), ...data },
      metrics: evaluation.metrics,
      undefinedMetrics: evaluation.undefinedMetrics,
      ...(evaluation.reports ? { classReports: evaluation.reports } : {}),
      trainExamples: train.examples,
      dataReport: { ...train.report, ...prepared.report },
      totalParameters: countParameters(model.specs),
      trainableParameters: trainable,
      headParameters: countParameters(model.specs, isTrainedHead(spec.headTraining)),
      updatedParameters: progress.updatedParameters,
      savedFraction: savedFraction(updatesOf(progress, { stepsPerEpoch, stages }), trainable),
      steps: progress.steps,
      stepsPerEpoch,
      stages,
      ...(contributions ? { contributions } : {}),
      ...(progress.frozen ? { frozenBlocks: progress.frozen.frozen } : {}),
      evaluations: progress.evaluations,
      ...(best ? { best } : {}),
      seconds: (performance.now() - began) / 1000,
      secondsPerEpoch: progress.secondsPerEpoch,
      peakBytesPerEpoch: progress.peakBytesPerEpoch,
      peakBytes: peakBytes(),
      initialised: checkpoint.initialised,
      machine: thisMachine(options),
    };
    if (options.save !== undefined) {
      const files = { ...evaluation.files, ...(await answerTest(infer)) };
      const result = { checkpoint, parameters: state.parameters, task, files };
      await saveRun(options.save, record, result, snapshots);
    }
    onEvent({ kind: 'finished', record });
    return record;
  } finally {
    log.close();
  }
}
