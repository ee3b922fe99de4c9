/**
 * LoRA as Hugging Face PEFT writes it: the fields of `adapter_config.json` and the names in `adapter_model.safetensors`.
 * Source: huggingface/peft, src/peft/tuners/lora/config.py (`LoraConfig`), src/peft/peft_model.py (`modules_to_save` per task type),
 * src/peft/utils/save_and_load.py (names without the adapter's own name), src/peft/tuners/tuners_utils.py (`_get_learnable_bias_state_dict`).
 */

import { DataError } from '../errors.js';
import type { HeadSpec } from '../models/config.js';
import { familyOf } from '../models/families.js';
import * as z from '../schema.js';
import { LORA_BIASES, type Lora, loraSchema } from './lora.js';
import { loraMaps, modulesToSave } from './lora-targets.js';
import { headModules, type MethodBase, moduleOf } from './modules.js';

/** Every name in the file begins with it: PeftModel.base_model (LoraModel) .model. */
const NAME_PREFIX = 'base_model.model.';

/** What PEFT 0.17 writes beside the fields that say something; later versions add fields and fill them in when they are absent. */
const NEUTRAL_FIELDS = {
  auto_mapping: null,
  corda_config: null,
  eva_config: null,
  inference_mode: true,
  init_lora_weights: true,
  layer_replication: null,
  loftq_config: {},
  lora_bias: false,
  megatron_config: null,
  megatron_core: 'megatron.core',
  qalora_group_size: 16,
  revision: null,
  target_parameters: null,
  trainable_token_indices: null,
  use_dora: false,
  use_qalora: false,
};

const TASK_TYPES: Readonly<Record<HeadSpec['kind'], string>> = {
  classification: 'SEQ_CLS',
  span: 'QUESTION_ANS',
  'causal-lm': 'CAUSAL_LM',
  'seq2seq-lm': 'SEQ_2_SEQ_LM',
  'masked-lm': 'FEATURE_EXTRACTION',
};

