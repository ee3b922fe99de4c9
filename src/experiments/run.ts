/** RunSpec -> RunRecord: fine-tuning and evaluation, the same for every task. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { resolveModel } from '../datasets/source.js';
import { findTask, TASKS } from '../datasets/task.js';
import type { CompileOptions } from '../engine/compile.js';
import { DataError, UsageError } from '../errors.js';
import { type Checkpoint, loadCheckpoint } from '../models/checkpoint.js';
import type { HeadSpec, ModelConfig } from '../models/config.js';
import { countParameters } from '../models/parameters.js';
import { weightFiles } from '../models/weights.js';
import { isTrainedHead, methodTrains } from '../peft/method.js';
import { checkSchedule } from '../progressive/schedule.js';
import { savedFraction } from '../progressive/updates.js';
import { loadTokenizer } from '../tokenizers/tokenizer.js';
import { predictFeatures } from '../training/evaluate.js';
import { type FitPlan, type FitProgress, fit, fitProgressSchema, type StepRecord } from '../training/fit.js';
import type { Model } from '../training/model.js';
import { loadSnapshot, removeSnapshot, saveSnapshot } from '../training/resume.js';
import { createTrainingState, type TrainingState } from '../training/state.js';
import { adaptedModel, centreRegression, saveResult } from './adapted-model.js';
import { inTaskOrder } from './class-order.js';
import { fitPlan } from './fit-plan.js';
import { glueTask } from './glue-task.js';
import { peakBytes, type RunRecord, thisMachine } from './run-record.js';
import { hashOf, type RunSpec, SQUAD_VERSIONS } from './run-spec.js';
import type { DataEvent, Infer, RunTask } from './run-task.js';
import { squadTask } from './squad-task.js';

export interface RunOptions extends CompileOptions {
  /** Writes the fine-tuned checkpoint here, and while the run lasts the snapshot it can be resumed from. */
  readonly save?: string;
  /** Where the snapshot of an unfinished run is kept; default: `unfinished` in `save`. Without either a run cannot be resumed. */
  readonly snapshots?: string;
  /** Also answers the hidden test sets: files for GLUE's server, in `save`. */
  readonly predictTest?: boolean;
  readonly onEvent?: (event: RunEvent) => void;
}

/** What a run reports while it lasts. */
export type RunEvent =
  | DataEvent
  | {
      readonly kind: 'loaded';
      readonly checkpoint: Checkpoint;
      /** Features seen in all epochs together. */
      readonly totalExamples: number;
    }
  | { readonly kind: 'resumed'; readonly epochs: number; readonly examples: number }
  | { readonly kind: 'step'; readonly record: StepRecord }
  | { readonly kind: 'evaluating'; readonly split: string; readonly done: number; readonly total: number };

/** A task by Hugging Face's name. @throws UsageError that lists the known ones */
export function findRunTask(name: string): RunTask {
  const version = SQUAD_VERSIONS.get(name);
  if (version) return squadTask(version);
  if (TASKS.some((known) => known.name === name)) return glueTask(findTask(name));
  const known = [...TASKS.map((task) => task.name), ...SQUAD_VERSIONS.keys()];
  throw new UsageError(`unknown task '${name}'; known: ${known.join(', ')}`);
}

async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Of one file its sha256; of shards, of theirs. */
async function weightsHash(folder: string): Promise<string> {
  const hashes = await Promise.all((await weightFiles(folder)).map(fileHash));
  return hashes.length === 1 ? (hashes[0] as string) : hashOf(hashes);
}

function checkLength({ maxLength }: RunSpec, config: ModelConfig): void {
  const longest = config.maxPositionEmbeddings - (config.modelType === 'roberta' ? config.padTokenId + 1 : 0);
  if (maxLength > longest)
    throw new UsageError(`max-length: ${maxLength} is over the model's ${longest} positions`);
}

/** The model to start from: where it has a head of the task, its classes are put in the task's order. */
async function startingPoint(
  spec: RunSpec,
  folder: string,
  head: HeadSpec,
  onNote: (text: string) => void,
): Promise<Checkpoint> {
  const checkpoint = await loadCheckpoint(folder, head, spec);
  for (const note of checkpoint.notes ?? []) onNote(note);
  if (spec.newHead)
    onNote(`${folder}: a fresh head is drawn, whatever the model has; its classes are ${spec.task}'s`);
  const isFresh = checkpoint.specs.some(
    ({ name, place }) => place.kind === 'classifier' && checkpoint.initialised.includes(name),
  );
  if (isFresh) return checkpoint;
  return { ...checkpoint, parameters: await inTaskOrder(spec.task, { folder }, checkpoint, onNote) };
}

