/** BitFit (Ben Zaken et al. 2021, arXiv 2106.10199): only biases train, all of them or the query's and the intermediate's. */
import { UsageError } from '../errors.js';
import { type Adaptation, noAdaptation } from '../models/adaptation.js';
import { familyOf } from '../models/families.js';
import type { ParameterSpec, Trains } from '../models/parameters.js';
import { modelSpecs } from '../models/specs.js';
import * as z from '../schema.js';
import { headTrains, type MethodBase } from './modules.js';

export const BITFIT_TERMS = ['all', 'query-intermediate'] as const;

export const bitfitSchema = z.object({ kind: z.literal('bitfit'), terms: z.enum(BITFIT_TERMS) });

/**
 * BitFit: which biases train.
 *
 * @interface
 */
export type Bitfit = z.infer<typeof bitfitSchema>;

/**
 * All biases, as in the paper.
 * @example
 * ```ts
 * import { peft } from 'progtuning';
 *
 * const method: peft.Method = { ...peft.BITFIT_DEFAULTS, terms: 'query-intermediate' };
 * console.log(method.kind); // bitfit
 * ```
 */
export const BITFIT_DEFAULTS: Bitfit = { kind: 'bitfit', terms: 'all' };

/** @throws UsageError for a model without such biases */
export function bitfitSpecs(base: MethodBase, method: Bitfit): ParameterSpec[] {
  biasesOf(base, method);
  return [];
}

export const bitfitAdaptation = (_base: MethodBase, _method: Bitfit): Adaptation => noAdaptation;

/** Names of the biases that train. `all` includes the embedding layer norm's and the pooler's, as the authors' code does. @throws UsageError */
function biasesOf({ config, head }: MethodBase, { terms }: Bitfit): Set<string> {
  const biases = modelSpecs(config, head).filter(
    ({ name, place }) => name.endsWith('.bias') && place.kind !== 'classifier',
  );
  if (biases.length === 0)
    throw new UsageError(
      `bitfit: this ${config.modelType} model has no biases to train; use lora, adapter or full fine-tuning`,
    );
  if (terms === 'all') return new Set(biases.map(({ name }) => name));
  const ends = familyOf(config).queryAndIntermediate;
  if (!ends)
    throw new UsageError(
      `bitfit terms '${terms}': query and intermediate of a ${config.modelType} model have no biases of their own; use all`,
    );
  const named = biases.filter(({ name }) => ends.some((end) => name.endsWith(`.${end}.bias`)));
  return new Set(named.map(({ name }) => name));
}

export function bitfitTrains(base: MethodBase, method: Bitfit): Trains {
  const biases = biasesOf(base, method);
  return (spec) => headTrains(spec, base.headTraining) || biases.has(spec.name);
}
