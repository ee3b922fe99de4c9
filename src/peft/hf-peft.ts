/**
 * LoRA as Hugging Face PEFT writes it: the fields of `adapter_config.json` and the names in `adapter_model.safetensors`.
 * Source: huggingface/peft, src/peft/tuners/lora/config.py (`LoraConfig`), src/peft/peft_model.py (`modules_to_save` per task type),
 * src/peft/utils/save_and_load.py (names without the adapter's own name).
 */
import { z } from 'zod';
import { DataError } from '../errors.js';
import type { HeadSpec } from '../models/config.js';
import type { Lora } from './lora.js';

/** Every name in the file begins with it: PeftModel.base_model (LoraModel) .model. */
export const NAME_PREFIX = 'base_model.model.';

/** What PEFT 0.17 writes beside the fields that say something; later versions add fields and fill them in when they are absent. */
const NEUTRAL_FIELDS = {
  alpha_pattern: {},
  auto_mapping: null,
  bias: 'none',
  corda_config: null,
  eva_config: null,
  exclude_modules: null,
  fan_in_fan_out: false,
  inference_mode: true,
  init_lora_weights: true,
  layer_replication: null,
  layers_pattern: null,
  layers_to_transform: null,
  loftq_config: {},
  lora_bias: false,
  megatron_config: null,
  megatron_core: 'megatron.core',
  qalora_group_size: 16,
  rank_pattern: {},
  revision: null,
  target_parameters: null,
  trainable_token_indices: null,
  use_dora: false,
  use_qalora: false,
  use_rslora: false,
};

/** Modules that PEFT keeps whole beside the adapter: its own list per task type, after the caller's. */
function modulesToSave(head: HeadSpec, pooler: boolean): { task_type: string; modules_to_save: string[] } {
  if (head.kind === 'masked-lm') throw new Error('internal: a task head is wanted');
  const own = head.kind === 'span' ? ['qa_outputs'] : ['classifier', 'score'];
  return {
    task_type: head.kind === 'span' ? 'QUESTION_ANS' : 'SEQ_CLS',
    modules_to_save: pooler ? ['pooler', ...own] : own,
  };
}

/**
 * `adapter_config.json` for a LoRA, with the fields that PEFT 0.17 writes, in its (alphabetical) order.
 * @param pooler BERT's pooler is in the file
 */
export function loraConfigJson(
  method: Lora,
  head: HeadSpec,
  pooler: boolean,
  baseModel: string | null,
): Record<string, unknown> {
  const fields = {
    ...NEUTRAL_FIELDS,
    ...modulesToSave(head, pooler),
    base_model_name_or_path: baseModel,
    lora_alpha: method.alpha,
    lora_dropout: method.dropout,
    peft_type: 'LORA',
    r: method.rank,
    target_modules: method.targets,
  };
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Fields that leave the forward pass of a saved model as it is, whatever they hold. */
const INERT: ReadonlySet<string> = new Set([
  'auto_mapping',
  'base_model_name_or_path',
  'corda_config',
  'ensure_weight_tying',
  'eva_config',
  'inference_mode',
  'lora_alpha',
  'lora_dropout',
  'lora_ga_config',
  'megatron_config',
  'megatron_core',
  'modules_to_save',
  'peft_type',
  'peft_version',
  'qalora_group_size',
  'r',
  'revision',
  'target_modules',
  'task_type',
]);

/** Initialisations that leave the base weights alone (PiSSA, OLoRA, CorDA and LoftQ change them). */
const INITIALISATIONS: readonly unknown[] = [true, false, 'gaussian', 'eva', 'orthogonal'];

function isSupported(field: string, value: unknown): boolean {
  if (INERT.has(field)) return true;
  if (field === 'init_lora_weights') return INITIALISATIONS.includes(value);
  if (field === 'bias') return value === 'none';
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return value === null || value === false || isEmpty;
}

const configSchema = z.looseObject({
  peft_type: z.string(),
  r: z.number().int().positive(),
  lora_alpha: z.number().positive(),
  lora_dropout: z.number().min(0).lt(1).default(0),
  target_modules: z.array(z.string()).nonempty(),
  base_model_name_or_path: z.string().nullish(),
});

/** Reads PEFT's config. @throws DataError for another method than LoRA, or a variant of LoRA that is not ours */
export function parseLoraConfig(
  raw: Record<string, unknown>,
  path: string,
): { method: Lora; baseModel: string | null } {
  if (raw.peft_type !== 'LORA') {
    throw new DataError(
      `${path}: peft_type ${JSON.stringify(raw.peft_type)} is not supported; supported: LORA`,
    );
  }
  const parsed = configSchema.safeParse(raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new DataError(`${path}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const odd = Object.entries(raw).find(([field, value]) => !isSupported(field, value));
  if (odd)
    throw new DataError(`${path}: ${odd[0]} ${JSON.stringify(odd[1])} is not supported; plain LoRA is`);
  const { r, lora_alpha, lora_dropout, target_modules, base_model_name_or_path } = parsed.data;
  const method: Lora = {
    kind: 'lora',
    rank: r,
    alpha: lora_alpha,
    dropout: lora_dropout,
    targets: target_modules,
  };
  return { method, baseModel: base_model_name_or_path ?? null };
}
