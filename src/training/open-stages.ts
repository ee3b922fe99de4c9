/** The compiled stages of a run, one after the other, and what becomes of memory and optimiser state between them. */
import type { Batch } from '../datasets/batch.js';
import type { CompileOptions } from '../engine/compile.js';
import { UsageError } from '../errors.js';
import type { Trains } from '../models/parameters.js';
import { type ChunkedStage, openChunkedStage, runsInChunks } from './chunked-stage.js';
import { type FitPlan, type PlannedStage, stageAt } from './fit-plan.js';
import { type Frozen, stageNow } from './freezing.js';
import { openCachedStage, StateCache } from './frozen-prefix.js';
import type { Model } from './model.js';
import { taskObjective } from './objective.js';
import { openStage } from './stage.js';
import type { TrainingState } from './state.js';
import type { Stage } from './step.js';

export type AnyStage = Stage<Batch> | ChunkedStage<Batch>;

/** At the first step of a stage, where the plan says so. @param former what trained in the stage before */
function resetMoments(
  { trained }: TrainingState,
  { optimiserState }: FitPlan,
  trains: Trains,
  former: Trains,
): void {
  if (optimiserState === undefined) return;
  for (const tensor of trained.values())
    if (trains(tensor.spec) && (optimiserState === 'reset' || !former(tensor.spec))) {
      tensor.arrays.m.fill(0);
      tensor.arrays.v.fill(0);
      tensor.steps = 0;
    }
}

/** The stage of one step after another; each is opened at its first step and closed at the next one's. */
export function openStages(
  model: Model,
  state: TrainingState,
  plan: FitPlan,
  options: CompileOptions,
  progress: { readonly frozen?: Frozen | undefined },
) {
  if (plan.adafactor && (options.device === 'webgpu' || runsInChunks(options)))
    throw new UsageError(
      `optimiser adafactor: its steps are taken on the CPU; --device ${options.device} has adamw alone`,
    );
  const cache = plan.cacheFrozenBytes === undefined ? undefined : new StateCache(plan.cacheFrozenBytes);
  let open: { readonly planned: PlannedStage; readonly stage: AnyStage } | undefined;
  const close = async (): Promise<void> => {
    const { stage } = open ?? {};
    open = undefined;
    await stage?.close();
  };
  const settle = async (): Promise<void> => {
    if (open && 'settle' in open.stage) await open.stage.settle();
  };
  return {
    async at(step: number, onStage?: (stage: PlannedStage) => void): Promise<AnyStage> {
      const planned = stageAt(plan, step);
      if (open?.planned === planned) return open.stage;
      await settle();
      await close();
      const stage = stageNow(plan, progress.frozen, step);
      const { trains } = stage;
      const later = plan.freezing ? [stage] : plan.stages.filter(({ to }) => to > step);
      state.retire((spec) => later.some((one) => one.trains(spec)));
      if (step > 0 && step === planned.from)
        resetMoments(state, plan, trains, stageAt(plan, step - 1).trains);
      const cached = cache && openCachedStage(model, state, trains, cache, options, plan.loss);
      const objective = taskObjective(model, plan.loss);
      const opened =
        cached ??
        (runsInChunks(options)
          ? openChunkedStage(objective, state, trains, plan, options)
          : openStage(objective, state, trains, options));
      open = { planned, stage: opened };
      onStage?.(stage);
      return opened;
    },
    /** Afterwards the state's arrays hold what was trained. */
    settle,
    close,
  };
}
