/** RunSpec -> what the training loop follows. */
import type { FeatureList } from '../datasets/batch.js';
import { type BatchOptions, batchesOf } from '../datasets/batches.js';
import type { ClassNames } from '../datasets/class-names.js';
import type { Device } from '../engine/device.js';
import { UsageError } from '../errors.js';
import type { ModelConfig } from '../models/config.js';
import { both, type ParameterSpec, type Trains } from '../models/parameters.js';
import { methodTrains } from '../peft/method.js';
import { trainsAbove } from '../progressive/adaptive.js';
import { cutSchedule, isAdaptive, stageOfEpoch, stageTrains } from '../progressive/schedule.js';
import { STREAM } from '../random.js';
import { ADAFACTOR_DEFAULTS } from '../training/adafactor.js';
import { ADAMW_DEFAULTS } from '../training/adamw.js';
import {
  type FitPlan,
  type PlannedStage,
  stagesOfEpochs,
  stagesOfInterval,
  stagesOfSteps,
} from '../training/fit-plan.js';
import { layerwiseFactor } from '../training/learning-rate.js';
import type { Model } from '../training/model.js';
import { vocabularyPieces } from '../training/next-token.js';
import { lossSettings } from './loss-settings.js';
import { isTextTask, type RunSpec } from './run-spec.js';
import { evaluatesAt, selectionOf } from './watched.js';

/** A spec's budget: steps of an epoch over so many features, and of the whole run. */
export function budgetOf(
  { batchSize, gradientAccumulationSteps, epochs, maxSteps }: RunSpec,
  features: number,
): Pick<FitPlan, 'stepsPerEpoch' | 'totalSteps'> {
  const stepsPerEpoch = Math.ceil(Math.ceil(features / batchSize) / gradientAccumulationSteps);
  return { stepsPerEpoch, totalSteps: maxSteps ?? epochs * stepsPerEpoch };
}

/** A parameter's share of the learning rate. */
export const rateFactor =
  ({ layerwiseLrDecay = 1 }: RunSpec, { numHiddenLayers }: Pick<ModelConfig, 'numHiddenLayers'>) =>
  ({ place }: ParameterSpec): number =>
    layerwiseFactor(layerwiseLrDecay, numHiddenLayers, place);

/** Features that a run of the whole budget sees. */
export function totalExamples(
  { batchSize, gradientAccumulationSteps }: RunSpec,
  { stepsPerEpoch, totalSteps }: Pick<FitPlan, 'stepsPerEpoch' | 'totalSteps'>,
  features: number,
): number {
  const rest = (totalSteps % stepsPerEpoch) * batchSize * gradientAccumulationSteps;
  return Math.floor(totalSteps / stepsPerEpoch) * features + Math.min(features, rest);
}

/** @throws UsageError for more stages than steps */
function stagesOf(
  spec: RunSpec,
  { stepsPerEpoch, totalSteps }: Pick<FitPlan, 'stepsPerEpoch' | 'totalSteps'>,
  trainsIn: (stage: number) => Trains,
): PlannedStage[] {
  const { schedule, epochs, maxSteps } = spec;
  if (schedule.kind === 'lisa') return stagesOfInterval(schedule.interval, totalSteps, trainsIn);
  if (maxSteps === undefined && !isAdaptive(schedule))
    return stagesOfEpochs(epochs, stepsPerEpoch, (epoch) => {
      const stage = stageOfEpoch(schedule, epoch, epochs);
      return { stage, trains: trainsIn(stage) };
    });
  if (schedule.stages > totalSteps)
    throw new UsageError(`stages: ${schedule.stages} stages do not fit in ${totalSteps} steps`);
  return stagesOfSteps(schedule.stages, totalSteps, trainsIn);
}

/**
 * Without `freezing`, which an adaptive schedule has beside it.
 * @param train the features of the training split, in the order of the file @param task whose classes are weighed
 * @param contributions of each block, where the parts are by them
 * @throws UsageError, DataError as `lossSettings`; UsageError for stages that do not fit
 */
export function fitPlan(
  spec: RunSpec,
  { config, head }: Pick<Model, 'config' | 'head'>,
  train: FeatureList,
  task: Pick<ClassNames, 'labels'>,
  device: Device = 'cpu',
  contributions?: readonly number[],
): FitPlan {
  const schedule = cutSchedule(spec.schedule, config, contributions);
  const method = methodTrains({ config, head, headTraining: spec.headTraining }, spec.method);
  const batching: BatchOptions = {
    batchSize: spec.batchSize,
    padTokenId: config.padTokenId,
    maxLength: Math.max(spec.maxLength, spec.maxTargetLength ?? 0),
    shapes: device === 'webgpu' || device === 'cuda' ? 'few' : 'any',
  };
  const stepping = { weightDecay: spec.weightDecay, maxGradientNorm: spec.maxGradientNorm };
  const budget = budgetOf(spec, train.length);
  const { stepsPerEpoch, totalSteps } = budget;
  const trainsIn = (stage: number): Trains =>
    both(
      method,
      isAdaptive(schedule) ? trainsAbove(0, schedule.embeddings) : stageTrains(schedule, stage, config),
    );
  return {
    ...budget,
    stages: stagesOf(spec, budget, trainsIn),
    gradientAccumulationSteps: spec.gradientAccumulationSteps,
    batchesOf: (epoch) =>
      batchesOf(train, batching, {
        shuffle: spec.shuffle ? { seed: spec.seed, stream: STREAM.shuffle, step: epoch } : undefined,
        groupByLength: spec.groupByLength,
      }),
    learningRate: spec.learningRate,
    learningRateSchedule: spec.learningRateSchedule,
    stageRates: spec.learningRateStages,
    optimiserState: spec.optimiserState,
    adamw: { ...ADAMW_DEFAULTS, ...stepping },
    ...(spec.optimiser === 'adafactor' ? { adafactor: { ...ADAFACTOR_DEFAULTS, ...stepping } } : {}),
    loss: {
      ...lossSettings(spec, head, train, task.labels),
      ...(isTextTask(head.kind) ? { vocabularyPieces: vocabularyPieces(config, spec) } : {}),
    },
    cacheFrozenBytes: spec.cacheFrozen === undefined ? undefined : spec.cacheFrozen * 2 ** 20,
    seed: spec.seed,
    evaluatesAt: evaluatesAt(spec, stepsPerEpoch, totalSteps),
    selection: selectionOf(spec),
  };
}
