/**
 * The training loop: epochs of batches, one {@link Stage} per set of trained parameters, AdamW after every step. It knows no task
 * and no PEFT method: what trains comes in as a predicate per epoch.
 */
import { z } from 'zod';
import type { Batch } from '../datasets/batch.js';
import type { CompileOptions } from '../engine/compile.js';
import { countParameters, type Trains } from '../models/parameters.js';
import { STREAM } from '../random.js';
import type { AdamWOptions } from './adamw.js';
import { checkFinite } from './finite.js';
import { openCachedStage, StateCache } from './frozen-prefix.js';
import { type LearningRateSchedule, learningRateFactor } from './learning-rate.js';
import type { Model } from './model.js';
import { taskObjective } from './objective.js';
import { recentPeakBytes, restartPeak } from './peak-memory.js';
import { openStage } from './stage.js';
import type { TrainingState } from './state.js';
import type { Stage } from './step.js';

/** What the loop follows: epochs, batches, what trains when, learning rate. */
export interface FitPlan {
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** 0-based epoch -> 1-based stage of the schedule and what trains in it (method AND stage). */
  readonly stageOf: (epoch: number) => { readonly stage: number; readonly trains: Trains };
  /** 0-based epoch -> its batches. */
  readonly batchesOf: (epoch: number) => Iterable<Batch>;
  /** Batches of one step; the last step of an epoch may have fewer. */
  readonly gradientAccumulationSteps: number;
  /** Peak learning rate. */
  readonly learningRate: number;
  readonly learningRateSchedule: LearningRateSchedule;
  readonly adamw: AdamWOptions;
  /** Keeps what frozen blocks compute, within so many bytes: see `frozen-prefix.ts`. */
  readonly cacheFrozenBytes?: number | undefined;
  /** Drives dropout; shuffling is the batches' own. */
  readonly seed: number;
}

const stepSchema = z.object({
  /** 0-based over the whole run. */
  step: z.number(),
  epoch: z.number(),
  stage: z.number(),
  examples: z.number(),
  loss: z.number(),
  learningRate: z.number(),
  gradientNorm: z.number(),
});

export const fitProgressSchema = z.object({
  steps: z.array(stepSchema),
  secondsPerEpoch: z.array(z.number()),
  /** Peak resident memory while each epoch ran, in bytes. */
  peakBytesPerEpoch: z.array(z.number()),
  /** Scalars updated in each epoch. */
  updatedParameters: z.array(z.number()),
});

/**
 * One step: loss (nats for classes and spans, squared error for scores), learning rate, norm of the gradient before clipping.
 *
 * @interface
 */
export type StepRecord = Readonly<z.infer<typeof stepSchema>>;

/**
 * What a run has done so far; complete epochs only when it is resumed.
 *
 * @interface
 */
export type FitProgress = z.infer<typeof fitProgressSchema>;

/** Called while a run lasts. */
export interface FitHooks {
  /** Called after each step. */
  readonly onStep?: (record: StepRecord) => void;
  /** Called after each epoch: where a run is made resumable. */
  readonly onEpoch?: (progress: FitProgress) => Promise<void>;
}

export const noProgress = (): FitProgress => ({
  steps: [],
  secondsPerEpoch: [],
  peakBytesPerEpoch: [],
  updatedParameters: [],
});

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

