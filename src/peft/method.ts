/** The methods behind one interface: extra parameters, where they enter, which names train. What trains in a stage is method AND stage. */
import { z } from 'zod';
import type { Adaptation } from '../models/adaptation.js';
import type { ModelConfig } from '../models/config.js';
import type { HeadTraining, ParameterSpec, Trains } from '../models/parameters.js';
import { adapterAdaptation, adapterSchema, adapterSpecs, adapterTrains } from './adapter.js';
import { bitfitAdaptation, bitfitSchema, bitfitSpecs, bitfitTrains } from './bitfit.js';
import { fullAdaptation, fullSchema, fullSpecs, fullTrains } from './full.js';
import { loraAdaptation, loraSchema, loraSpecs, loraTrains } from './lora.js';

export const methodSchema = z.discriminatedUnion('kind', [
  fullSchema,
  loraSchema,
  adapterSchema,
  bitfitSchema,
]);
export type Method = z.infer<typeof methodSchema>;
export const METHOD_KINDS: readonly Method['kind'][] = ['full', 'lora', 'adapter', 'bitfit'];

/** A method's parameters beside the base model's. @throws UsageError for options that the model cannot take */
export function methodSpecs(config: ModelConfig, method: Method): ParameterSpec[] {
  switch (method.kind) {
    case 'full':
      return fullSpecs(config, method);
    case 'lora':
      return loraSpecs(config, method);
    case 'adapter':
      return adapterSpecs(config, method);
    case 'bitfit':
      return bitfitSpecs(config, method);
    default:
      throw new Error(`internal: unknown method '${method satisfies never}'`);
  }
}

/** How a method enters the model. */
export function methodAdaptation(config: ModelConfig, method: Method): Adaptation {
  switch (method.kind) {
    case 'full':
      return fullAdaptation(config, method);
    case 'lora':
      return loraAdaptation(config, method);
    case 'adapter':
      return adapterAdaptation(config, method);
    case 'bitfit':
      return bitfitAdaptation(config, method);
    default:
      throw new Error(`internal: unknown method '${method satisfies never}'`);
  }
}

/** What a method trains when no schedule freezes it. */
export function methodTrains(method: Method, head: HeadTraining): Trains {
  switch (method.kind) {
    case 'full':
      return fullTrains(method, head);
    case 'lora':
      return loraTrains(method, head);
    case 'adapter':
      return adapterTrains(method, head);
    case 'bitfit':
      return bitfitTrains(method, head);
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
