/** What the training loop follows, as a value: budget, stages, batches, rates, and when it evaluates and saves. */
import type { Batch } from '../datasets/batch.js';
import type { Trains } from '../models/parameters.js';
import type { AdamWOptions } from './adamw.js';
import type { LearningRateSchedule } from './learning-rate.js';
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
  readonly adamw: AdamWOptions;
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

/** The stage of a 0-based step. */
export function stageAt({ stages }: Pick<FitPlan, 'stages'>, step: number): PlannedStage {
  const found = stages.find(({ from, to }) => from <= step && step < to);
  if (!found) throw new Error(`internal: step ${step} is in no stage`);
  return found;
}
