/** RunSpec -> RunRecord: the one file that touches every room. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Feature } from '../datasets/batch.js';
import { type BatchOptions, batchesOf, byLength, makeBatch } from '../datasets/batches.js';
import { featuresOf } from '../datasets/features.js';
import { readSplit, resolveModel } from '../datasets/source.js';
import { findTask, labelCount, type Task } from '../datasets/task.js';
import type { CompileOptions } from '../engine/compile.js';
import { UsageError } from '../errors.js';
import { glueMetrics } from '../metrics/glue.js';
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from '../models/checkpoint.js';
import type { ModelConfig } from '../models/config.js';
import { initialise } from '../models/initialise.js';
import { both, countParameters, type ParameterSpec, type Parameters } from '../models/parameters.js';
import { saveAdapter } from '../peft/formats.js';
import { isTrainedHead, type Method, methodAdaptation, methodSpecs, methodTrains } from '../peft/method.js';
import { checkSchedule, stageOfEpoch, stageTrains } from '../progressive/schedule.js';
import { savedFraction } from '../progressive/updates.js';
import { STREAM } from '../random.js';
import { loadTokenizer, type TextTokenizer } from '../tokenizers/tokenizer.js';
import { ADAMW_DEFAULTS } from '../training/adamw.js';
import { predict } from '../training/evaluate.js';
import { type FitPlan, fit, fitProgressSchema, type StepRecord } from '../training/fit.js';
import type { Model } from '../training/model.js';
import { predictionsOf } from '../training/predictions.js';
import { loadSnapshot, removeSnapshot, saveSnapshot } from '../training/resume.js';
import { createTrainingState, type TrainingState } from '../training/state.js';
import { peakBytes, type RunRecord, thisMachine } from './run-record.js';
import { hashOf, type RunSpec } from './run-spec.js';

export interface RunOptions extends CompileOptions {
  /** Writes the fine-tuned checkpoint here, and while the run lasts the snapshot it can be resumed from. */
  readonly save?: string;
  readonly onEvent?: (event: RunEvent) => void;
}

/** What a run reports while it lasts. */
export type RunEvent =
  | {
      readonly kind: 'loaded';
      readonly checkpoint: Checkpoint;
      readonly totalExamples: number;
    }
  | { readonly kind: 'resumed'; readonly epochs: number; readonly examples: number }
  | { readonly kind: 'step'; readonly record: StepRecord }
  | { readonly kind: 'evaluating'; readonly split: string; readonly done: number; readonly total: number };

const EVALUATION_BATCH = 32;

async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function withDropout(config: ModelConfig, dropout: number | null): ModelConfig {
  return dropout === null
    ? config
    : { ...config, hiddenDropoutProb: dropout, attentionProbsDropoutProb: dropout };
}

/** A checkpoint with a method's parameters beside it. */
function adapted(
  checkpoint: Checkpoint,
  method: Method,
  dropout: number | null,
  seed: number,
): { model: Model; values: Parameters } {
  const config = withDropout(checkpoint.config, dropout);
  const extra: ParameterSpec[] = methodSpecs(config, method);
  const values = new Map(checkpoint.parameters);
  for (const spec of extra) values.set(spec.name, initialise(spec, config, seed));
  if (checkpoint.head.kind === 'masked-lm') throw new Error('internal: a task head is wanted');
  const model = {
    config,
    head: checkpoint.head,
    specs: [...checkpoint.specs, ...extra],
    adaptation: methodAdaptation(config, method),
  };
  return { model, values };
}

interface Prepared {
  readonly task: Task;
  readonly tokenizer: TextTokenizer;
  readonly train: readonly Feature[];
  readonly hashes: Record<string, string>;
}

const limit = (maxExamples: number | null): { maxExamples?: number } =>
  maxExamples === null ? {} : { maxExamples };

async function prepare(spec: RunSpec, folder: string, config: ModelConfig, task: Task): Promise<Prepared> {
  const longest = config.maxPositionEmbeddings - (config.modelType === 'roberta' ? config.padTokenId + 1 : 0);
  if (spec.maxLength > longest)
    throw new UsageError(`max-length: ${spec.maxLength} is over the model's ${longest} positions`);
  const tokenizer = await loadTokenizer(folder, config.vocabSize);
  const split = await readSplit(spec.data, task, 'train', limit(spec.maxTrainExamples));
  const train = await featuresOf(split.examples, tokenizer, spec.maxLength);
  const weights = await fileHash(join(folder, 'model.safetensors'));
  return { task, tokenizer, train, hashes: { train: split.hash, model: weights } };
}

/** Metrics of one evaluation split; batches hold rows of like length. */
async function evaluateSplit(
  spec: RunSpec,
  prepared: Prepared,
  model: Model,
  parameters: Parameters,
  split: string,
  options: RunOptions,
): Promise<{ metrics: Record<string, number>; hash: string }> {
  const { examples, hash } = await readSplit(spec.data, prepared.task, split, limit(spec.maxEvalExamples));
  const features = await featuresOf(examples, prepared.tokenizer, spec.maxLength);
  const order = byLength(features);
  const batching: BatchOptions = {
    ...batchOptions(spec, model.config),
    batchSize: EVALUATION_BATCH,
    padRows: true,
    lengths: 'bucket',
  };
  const batches = Array.from({ length: Math.ceil(order.length / EVALUATION_BATCH) }, (_, i) =>
    makeBatch(
      order
        .slice(i * EVALUATION_BATCH, (i + 1) * EVALUATION_BATCH)
        .map((index) => features[index] as Feature),
      batching,
    ),
  );
  let done = 0;
  const logits = await predict(model, parameters, batches, options, (count) => {
    done += count;
    options.onEvent?.({ kind: 'evaluating', split, done, total: features.length });
  });
  const sorted = predictionsOf(
    logits,
    batches.map(({ count }) => count),
    labelCount(prepared.task),
  );
  const labels = order.map((index) => (features[index] as Feature).label as number);
  return { metrics: glueMetrics(prepared.task, sorted, labels), hash };
}

