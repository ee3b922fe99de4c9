/**
 * Methods: full fine-tuning, LoRA, adapters, BitFit. A method is a value; these say what it adds to a model and what it trains.
 * @module
 */
export { ADAPTER_DEFAULTS, type Adapter } from '../peft/adapter.js';
export { BITFIT_DEFAULTS, type Bitfit } from '../peft/bitfit.js';
export { RECIPES, type Recipe } from '../peft/defaults.js';
export {
  type AdapterToSave,
  type LoadedAdapter,
  loadAdapter,
  type PeftMethod,
  saveAdapter,
} from '../peft/formats.js';
export type { Full } from '../peft/full.js';
export { LORA_DEFAULTS, type Lora, mergeLora } from '../peft/lora.js';
export { checkMethod, type Method, methodAdaptation, methodSpecs, methodTrains } from '../peft/method.js';
export type { MethodBase } from '../peft/modules.js';
export { literatureRecipe } from '../peft/recipes.js';
