/** RunSpec -> what the training loop follows. */
import type { FeatureList } from '../datasets/batch.js';
import { type BatchOptions, batchesOf } from '../datasets/batches.js';
import type { ClassNames } from '../datasets/class-names.js';
import type { Device } from '../engine/device.js';
import type { ModelConfig } from '../models/config.js';
import { both, type ParameterSpec, type Trains } from '../models/parameters.js';
import { methodTrains } from '../peft/method.js';
import { stageOfEpoch, stageTrains } from '../progressive/schedule.js';
import { STREAM } from '../random.js';
import { ADAMW_DEFAULTS } from '../training/adamw.js';
import { type FitPlan, stagesOfEpochs, stagesOfSteps } from '../training/fit-plan.js';
import { layerwiseFactor } from '../training/learning-rate.js';
import type { Model } from '../training/model.js';
import { vocabularyPieces } from '../training/next-token.js';
import { lossSettings } from './loss-settings.js';
import type { RunSpec } from './run-spec.js';
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

/**
 * @param train the features of the training split, in the order of the file @param task whose classes are weighed
 * @throws UsageError, DataError as `lossSettings`
 */
export function fitPlan(
  spec: RunSpec,
  { config, head }: Pick<Model, 'config' | 'head'>,
  train: FeatureList,
  task: Pick<ClassNames, 'labels'>,
  device: Device = 'cpu',
): FitPlan {
  const { schedule, epochs } = spec;
  const method = methodTrains({ config, head, headTraining: spec.headTraining }, spec.method);
  const batching: BatchOptions = {
    batchSize: spec.batchSize,
    padTokenId: config.padTokenId,
    maxLength: spec.maxLength,
    shapes: device === 'webgpu' || device === 'cuda' ? 'few' : 'any',
  };
  const budget = budgetOf(spec, train.length);
  const { stepsPerEpoch, totalSteps } = budget;
  const trainsIn = (stage: number): Trains => both(method, stageTrains(schedule, stage, config));
  return {
    ...budget,
    stages:
      spec.maxSteps === undefined
        ? stagesOfEpochs(epochs, stepsPerEpoch, (epoch) => {
            const stage = stageOfEpoch(schedule, epoch, epochs);
            return { stage, trains: trainsIn(stage) };
          })
        : stagesOfSteps(schedule.stages, totalSteps, trainsIn),
    gradientAccumulationSteps: spec.gradientAccumulationSteps,
    batchesOf: (epoch) =>
      batchesOf(train, batching, {
        shuffle: spec.shuffle ? { seed: spec.seed, stream: STREAM.shuffle, step: epoch } : undefined,
        groupByLength: spec.groupByLength,
      }),
    learningRate: spec.learningRate,
    learningRateSchedule: spec.learningRateSchedule,
    adamw: { ...ADAMW_DEFAULTS, weightDecay: spec.weightDecay, maxGradientNorm: spec.maxGradientNorm },
    loss: {
      ...lossSettings(spec, head, train, task.labels),
      ...(head.kind === 'causal-lm' ? { vocabularyPieces: vocabularyPieces(config, spec) } : {}),
    },
    cacheFrozenBytes: spec.cacheFrozen === undefined ? undefined : spec.cacheFrozen * 2 ** 20,
    seed: spec.seed,
    evaluatesAt: evaluatesAt(spec, stepsPerEpoch, totalSteps),
    selection: selectionOf(spec),
  };
}
