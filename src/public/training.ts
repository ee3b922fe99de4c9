/**
 * The training loop itself, for programs that bring data, weights or what trains of their own; everything else is a `run`.
 * @module
 */
export { ADAFACTOR_DEFAULTS, type AdafactorOptions } from '../training/adafactor.js';
export { ADAMW_DEFAULTS, type AdamWOptions } from '../training/adamw.js';
export { type FitHooks, type FitProgress, fit, type StepRecord } from '../training/fit.js';
export {
  type FitPlan,
  type OptimiserState,
  type PlannedStage,
  stagesOfEpochs,
  stagesOfInterval,
  stagesOfSteps,
} from '../training/fit-plan.js';
export type { Freezing, Frozen } from '../training/freezing.js';
export {
  type LearningRateSchedule,
  learningRateFactor,
  type StageRates,
  stagedRateFactor,
} from '../training/learning-rate.js';
export type { Model } from '../training/model.js';
export type { LossSettings } from '../training/objective.js';
export type { EvaluationRecord, Selected, Selection } from '../training/selection.js';
export { createTrainingState, type TrainedTensor, type TrainingState } from '../training/state.js';