/** Batches in groups of `size`; the last may be smaller. */
function* steps(batches: Iterable<Batch>, size: number): Generator<Batch[]> {
  let group: Batch[] = [];
  for (const batch of batches) {
    group.push(batch);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

async function runEpoch(
  epoch: number,
  stage: Stage<Batch>,
  plan: FitPlan,
  progress: FitProgress,
  hooks: FitHooks,
): Promise<void> {
  const total = plan.epochs * plan.stepsPerEpoch;
  for (const batches of steps(plan.batchesOf(epoch), plan.gradientAccumulationSteps)) {
    const step = progress.steps.length;
    const learningRate = plan.learningRate * learningRateFactor(plan.learningRateSchedule, step, total);
    const result = await stage.run(batches, { seed: plan.seed, stream: STREAM.dropout, step });
    const record = {
      step,
      epoch,
      stage: plan.stageOf(epoch).stage,
      examples: batches.reduce((sum, { count }) => sum + count, 0),
      learningRate,
      ...result,
    };
    checkFinite(record, progress.steps[step - 1]?.loss);
    await stage.update(learningRate, result.gradientNorm, plan.adamw);
    progress.steps.push(record);
    hooks.onStep?.(record);
  }
  await stage.settle();
}

/**
 * Trains in place: `state` holds the result.
 * @param progress of the run that is resumed; `state` must be what it was then
 * @throws DataError when a loss or gradient is not a number; the parameters are those before that step
 * @example
 * ```ts
 * import { datasets, evaluation, models, progressive, tokenizers, training } from 'progtuning';
 *
 * // The loop of `run`, by hand: a schedule of one's own takes the place of `progressive.stageTrains`.
 * const task = datasets.findTask('sst2');
 * const head = { kind: 'classification', numLabels: 2 } as const;
 * const { config, parameters, specs } = await models.loadCheckpoint('models/tiny', head, { seed: 1 });
 * const tokenizer = await tokenizers.loadTokenizer('models/tiny', config.vocabSize);
 * const { examples } = await datasets.readSplit('embedded', task, 'train', { maxExamples: 64 });
 * const features = await datasets.featuresOf(examples, tokenizer, 32);
 *
 * const schedule = { kind: 'progressive', stages: 2, embeddings: 'first-stage' } as const;
 * const stageOf = (epoch: number) => {
 *   const stage = progressive.stageOfEpoch(schedule, epoch, 2);
 *   return { stage, trains: progressive.stageTrains(schedule, stage, config) };
 * };
 * const batching = { batchSize: 16, padTokenId: config.padTokenId, maxLength: 32, shapes: 'any' } as const;
 * const model = { config, head, specs, adaptation: {} };
 * const state = training.createTrainingState(specs, parameters, () => true);
 * const progress = await training.fit(
 *   model,
 *   state,
 *   {
 *     epochs: 2,
 *     stepsPerEpoch: 4,
 *     stageOf,
 *     batchesOf: () => datasets.batchesOf(features, batching),
 *     gradientAccumulationSteps: 1,
 *     learningRate: 1e-3,
 *     learningRateSchedule: { kind: 'linear', warmupRatio: 0 },
 *     adamw: training.ADAMW_DEFAULTS,
 *     seed: 1,
 *   },
 *   { threads: 1 },
 * );
 * console.log(progress.steps.length); // 8
 *
 * const logits = await evaluation.predictFeatures(model, state.parameters, features, { maxLength: 32 });
 * const predicted = logits.map(([bad, good]) => (good > bad ? 1 : 0));
 * const { accuracy } = evaluation.glueMetrics(task, predicted, examples.map(({ label }) => label));
 * console.log(typeof accuracy); // number
 * ```
 */
export async function fit(
  model: Model,
  state: TrainingState,
  plan: FitPlan,
  options: CompileOptions,
  hooks: FitHooks = {},
  progress: FitProgress = noProgress(),
): Promise<FitProgress> {
  let open: { readonly trains: Trains; readonly stage: Stage<Batch> } | undefined;
  const cache = plan.cacheFrozenBytes === undefined ? undefined : new StateCache(plan.cacheFrozenBytes);
  let number = 0;
  try {
    for (let epoch = progress.secondsPerEpoch.length; epoch < plan.epochs; epoch++) {
      const { stage, trains } = plan.stageOf(epoch);
      if (!open || stage !== number) {
        await open?.stage.close();
        open = undefined;
        const later = range(epoch, plan.epochs).map((next) => plan.stageOf(next).trains);
        state.retire((spec) => later.some((trainsThen) => trainsThen(spec)));
        const cached = cache && openCachedStage(model, state, trains, cache, options);
        open = { trains, stage: cached ?? openStage(taskObjective(model), state, trains, options) };
        number = stage;
      }
      const start = performance.now();
      restartPeak();
      await runEpoch(epoch, open.stage, plan, progress, hooks);
      progress.secondsPerEpoch.push((performance.now() - start) / 1000);
      progress.peakBytesPerEpoch.push(recentPeakBytes());
      progress.updatedParameters.push(countParameters(model.specs, trains));
      await hooks.onEpoch?.(progress);
    }
  } finally {
    await open?.stage.close();
  }
  return progress;
}
