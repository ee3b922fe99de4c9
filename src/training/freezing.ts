/**
 * Blocks that freeze while a run lasts: what is measured in each stage, and what follows from it for the next. All of it is part of the
 * run's progress, so that a resumed run decides alike.
 */

import type { Trains } from '../models/parameters.js';
import * as z from '../schema.js';
import type { FitPlan, PlannedStage } from './fit-plan.js';
import { stageAt } from './fit-plan.js';
import type { TrainedTensor, TrainingState } from './state.js';

/** How blocks freeze. */
export interface Freezing {
  readonly blocks: number;
  /** What trains while so many low blocks are frozen: method AND stage. */
  readonly trains: (frozen: number) => Trains;
  /** How many low blocks are frozen after a stage. @param movements of each stage so far, a number for each block */
  readonly decide: (movements: readonly (readonly number[])[], frozen: number) => number;
  /** Movement of each block when a stage ends. Default: the sum over its steps of the norm of the block's gradient. */
  readonly measure?: ((state: TrainingState) => Promise<readonly number[]>) | undefined;
}

export const frozenSchema = z.object({
  /** Of each stage that is over, a number for each block. */
  movements: z.array(z.array(z.number())),
  /** How many low blocks are frozen after each stage that is over. */
  frozen: z.array(z.number()),
  /** Sums of gradient norms of the stage in hand, by block. */
  sums: z.array(z.number()),
});

/**
 * What was measured of the blocks so far, and what has frozen.
 *
 * @interface
 */
export type Frozen = z.infer<typeof frozenSchema>;

export const nothingFrozen = (blocks: number): Frozen => ({
  movements: [],
  frozen: [],
  sums: new Array<number>(blocks).fill(0),
});

/** The stage of a 0-based step as it trains, given what has frozen before it. */
export function stageNow(
  plan: Pick<FitPlan, 'stages' | 'freezing'>,
  frozen: Frozen | undefined,
  step: number,
): PlannedStage {
  const planned = stageAt(plan, step);
  if (!plan.freezing) return planned;
  const index = plan.stages.indexOf(planned);
  const before = frozen?.frozen.slice(0, index).at(-1) ?? 0;
  return { ...planned, trains: plan.freezing.trains(before) };
}

/** The stages of a run that is over, or of one that freezes nothing more. */
export const stagesNow = (
  plan: Pick<FitPlan, 'stages' | 'freezing'>,
  frozen: Frozen | undefined,
): PlannedStage[] => plan.stages.map(({ from }) => stageNow(plan, frozen, from));

/** Adds a step's gradient norms to the sums of its stage. */
export function addNorms(
  { sums }: Frozen,
  trained: readonly TrainedTensor[],
  squares: ArrayLike<number>,
): void {
  const ofBlock = new Array<number>(sums.length).fill(0);
  trained.forEach(({ spec: { place } }, i) => {
    if (place.kind === 'block')
      ofBlock[place.index] = (ofBlock[place.index] as number) + (squares[i] as number);
  });
  ofBlock.forEach((square, block) => {
    sums[block] = (sums[block] as number) + Math.sqrt(square);
  });
}

/** Measures a stage that is over, and decides what is frozen in the next. */
export async function endStage(
  { measure, decide }: Freezing,
  state: TrainingState,
  frozen: Frozen,
): Promise<void> {
  frozen.movements.push([...(measure ? await measure(state) : frozen.sums)]);
  frozen.frozen.push(decide(frozen.movements, frozen.frozen.at(-1) ?? 0));
  frozen.sums.fill(0);
}
