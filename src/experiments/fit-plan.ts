/** RunSpec -> what the training loop follows. */
import type { Feature } from '../datasets/batch.js';
import { type BatchOptions, batchesOf } from '../datasets/batches.js';
import type { Device } from '../engine/device.js';
import { both } from '../models/parameters.js';
import { methodTrains } from '../peft/method.js';
import { stageOfEpoch, stageTrains } from '../progressive/schedule.js';
import { STREAM } from '../random.js';
import { ADAMW_DEFAULTS } from '../training/adamw.js';
import type { FitPlan } from '../training/fit.js';
import type { Model } from '../training/model.js';
import type { RunSpec } from './run-spec.js';

/** @param train the features of the training split, in the order of the file */
export function fitPlan(
  spec: RunSpec,
  { config, head }: Pick<Model, 'config' | 'head'>,
  train: readonly Feature[],
  device: Device = 'cpu',
): FitPlan {
  const method = methodTrains({ config, head, headTraining: spec.headTraining }, spec.method);
  const batching: BatchOptions = {
    batchSize: spec.batchSize,
    padTokenId: config.padTokenId,
    maxLength: spec.maxLength,
    shapes: device === 'webgpu' || device === 'cuda' ? 'few' : 'any',
  };
  return {
    epochs: spec.epochs,
    stepsPerEpoch: Math.ceil(Math.ceil(train.length / spec.batchSize) / spec.gradientAccumulationSteps),
    gradientAccumulationSteps: spec.gradientAccumulationSteps,
    stageOf: (epoch) => {
      const stage = stageOfEpoch(spec.schedule, epoch, spec.epochs);
      return { stage, trains: both(method, stageTrains(spec.schedule, stage, config)) };
    },
    batchesOf: (epoch) =>
      batchesOf(train, batching, {
        shuffle: spec.shuffle ? { seed: spec.seed, stream: STREAM.shuffle, step: epoch } : undefined,
        groupByLength: spec.groupByLength,
      }),
    learningRate: spec.learningRate,
    learningRateSchedule: spec.learningRateSchedule,
    adamw: { ...ADAMW_DEFAULTS, weightDecay: spec.weightDecay, maxGradientNorm: spec.maxGradientNorm },
    cacheFrozenBytes: spec.cacheFrozen === undefined ? undefined : spec.cacheFrozen * 2 ** 20,
    seed: spec.seed,
  };
}
