/** Hugging Face's `config.json`: a model's shape and its head, read and written. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DataError } from '../errors.js';
import { exists } from '../exists.js';
import { readJson } from '../json.js';
import { partialOf } from '../partial.js';
import * as z from '../schema.js';
import type { HeadSpec, ModelConfig, ModelType } from './config.js';
import { classFields, parseFields, sharedFields } from './config-fields.js';
import { FAMILIES, familyOf } from './families.js';
import type { Family, ReadConfig } from './family.js';

const MODEL_TYPES = Object.keys(FAMILIES) as readonly ModelType[];

const classesSchema = z.object(classFields);
const sharedSchema = z.object(sharedFields);

/** What stands in the way of models that are not supported, where their config says it. */
const REASONS: readonly (readonly [field: string, reason: string])[] = [
  ['num_local_experts', 'mixture of experts'],
  ['num_experts', 'mixture of experts'],
  ['n_routed_experts', 'mixture of experts'],
  ['sliding_window', 'sliding windows'],
];

/** @throws DataError for a model of no known family */
function familyOfFile(json: unknown, path: string): Family {
  const raw = parseFields(json, sharedSchema, path);
  const byClass = MODEL_TYPES.find((type) => raw.architectures?.[0]?.startsWith(FAMILIES[type].className));
  const named = raw.model_type ?? byClass ?? 'bert';
  const known = MODEL_TYPES.find((type) => type === named);
  if (known) return FAMILIES[known];
  const says = json as Readonly<Record<string, unknown>>;
  const reason = REASONS.find(([field]) => typeof says[field] === 'number')?.[1];
  throw new DataError(
    `${path}: model_type '${named}' is not supported${reason ? ` (${reason})` : ''}; supported: ${MODEL_TYPES.join(', ')}`,
  );
}

async function readRawConfig(path: string): Promise<ReadConfig<ModelConfig>> {
  if (!(await exists(path))) {
    const isAdapter = await exists(join(dirname(path), 'adapter_config.json'));
    const what = isAdapter
      ? 'the folder is an adapter; give its base model as --model and this folder as --adapter'
      : 'a model is a folder with config.json and model.safetensors';
    throw new DataError(`${path}: no such file; ${what}`);
  }
  const json = await readJson(path);
  return familyOfFile(json, path).readConfig(json, path);
}

const readFields = async <T>(path: string, schema: z.ZodType<T>): Promise<T> =>
  parseFields(await readJson(path), schema, path);

/** The head that a saved model was trained with, by its `architectures`. @throws DataError where it says none */
export async function readHead(folder: string): Promise<HeadSpec> {
  const path = join(folder, 'config.json');
  const { fields } = await readRawConfig(path);
  const { architectures, num_labels, id2label, problem_type } = parseFields(fields, sharedSchema, path);
  const name = architectures?.[0] ?? 'none';
  if (name.endsWith('ForMaskedLM')) return { kind: 'masked-lm' };
  if (name.endsWith('ForPreTraining')) return { kind: 'masked-lm', nextSentence: true };
  if (name.endsWith('ForQuestionAnswering')) return { kind: 'span' };
  if (name.endsWith('ForConditionalGeneration')) return { kind: 'seq2seq-lm' };
  if (name.endsWith('ForCausalLM') || name.endsWith('LMHeadModel')) return { kind: 'causal-lm' };
  if (!name.endsWith('ForSequenceClassification'))
    throw new DataError(
      `${path}: architectures is '${name}'; a model with a head (ForSequenceClassification, ForQuestionAnswering, ForMaskedLM, ForPreTraining, ForCausalLM, ForConditionalGeneration) is wanted`,
    );
  const numLabels = num_labels ?? (id2label ? Object.keys(id2label).length : 2);
  return { kind: 'classification', numLabels, ...(problem_type === MULTI_LABEL ? { multiLabel: true } : {}) };
}

/** `config.json` as it is understood: every field that is read, defaults filled in, by its own name. @throws DataError */
export async function parsedConfigJson(folder: string): Promise<Record<string, unknown>> {
  const { fields, config } = await readRawConfig(join(folder, 'config.json'));
  return { ...fields, ...configJson(config) };
}

const idsOf = (names: readonly string[]): string => names.map((label, id) => `${id} ${label}`).join(', ');

/** Names by id. @throws DataError for ids that are not 0, 1, 2 ... */
function byId(pairs: readonly (readonly [number, string])[], field: string, path: string): string[] {
  const names = [...pairs].sort(([a], [b]) => a - b);
  if (names.some(([id], i) => id !== i))
    throw new DataError(
      `${path}: ${field}: ids are ${names.map(([id]) => id).join(', ')}, wanted 0, 1, 2 ...`,
    );
  return names.map(([, label]) => label);
}

