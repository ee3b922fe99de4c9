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
import { type ChunkedStage, openChunkedStage, type PlannedStep, runsInChunks } from './chunked-stage.js';
import { checkFinite } from './finite.js';
import { openCachedStage, StateCache } from './frozen-prefix.js';
import { type LearningRateSchedule, learningRateFactor } from './learning-rate.js';
import type { Model } from './model.js';
import { taskObjective } from './objective.js';
import { recentPeakBytes, restartPeak } from './peak-memory.js';
import { openStage } from './stage.js';
import type { TrainingState } from './state.js';
import type { Stage, StepResult } from './step.js';

export interface FitPlan {
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** 0-based epoch -> 1-based stage of the schedule and what trains in it (method AND stage). */
  readonly stageOf: (epoch: number) => { readonly stage: number; readonly trains: Trains };
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

export type StepRecord = Readonly<z.infer<typeof stepSchema>>;

/** What a run has done so far; complete epochs only when it is resumed. */
export type FitProgress = z.infer<typeof fitProgressSchema>;

export interface FitHooks {
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

/** @param first number of the epoch's first step */
function* plannedSteps(plan: FitPlan, epoch: number, first: number): Generator<PlannedStep<Batch>> {
  const total = plan.epochs * plan.stepsPerEpoch;
  let step = first;
  for (const batches of steps(plan.batchesOf(epoch), plan.gradientAccumulationSteps)) {
    const factor = learningRateFactor(plan.learningRateSchedule, step, total);
    const random = { seed: plan.seed, stream: STREAM.dropout, step };
    yield { batches, learningRate: plan.learningRate * factor, random };
    step += 1;
  }
}

async function runEpoch(
  epoch: number,
  stage: Stage<Batch> | ChunkedStage<Batch>,
  plan: FitPlan,
  progress: FitProgress,
  hooks: FitHooks,
): Promise<void> {
  const recordOf = ({ batches, learningRate, random: { step } }: PlannedStep<Batch>, result: StepResult) => {
    const record = {
      step,
      epoch,
      stage: plan.stageOf(epoch).stage,
      examples: batches.reduce((sum, { count }) => sum + count, 0),
      learningRate,
      ...result,
    };
    checkFinite(record, progress.steps[step - 1]?.loss);
    return record;
  };
  const keep = (record: StepRecord): void => {
    progress.steps.push(record);
    hooks.onStep?.(record);
  };
  const planned = plannedSteps(plan, epoch, progress.steps.length);
  if ('runAll' in stage) return stage.runAll(planned, (step, result) => keep(recordOf(step, result)));
  for (const step of planned) {
    const record = recordOf(step, await stage.run(step.batches, step.random));
    await stage.update(step.learningRate, record.gradientNorm, plan.adamw);
    keep(record);
  }
  await stage.settle();
}

function stageFor(
  model: Model,
  state: TrainingState,
  trains: Trains,
  plan: FitPlan,
  options: CompileOptions,
): Stage<Batch> | ChunkedStage<Batch> {
  const objective = taskObjective(model);
  return runsInChunks(options)
    ? openChunkedStage(objective, state, trains, plan, options)
    : openStage(objective, state, trains, options);
}

/**
 * Trains in place: `state` holds the result.
 * @param progress of the run that is resumed; `state` must be what it was then
 * @throws DataError when a loss or gradient is not a number; the parameters are those before that step
 */
export async function fit(
  model: Model,
  state: TrainingState,
  plan: FitPlan,
  options: CompileOptions,
  hooks: FitHooks = {},
  progress: FitProgress = noProgress(),
): Promise<FitProgress> {
  let open: { readonly stage: Stage<Batch> | ChunkedStage<Batch> } | undefined;
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
        open = { stage: cached ?? stageFor(model, state, trains, plan, options) };
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