/** `adapter_config.json` for a LoRA, with the fields that PEFT 0.17 writes, in its (alphabetical) order. */
export function loraConfigJson(
  base: MethodBase,
  method: Lora,
  baseModel: string | null,
): Record<string, unknown> {
  const fields = {
    ...NEUTRAL_FIELDS,
    alpha_pattern: Object.fromEntries(method.alphaPattern ?? []),
    base_model_name_or_path: baseModel,
    bias: method.bias ?? 'none',
    exclude_modules: method.excludeModules ?? null,
    // Weights as `Conv1D` has them.
    fan_in_fan_out: loraMaps(base, method).some(({ layout }) => layout === 'in-out'),
    layers_pattern: method.layersPattern ?? null,
    layers_to_transform: method.layersToTransform ?? null,
    lora_alpha: method.alpha,
    lora_dropout: method.dropout,
    modules_to_save: modulesToSave(base, method),
    peft_type: 'LORA',
    r: method.rank,
    rank_pattern: Object.fromEntries(method.rankPattern ?? []),
    target_modules: method.targets,
    task_type: TASK_TYPES[base.head.kind],
    use_rslora: method.useRslora ?? false,
  };
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A parameter's name in the file: the bias of a map under LoRA is its base layer's. */
export function storedNames(base: MethodBase, method: Lora): (name: string) => string {
  const targets = new Set(loraMaps(base, method).map(({ module }) => module));
  return (name) => {
    const module = moduleOf(name);
    const isTargets = name.endsWith('.bias') && targets.has(module);
    return NAME_PREFIX + (isTargets ? `${module}.base_layer.bias` : name);
  };
}

/** With `bias: all` PEFT writes the biases of modules kept whole three times: as they are, as copies, and as they were in the base model. */
export const isSecondCopy = (name: string, { bias }: Lora): boolean =>
  bias === 'all' && /\.(modules_to_save|original_module)\.(.+\.)?bias$/.test(name);

/** Fields that leave the forward pass of a saved model as it is, whatever they hold, or that are read below. */
const READ_OR_INERT: ReadonlySet<string> = new Set([
  'alpha_pattern',
  'auto_mapping',
  'base_model_name_or_path',
  'bias',
  'corda_config',
  'ensure_weight_tying',
  'eva_config',
  'exclude_modules',
  // PEFT sets it right by the layer, whatever is said.
  'fan_in_fan_out',
  'inference_mode',
  'layers_pattern',
  'layers_to_transform',
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
  'rank_pattern',
  'revision',
  'target_modules',
  'task_type',
  'use_rslora',
]);

/** Initialisations that leave the base weights alone (PiSSA, OLoRA, CorDA and LoftQ change them). */
const INITIALISATIONS: readonly unknown[] = [true, false, 'gaussian', 'eva', 'orthogonal'];

/** What a field of a later version holds when the variant it stands for is off. */
function saysNothing(value: unknown): boolean {
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return value === null || value === false || value === '' || isEmpty;
}

const isSupported = (field: string, value: unknown): boolean =>
  READ_OR_INERT.has(field) ||
  (field === 'init_lora_weights' ? INITIALISATIONS.includes(value) : saysNothing(value));

const texts = z.array(z.string());
const oneOrMore = <T extends z.ZodType>(item: T) => z.union([item.transform((one) => [one]), z.array(item)]);
const layer = z.number().int().nonnegative();

const configSchema = z.looseObject({
  peft_type: z.string(),
  r: z.number().int().positive(),
  lora_alpha: z.number().positive(),
  lora_dropout: z.number().min(0).lt(1).default(0),
  target_modules: z.union([texts.nonempty(), z.string()]),
  exclude_modules: z.union([texts, z.string()]).nullish(),
  modules_to_save: texts.nullish(),
  rank_pattern: z.record(z.string(), z.number().int().positive()).nullish(),
  alpha_pattern: z.record(z.string(), z.number().positive()).nullish(),
  layers_to_transform: oneOrMore(layer).nullish(),
  layers_pattern: oneOrMore(z.string()).nullish(),
  bias: z.enum(LORA_BIASES).nullish(),
  use_rslora: z.boolean().nullish(),
  base_model_name_or_path: z.string().nullish(),
});
type PeftConfig = z.infer<typeof configSchema>;

/** Which of the modules kept whole are the head, and what else there is. */
function splitModules(
  saved: readonly string[],
  { config, head }: Pick<MethodBase, 'config' | 'head'>,
): { headTraining: MethodBase['headTraining']; others: string[] } {
  const withPooler = familyOf(config).pooler === undefined || saved.includes('pooler');
  const trained = withPooler ? 'classifier+pooler' : 'classifier';
  const isTrained = saved.includes(head.kind === 'span' ? 'qa_outputs' : 'classifier');
  const headTraining = isTrained ? trained : 'none';
  const own = headModules({ config, head, headTraining });
  return { headTraining, others: saved.filter((name) => !own.includes(name)) };
}

/** A field of the method where PEFT's says something; absent otherwise, as in a method of our own. */
const given = <K extends string, T>(
  field: K,
  value: T,
): { readonly [key in K]?: Exclude<T, null | undefined> } =>
  saysNothing(value ?? null) ? {} : ({ [field]: value } as never);

function methodOf(config: PeftConfig, modulesToSave: readonly string[]): Lora {
  const bias = config.bias === 'none' ? undefined : config.bias;
  return loraSchema.parse({
    kind: 'lora',
    rank: config.r,
    alpha: config.lora_alpha,
    dropout: config.lora_dropout,
    targets: config.target_modules,
    ...given('excludeModules', config.exclude_modules),
    ...given('modulesToSave', modulesToSave),
    ...given('rankPattern', Object.entries(config.rank_pattern ?? {})),
    ...given('alphaPattern', Object.entries(config.alpha_pattern ?? {})),
    ...given('layersToTransform', config.layers_to_transform),
    ...given('layersPattern', config.layers_pattern),
    ...given('bias', bias),
    ...given('useRslora', config.use_rslora),
  });
}

/** Reads PEFT's config. @throws DataError for another method than LoRA, or a variant of LoRA that is not ours */
export function parseLoraConfig(
  raw: Record<string, unknown>,
  base: Pick<MethodBase, 'config' | 'head'>,
  path: string,
): { method: Lora; headTraining: MethodBase['headTraining']; baseModel: string | null } {
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
  if (odd) throw new DataError(`${path}: ${odd[0]} ${JSON.stringify(odd[1])} is not supported`);
  const { headTraining, others } = splitModules(parsed.data.modules_to_save ?? [], base);
  const method = methodOf(parsed.data, others);
  return { method, headTraining, baseModel: parsed.data.base_model_name_or_path ?? null };
}
