/** The methods behind one interface: extra parameters, where they enter, which names train. What trains in a stage is method AND stage. */

import type { Adaptation } from '../models/adaptation.js';
import type { HeadTraining, ParameterSpec, Trains } from '../models/parameters.js';
import * as z from '../schema.js';
import { type Adapter, adapterAdaptation, adapterSchema, adapterSpecs, adapterTrains } from './adapter.js';
import { type Bitfit, bitfitAdaptation, bitfitSchema, bitfitSpecs, bitfitTrains } from './bitfit.js';
import { type Full, fullAdaptation, fullSchema, fullSpecs, fullTrains } from './full.js';
import { type Lora, loraAdaptation, loraSchema, loraSpecs, loraTrains } from './lora.js';
import { checkLora } from './lora-targets.js';
import type { MethodBase } from './modules.js';

export const methodSchema = z.discriminatedUnion('kind', [
  fullSchema,
  loraSchema,
  adapterSchema,
  bitfitSchema,
]);

/** How a model is adapted: `full` fine-tuning, or a PEFT method with its settings. */
export type Method = Full | Lora | Adapter | Bitfit;
export const METHOD_KINDS: readonly Method['kind'][] = ['full', 'lora', 'adapter', 'bitfit'];

/**
 * A method's parameters beside the base model's. @throws UsageError for options that the model cannot take
 * @example
 * ```ts
 * import { models, peft } from 'progtuning';
 *
 * const base = { config: models.PRESETS['bert-base-uncased'], head: { kind: 'span' }, headTraining: 'classifier' } as const;
 * const specs = peft.methodSpecs(base, peft.LORA_DEFAULTS);
 * console.log(models.countParameters(specs)); // 294912
 * ```
 */
export function methodSpecs(base: MethodBase, method: Method): ParameterSpec[] {
  switch (method.kind) {
    case 'full':
      return fullSpecs(base, method);
    case 'lora':
      return loraSpecs(base, method);
    case 'adapter':
      return adapterSpecs(base, method);
    case 'bitfit':
      return bitfitSpecs(base, method);
    default:
      throw new Error(`internal: unknown method '${method satisfies never}'`);
  }
}

/**
 * Refuses, before anything is trained, settings that the model cannot take or that would say nothing.
 * @param initialised names that the model's file does not hold @throws UsageError
 * @example
 * ```ts
 * import { models, peft, UsageError } from 'progtuning';
 *
 * const base = { config: models.PRESETS['bert-base-uncased'], head: { kind: 'span' }, headTraining: 'classifier' } as const;
 * try {
 *   peft.checkMethod(base, { ...peft.LORA_DEFAULTS, targets: ['no.such.module'] });
 * } catch (error) {
 *   console.log(error instanceof UsageError); // true
 * }
 * ```
 */
export function checkMethod(base: MethodBase, method: Method, initialised: readonly string[] = []): void {
  if (method.kind === 'lora') checkLora(base, method, initialised);
  else methodSpecs(base, method);
}

/**
 * How a method enters the model.
 * @throws UsageError for options that the model cannot take
 * @example
 * ```ts
 * import { models, peft } from 'progtuning';
 *
 * const base = { config: models.PRESETS['bert-base-uncased'], head: { kind: 'span' }, headTraining: 'classifier' } as const;
 * const { linear, subLayer } = peft.methodAdaptation(base, peft.LORA_DEFAULTS);
 * console.log(linear !== undefined, subLayer !== undefined); // true false
 * ```
 */
export function methodAdaptation(base: MethodBase, method: Method): Adaptation {
  switch (method.kind) {
    case 'full':
      return fullAdaptation(base, method);
    case 'lora':
      return loraAdaptation(base, method);
    case 'adapter':
      return adapterAdaptation(base, method);
    case 'bitfit':
      return bitfitAdaptation(base, method);
    default:
      throw new Error(`internal: unknown method '${method satisfies never}'`);
  }
}

/**
 * What a method trains when no schedule freezes it.
 * @throws UsageError for options that the model cannot take
 * @example
 * ```ts
 * import { models, peft } from 'progtuning';
 *
 * const base = { config: models.PRESETS['bert-base-uncased'], head: { kind: 'span' }, headTraining: 'classifier' } as const;
 * const specs = models.modelSpecs(base.config, base.head);
 * const trains = peft.methodTrains(base, peft.BITFIT_DEFAULTS);
 * console.log(models.countParameters(specs, trains)); // 103682
 * ```
 */
export function methodTrains(base: MethodBase, method: Method): Trains {
  switch (method.kind) {
    case 'full':
      return fullTrains(base, method);
    case 'lora':
      return loraTrains(base, method);
    case 'adapter':
      return adapterTrains(base, method);
    case 'bitfit':
      return bitfitTrains(base, method);
    default:
      throw new Error(`internal: unknown method '${method satisfies never}'`);
  }
}

/** Full fine-tuning trains pooler and classifier; PEFT the classifier alone (HF PEFT's `modules_to_save`). */
export const defaultHeadTraining = (method: Method): HeadTraining =>
  method.kind === 'full' ? 'classifier+pooler' : 'classifier';

/** Scalars of the trained head: the classifier, with the pooler where it trains as head. */
export const isTrainedHead =
  (head: HeadTraining): Trains =>
  ({ place }) =>
    place.kind === 'classifier' || (place.kind === 'pooler' && head === 'classifier+pooler');