/** Fine-tunes and evaluates. @throws UsageError, DataError */
export async function run(spec: RunSpec, options: RunOptions = {}): Promise<RunRecord> {
  const start = performance.now();
  const onEvent = options.onEvent ?? (() => undefined);
  const task = findRunTask(spec.task);
  const folder = await resolveModel(spec.model);
  const checkpoint = await startingPoint(spec, folder, task.head, (text) =>
    onEvent({ kind: 'warning', text }),
  );
  checkSchedule(spec.schedule, spec.epochs, checkpoint.config);
  checkLength(spec, checkpoint.config);
  const tokenizer = await loadTokenizer(folder, checkpoint.config.vocabSize);
  const { model, values } = adaptedModel(checkpoint, spec);
  const input = { spec, tokenizer, onEvent };
  const train = await task.training(input);
  if (train.features.length === 0) throw new DataError(`${spec.data}: no row of ${spec.task} to train on`);
  const answerTest = options.predictTest ? await task.test(input) : async () => ({});
  centreRegression(
    checkpoint,
    values,
    train.features.map(({ label }) => label ?? 0),
  );
  const plan = fitPlan(spec, model.config, train.features, options.device);
  const stages = Array.from({ length: spec.epochs }, (_, epoch) => plan.stageOf(epoch).trains);
  const state = createTrainingState(model.specs, values, (parameter) =>
    stages.some((trains) => trains(parameter)),
  );
  const hashes = { train: train.hash, model: await weightsHash(folder) };
  onEvent({ kind: 'loaded', checkpoint, totalExamples: plan.epochs * train.features.length });
  const progress = await trainResumably(hashOf({ spec, hashes }), model, state, plan, options);
  const infer: Infer = (split, features) =>
    predictFeatures(model, state.parameters, features, { ...options, maxLength: spec.maxLength }, (done) =>
      onEvent({ kind: 'evaluating', split, done, total: features.length }),
    );
  const evaluation = await task.evaluate(input, infer);
  if (options.save !== undefined) {
    const { parameters } = state;
    await saveResult(spec, options.save, {
      checkpoint,
      parameters,
      labels: task.labels,
      files: { ...evaluation.files, ...(await answerTest(infer)) },
    });
  }
  const snapshots = snapshotFolder(options);
  if (snapshots !== undefined) await removeSnapshot(snapshots);
  const trainable = countParameters(model.specs, methodTrains(spec.method, spec.headTraining));
  return {
    spec,
    hashes: { ...hashes, ...evaluation.hashes },
    metrics: evaluation.metrics,
    trainExamples: train.examples,
    dataReport: train.report,
    totalParameters: countParameters(model.specs),
    trainableParameters: trainable,
    headParameters: countParameters(model.specs, isTrainedHead(spec.headTraining)),
    updatedParameters: progress.updatedParameters,
    savedFraction: savedFraction(progress.updatedParameters, trainable),
    steps: progress.steps,
    seconds: (performance.now() - start) / 1000,
    secondsPerEpoch: progress.secondsPerEpoch,
    peakBytes: peakBytes(),
    initialised: checkpoint.initialised,
    machine: thisMachine(options),
  };
}

const snapshotFolder = ({ snapshots, save }: RunOptions): string | undefined =>
  snapshots ?? (save === undefined ? undefined : join(save, 'unfinished'));

/** Trains; with a folder for snapshots, from the last whole epoch of an interrupted run of the same key. */
async function trainResumably(
  key: string,
  model: Model,
  state: TrainingState,
  plan: FitPlan,
  options: RunOptions,
): Promise<FitProgress> {
  const onStep = (record: StepRecord): void => options.onEvent?.({ kind: 'step', record });
  const folder = snapshotFolder(options);
  if (folder === undefined) return fit(model, state, plan, options, { onStep });
  const former = await loadSnapshot(folder, key, state, fitProgressSchema);
  if (former && former.secondsPerEpoch.length > 0) {
    const examples = former.steps.reduce((sum, step) => sum + step.examples, 0);
    options.onEvent?.({ kind: 'resumed', epochs: former.secondsPerEpoch.length, examples });
  }
  const onEpoch = (progress: FitProgress): Promise<void> =>
    saveSnapshot(folder, key, progress.secondsPerEpoch.length, state, progress);
  return fit(model, state, plan, options, { onStep, onEpoch }, former);
}
