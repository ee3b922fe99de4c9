/** How many parameters a run updates: by counting specs, and in closed form from the model's shape alone. The two must agree. */
import type { HeadSpec, ModelConfig } from '../models/config.js';
import { both, countParameters, type ParameterSpec, type Trains } from '../models/parameters.js';
import { placeCounts } from '../models/specs.js';
import { type Schedule, stageOfEpoch, stageTrains, trainedBlocks, trainsEmbeddings } from './schedule.js';

/**
 * Updated parameters per epoch of full fine-tuning of everything that the schedule lets through, in closed form.
 * @param head of the model; a number: of a classifier with so many labels
 * @returns scalars, an epoch each @throws UsageError as {@link trainedBlocks}
 * @example
 * ```ts
 * import { models, progressive } from 'progtuning';
 *
 * const schedule = { kind: 'progressive', stages: 3, embeddings: 'always' } as const;
 * const updates = progressive.closedFormUpdates(schedule, 3, models.PRESETS['bert-base-uncased'], 2);
 * console.log(updates.join()); // 109483778,81132290,52780802
 * ```
 */
export function closedFormUpdates(
  schedule: Schedule,
  epochs: number,
  config: ModelConfig,
  head: number | HeadSpec,
): number[] {
  const counts = placeCounts(
    config,
    typeof head === 'number' ? { kind: 'classification', numLabels: head } : head,
  );
  return Array.from({ length: epochs }, (_, epoch) => {
    const stage = stageOfEpoch(schedule, epoch, epochs);
    const trained = trainedBlocks(schedule, stage, config);
    const blocks = counts.blocks.reduce((sum, count, block) => sum + (trained.has(block) ? count : 0), 0);
    const embeddings = trainsEmbeddings(schedule, stage) ? counts.embeddings : 0;
    return embeddings + blocks + counts.final + counts.pooler + counts.classifier;
  });
}

/**
 * Updated parameters per epoch, counted. @param method what the method trains at all
 * @returns scalars, an epoch each @throws UsageError as {@link trainedBlocks}
 * @example
 * ```ts
 * import { models, progressive } from 'progtuning';
 *
 * const head = { kind: 'classification', numLabels: 2 } as const;
 * const config = models.PRESETS['bert-base-uncased'];
 * const schedule = { kind: 'progressive', stages: 3, embeddings: 'always' } as const;
 * const updates = progressive.countedUpdates(schedule, 3, config, models.modelSpecs(config, head));
 * console.log(updates.join()); // 109483778,81132290,52780802
 * ```
 */
export function countedUpdates(
  schedule: Schedule,
  epochs: number,
  config: Pick<ModelConfig, 'numHiddenLayers'>,
  specs: readonly ParameterSpec[],
  method: Trains = () => true,
): number[] {
  return Array.from({ length: epochs }, (_, epoch) =>
    countParameters(
      specs,
      both(method, stageTrains(schedule, stageOfEpoch(schedule, epoch, epochs), config)),
    ),
  );
}

/**
 * Share of parameter updates saved against `epochs` epochs of the same method without a schedule: 0.259 is 25.9 %.
 * @example
 * ```ts
 * import { progressive } from 'progtuning';
 *
 * console.log(progressive.savedFraction([109483778, 81132290, 52780802], 109483778).toFixed(3)); // 0.259
 * ```
 */
export function savedFraction(updates: readonly number[], trainable: number): number {
  return 1 - updates.reduce((sum, count) => sum + count, 0) / (trainable * updates.length);
}