const batchOptions = (spec: RunSpec, config: ModelConfig): BatchOptions => ({
  batchSize: spec.batchSize,
  padTokenId: config.padTokenId,
  maxLength: spec.maxLength,
  lengths: 'bucket',
  padRows: false,
});

function planOf(spec: RunSpec, model: Model, train: readonly Feature[]): FitPlan {
  const method = methodTrains(spec.method, spec.headTraining);
  const batching = batchOptions(spec, model.config);
  return {
    epochs: spec.epochs,
    stepsPerEpoch: Math.ceil(train.length / spec.batchSize),
    stageOf: (epoch) => {
      const stage = stageOfEpoch(spec.schedule, epoch, spec.epochs);
      return { stage, trains: both(method, stageTrains(spec.schedule, stage, model.config)) };
    },
    batchesOf: (epoch) =>
      batchesOf(train, batching, {
        shuffle: spec.shuffle ? { seed: spec.seed, stream: STREAM.shuffle, step: epoch } : undefined,
        groupByLength: spec.groupByLength,
      }),
    learningRate: spec.learningRate,
    learningRateSchedule: spec.learningRateSchedule,
    adamw: { ...ADAMW_DEFAULTS, weightDecay: spec.weightDecay, maxGradientNorm: spec.maxGradientNorm },
    seed: spec.seed,
  };
}

/** Fine-tunes and evaluates. @throws UsageError, DataError */
export async function run(spec: RunSpec, options: RunOptions = {}): Promise<RunRecord> {
  const start = performance.now();
  const task = findTask(spec.task);
  const folder = await resolveModel(spec.model);
  const checkpoint = await loadCheckpoint(
    folder,
    { kind: 'classification', numLabels: labelCount(task) },
    { seed: spec.seed },
  );
  checkSchedule(spec.schedule, spec.epochs, checkpoint.config);
  const { model, values } = adapted(checkpoint, spec.method, spec.dropout, spec.seed);
  const prepared = await prepare(spec, folder, checkpoint.config, task);
  const plan = planOf(spec, model, prepared.train);
  const stages = Array.from({ length: spec.epochs }, (_, epoch) => plan.stageOf(epoch).trains);
  const state = createTrainingState(model.specs, values, (parameter) =>
    stages.some((trains) => trains(parameter)),
  );
  options.onEvent?.({ kind: 'loaded', checkpoint, totalExamples: plan.epochs * prepared.train.length });
  const progress = await trainResumably(spec, prepared, model, state, plan, options);
  const metrics: Record<string, number> = {};
  for (const { file, suffix } of task.evaluation) {
    const evaluated = await evaluateSplit(spec, prepared, model, state.parameters, file, options);
    prepared.hashes[file] = evaluated.hash;
    for (const [name, value] of Object.entries(evaluated.metrics)) metrics[name + suffix] = value;
  }
  if (options.save !== undefined) await saveResult(spec, options.save, checkpoint, state, task);
  const trainable = countParameters(model.specs, methodTrains(spec.method, spec.headTraining));
  return {
    spec,
    hashes: prepared.hashes,
    metrics,
    trainExamples: prepared.train.length,
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
    machine: thisMachine(options.threads ?? 0),
  };
}

/** Trains; with `save`, from the last whole epoch of an interrupted run of the same spec. */
async function trainResumably(
  spec: RunSpec,
  prepared: Prepared,
  model: Model,
  state: TrainingState,
  plan: FitPlan,
  options: RunOptions,
): ReturnType<typeof fit> {
  const onStep = (record: StepRecord): void => options.onEvent?.({ kind: 'step', record });
  if (options.save === undefined) return fit(model, state, plan, options, { onStep });
  const folder = join(options.save, 'unfinished');
  const key = hashOf({ spec, hashes: prepared.hashes });
  const former = await loadSnapshot(folder, key, state, fitProgressSchema);
  const done = former?.secondsPerEpoch.length ?? 0;
  if (done > 0) options.onEvent?.({ kind: 'resumed', epochs: done, examples: done * prepared.train.length });
  return fit(
    model,
    state,
    plan,
    options,
    {
      onStep,
      onEpoch: (progress) => saveSnapshot(folder, key, progress.secondsPerEpoch.length, state, progress),
    },
    former,
  );
}

/** A whole checkpoint, or for a PEFT method what it trained, as Hugging Face PEFT saves it. */
async function saveResult(
  spec: RunSpec,
  folder: string,
  checkpoint: Checkpoint,
  state: TrainingState,
  task: Task,
): Promise<void> {
  const { config, head, initialised } = checkpoint;
  const { method, headTraining } = spec;
  const parameters = state.parameters;
  if (method.kind === 'full') {
    const labels = task.labels.length > 0 ? { labels: task.labels } : {};
    await saveCheckpoint(folder, { ...checkpoint, parameters }, labels);
  } else {
    await saveAdapter(folder, {
      config,
      head,
      method,
      headTraining,
      parameters,
      baseModel: spec.model,
      initialised,
    });
  }
  await removeSnapshot(join(folder, 'unfinished'));
}
