/** The methods behind one interface: extra parameters, where they enter, which names train. What trains in a stage is method AND stage. */
import { z } from 'zod';
import type { Adaptation } from '../models/adaptation.js';
import type { HeadTraining, ParameterSpec, Trains } from '../models/parameters.js';
import { adapterAdaptation, adapterSchema, adapterSpecs, adapterTrains } from './adapter.js';
import { bitfitAdaptation, bitfitSchema, bitfitSpecs, bitfitTrains } from './bitfit.js';
import { fullAdaptation, fullSchema, fullSpecs, fullTrains } from './full.js';
import { loraAdaptation, loraSchema, loraSpecs, loraTrains } from './lora.js';
import { checkLora } from './lora-targets.js';
import type { MethodBase } from './modules.js';

export const methodSchema = z.discriminatedUnion('kind', [
  fullSchema,
  loraSchema,
  adapterSchema,
  bitfitSchema,
]);
export type Method = z.infer<typeof methodSchema>;
export const METHOD_KINDS: readonly Method['kind'][] = ['full', 'lora', 'adapter', 'bitfit'];

/** A method's parameters beside the base model's. @throws UsageError for options that the model cannot take */
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
 */
export function checkMethod(base: MethodBase, method: Method, initialised: readonly string[] = []): void {
  if (method.kind === 'lora') checkLora(base, method, initialised);
  else methodSpecs(base, method);
}

/** How a method enters the model. */
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

/** What a method trains when no schedule freezes it. */
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
