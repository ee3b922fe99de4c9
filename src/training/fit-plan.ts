/** What the training loop follows, as a value: budget, stages, batches, rates, and when it evaluates and saves. */
import type { Batch } from '../datasets/batch.js';
import type { Trains } from '../models/parameters.js';
import type { AdafactorOptions } from './adafactor.js';
import type { AdamWOptions } from './adamw.js';
import type { Freezing } from './freezing.js';
import type { LearningRateSchedule, StageRates } from './learning-rate.js';
import type { LossSettings } from './objective.js';
import type { Selection } from './selection.js';

/** Consecutive steps in which the same parameters train. */
export interface PlannedStage {
  /** 1..T */
  readonly stage: number;
  /** Method AND stage. */
  readonly trains: Trains;
  /** 0-based; the first of the stage, and the first after it. */
  readonly from: number;
  readonly to: number;
}

/**
 * What is reset of AdamW's moments when a stage begins: those of what did not train in the stage before, or all.
 */
export type OptimiserState = 'reset-thawed' | 'reset';

export const OPTIMISER_STATES = ['reset-thawed', 'reset'] as const satisfies readonly OptimiserState[];

/** What the loop follows: budget, stages, batches, learning rate, evaluations. */
export interface FitPlan {
  readonly stepsPerEpoch: number;
  /** The budget that was asked for. Early stopping may end before, but stages and learning rate are of the whole. */
  readonly totalSteps: number;
  /** In order, without gaps, from step 0 to the last. */
  readonly stages: readonly PlannedStage[];
  /** 0-based epoch -> its batches. */
  readonly batchesOf: (epoch: number) => Iterable<Batch>;
  /** Batches of one step; the last step of an epoch may have fewer. */
  readonly gradientAccumulationSteps: number;
  /** Peak learning rate. */
  readonly learningRate: number;
  readonly learningRateSchedule: LearningRateSchedule;
  /** How the rate goes on from stage to stage. Default: one decay over the run. */
  readonly stageRates?: StageRates | undefined;
  /**
   * What becomes of AdamW's moments and step counts when a stage begins. Default: a tensor keeps its own, however long it was frozen.
   * `reset-thawed`: those begin anew that did not train in the stage before; `reset`: all do.
   */
  readonly optimiserState?: OptimiserState | undefined;
  /** Blocks that freeze for what is measured while they train; `stages` are then those of a run in which none does. */
  readonly freezing?: Freezing | undefined;
  readonly adamw: AdamWOptions;
  /** In AdamW's place. */
  readonly adafactor?: AdafactorOptions | undefined;
  readonly loss?: LossSettings | undefined;
  /** Keeps what frozen blocks compute, within so many bytes: see `frozen-prefix.ts`. */
  readonly cacheFrozenBytes?: number | undefined;
  /** Drives dropout; shuffling is the batches' own. */
  readonly seed: number;
  /** Whether an evaluation is due when so many steps are done. Default: never. */
  readonly evaluatesAt?: ((steps: number) => boolean) | undefined;
  /** Whether a snapshot is due when so many steps are done. Default: after each epoch. */
  readonly savesAt?: ((steps: number) => boolean) | undefined;
  /** What evaluations decide: best model and early stopping. */
  readonly selection?: Selection | undefined;
}

/**
 * Stages that begin with an epoch. @param stageOf 0-based epoch -> its stage and what trains in it
 * @example
 * ```ts
 * import { training } from 'progtuning';
 *
 * const stages = training.stagesOfEpochs(3, 100, (epoch) => ({ stage: epoch + 1, trains: () => true }));
 * console.log(stages.map(({ stage, from, to }) => `${stage}: ${from}-${to}`).join(', ')); // 1: 0-100, 2: 100-200, 3: 200-300
 * ```
 */
export function stagesOfEpochs(
  epochs: number,
  stepsPerEpoch: number,
  stageOf: (epoch: number) => Pick<PlannedStage, 'stage' | 'trains'>,
): PlannedStage[] {
  const stages: PlannedStage[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const { stage, trains } = stageOf(epoch);
    const former = stages.at(-1);
    const to = (epoch + 1) * stepsPerEpoch;
    if (former?.stage === stage) stages[stages.length - 1] = { ...former, to };
    else stages.push({ stage, trains, from: epoch * stepsPerEpoch, to });
  }
  return stages;
}

/**
 * T stages that divide a budget of steps as evenly as can be, wherever epochs end; T <= totalSteps.
 * @example
 * ```ts
 * import { training } from 'progtuning';
 *
 * const stages = training.stagesOfSteps(2, 5, () => () => true);
 * console.log(stages.length, stages[1]?.to); // 2 5
 * ```
 */
export const stagesOfSteps = (
  T: number,
  totalSteps: number,
  trainsIn: (stage: number) => Trains,
): PlannedStage[] =>
  Array.from({ length: T }, (_, i) => ({
    stage: i + 1,
    trains: trainsIn(i + 1),
    from: Math.ceil((i * totalSteps) / T),
    to: Math.ceil(((i + 1) * totalSteps) / T),
  }));

/**
 * Stages of `interval` steps each, the last as long as is left.
 * @example
 * ```ts
 * import { training } from 'progtuning';
 *
 * const stages = training.stagesOfInterval(20, 50, () => () => true);
 * console.log(stages.map(({ from, to }) => `${from}-${to}`).join(', ')); // 0-20, 20-40, 40-50
 * ```
 */
export const stagesOfInterval = (
  interval: number,
  totalSteps: number,
  trainsIn: (stage: number) => Trains,
): PlannedStage[] =>
  Array.from({ length: Math.ceil(totalSteps / interval) }, (_, i) => ({
    stage: i + 1,
    trains: trainsIn(i + 1),
    from: i * interval,
    to: Math.min(totalSteps, (i + 1) * interval),
  }));

/** The stage of a 0-based step. */
export function stageAt({ stages }: Pick<FitPlan, 'stages'>, step: number): PlannedStage {
  const found = stages.find(({ from, to }) => from <= step && step < to);
  if (!found) throw new Error(`internal: step ${step} is in no stage`);
  return found;
}