const isGeneric = (names: readonly string[]): boolean => names.every((label, id) => label === `LABEL_${id}`);

/**
 * The class names that a saved model or adapter has by id, from `id2label` or `label2id`; undefined where there is no such file, or it names none, or only `LABEL_0`, `LABEL_1` ...
 * @param path of a `config.json`, or of an adapter's {@link ADAPTER_CLASSES}
 * @throws DataError where the two, or `num_labels`, contradict each other
 */
export async function savedClassNames(path: string): Promise<readonly string[] | undefined> {
  if (!(await exists(path))) return undefined;
  const raw = await readFields(path, classesSchema);
  const forward =
    raw.id2label && Object.entries(raw.id2label).map(([id, label]) => [Number(id), label] as const);
  const backward = raw.label2id && Object.entries(raw.label2id).map(([label, id]) => [id, label] as const);
  const named = [
    forward ? byId(forward, 'id2label', path) : [],
    backward ? byId(backward, 'label2id', path) : [],
  ].filter((names) => !isGeneric(names));
  const [names, other] = named;
  if (names && other && names.join() !== other.join())
    throw new DataError(
      `${path}: id2label (${idsOf(names)}) and label2id (${idsOf(other)}) contradict each other; keep the one that the model was trained with`,
    );
  if (names && raw.num_labels !== undefined && raw.num_labels !== names.length)
    throw new DataError(
      `${path}: num_labels is ${raw.num_labels}, but ${names.length} classes are named: ${names.join(', ')}`,
    );
  return names;
}

/**
 * Reads `config.json`. @throws DataError that names the field
 * @example
 * ```ts
 * import { models } from 'progtuning';
 *
 * const config = await models.readConfig('models/tiny');
 * console.log(config.modelType, config.hiddenSize); // bert 32
 * ```
 */
export const readConfig = async (folder: string): Promise<ModelConfig> =>
  (await readRawConfig(join(folder, 'config.json'))).config;

/** Whether a `config.json`, or an adapter's {@link ADAPTER_CLASSES}, says that any number of classes holds at once. */
export async function isMultiLabel(path: string): Promise<boolean> {
  if (!(await exists(path))) return false;
  return (await readFields(path, problemSchema)).problem_type === MULTI_LABEL;
}

const problemSchema = z.object({ problem_type: z.string().nullish() });

/** Beside an adapter: the names of its own head's classes, and whether several hold at once. Not `config.json`, which would make Python take the folder for a whole model. */
export const ADAPTER_CLASSES = 'class_names.json';

/** Names by id, as Hugging Face's configs have them. */
const classNamesJson = (names: readonly string[]): Record<string, unknown> => ({
  id2label: Object.fromEntries(names.map((label, i) => [String(i), label])),
  label2id: Object.fromEntries(names.map((label, i) => [label, i])),
});

/** The text of {@link ADAPTER_CLASSES}. */
export function adapterClassesText(names: readonly string[], head: HeadSpec): string {
  const several = head.kind === 'classification' && head.multiLabel ? { problem_type: MULTI_LABEL } : {};
  return `${JSON.stringify({ ...classNamesJson(names), ...several }, null, 2)}\n`;
}

const MULTI_LABEL = 'multi_label_classification';

function problemType({ numLabels, multiLabel }: HeadSpec & { kind: 'classification' }): string {
  if (multiLabel) return MULTI_LABEL;
  return numLabels === 1 ? 'regression' : 'single_label_classification';
}

/** What `config.json` says of a fine-tuned model. */
function headFields(
  config: ModelConfig,
  head: HeadSpec,
  labels: readonly string[] | undefined,
): Record<string, unknown> {
  const architectures = [familyOf(config).architecture(head)];
  if (head.kind !== 'classification') return { architectures };
  const names = labels ?? Array.from({ length: head.numLabels }, (_, i) => `LABEL_${i}`);
  return {
    architectures,
    num_labels: head.numLabels,
    ...classNamesJson(names),
    problem_type: problemType(head),
  };
}

export const configJson = (config: ModelConfig): Record<string, unknown> =>
  familyOf(config).configJson(config);

/** Writes text under a temporary name, then renames. @throws DataError where it cannot; nothing is left then */
export async function writeTextAtomically(path: string, text: string): Promise<void> {
  const partial = partialOf(path);
  try {
    await writeFile(partial, text);
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw new DataError(`${path}: could not be written: ${(cause as Error).message}`, { cause });
  }
}

/** Writes `config.json` of a model with a head. @param labels class names by id */
export async function writeConfig(
  folder: string,
  config: ModelConfig,
  head: HeadSpec,
  labels?: readonly string[],
): Promise<void> {
  const json = { ...configJson(config), ...headFields(config, head, labels) };
  await writeTextAtomically(join(folder, 'config.json'), `${JSON.stringify(json, null, 2)}\n`);
}
