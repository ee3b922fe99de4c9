/** The paper's "approximately 25 %", counted. */
import { type ModelConfig, PRESETS } from '../models/config.js';
import { countParameters } from '../models/parameters.js';
import { modelSpecs } from '../models/specs.js';
import { countedUpdates, savedFraction } from '../progressive/updates.js';

/**
 * Share of updates that Progtuning saves on BERT-base at T = 3 with the embeddings trained in every stage.
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 *
 * console.log(experiments.countedSaving().toFixed(3)); // 0.259
 * ```
 */
export function countedSaving(): number {
  const config = PRESETS['bert-base-uncased'] as ModelConfig;
  const specs = modelSpecs(config, { kind: 'classification', numLabels: 2 });
  const schedule = { kind: 'progressive', stages: 3, embeddings: 'always' } as const;
  return savedFraction(countedUpdates(schedule, 3, config, specs), countParameters(specs));
}
