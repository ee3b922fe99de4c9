/** Every family that is supported, by Hugging Face's `model_type`. */
import type { ModelConfig, ModelType } from './config.js';
import { bert } from './families/bert.js';
import { electra } from './families/electra.js';
import { gpt2 } from './families/gpt2.js';
import { llama, qwen2 } from './families/llama.js';
import { roberta } from './families/roberta.js';
import { t5 } from './families/t5.js';
import type { Family } from './family.js';

/** A family's functions take configs of its own; {@link familyOf} finds it by the config. */
export const FAMILIES: Readonly<Record<ModelType, Family>> = {
  bert,
  roberta,
  electra,
  gpt2,
  llama,
  qwen2,
  t5,
};

export const familyOf = ({ modelType }: Pick<ModelConfig, 'modelType'>): Family => FAMILIES[modelType];
