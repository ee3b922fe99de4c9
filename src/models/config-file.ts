/** Hugging Face's `config.json`: a model's shape and its head, read and written. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from '../schema.js';
import { DataError } from '../errors.js';
import { exists } from '../exists.js';
import { readJson } from '../json.js';
import { embeddingSize, type HeadSpec, type ModelConfig, type ModelType } from './config.js';

export const MODEL_TYPES: readonly ModelType[] = ['bert', 'roberta', 'electra'];

const count = z.number().int().positive();
const rate = z.number().min(0).lt(1);

/** A class name; Python takes any value and shows it as text. */
const name = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const classFields = {
  num_labels: z.number().int().positive().optional(),
  id2label: z.record(z.string(), name).nullish(),
  label2id: z.record(z.string(), z.number().int().nonnegative()).nullish(),
};
const classesSchema = z.object(classFields);

const configSchema = z.object({
  model_type: z.string().optional(),
  architectures: z.array(z.string()).nullish(),
  vocab_size: count,
  hidden_size: count,
  embedding_size: count.optional(),
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  hidden_act: z.enum(['gelu', 'gelu_new', 'relu', 'tanh', 'silu']).default('gelu'),
  max_position_embeddings: count.default(512),
  type_vocab_size: count.default(2),
  layer_norm_eps: z.number().positive().default(1e-12),
  hidden_dropout_prob: rate.default(0.1),
  attention_probs_dropout_prob: rate.default(0.1),
  classifier_dropout: rate.nullish().transform((value) => value ?? undefined),
  initializer_range: z.number().positive().default(0.02),
  pad_token_id: z.number().int().nonnegative().nullish(),
  ...classFields,
  problem_type: z.string().nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  position_embedding_type: z.string().nullish(),
  is_decoder: z.boolean().nullish(),
});

function modelType(raw: z.infer<typeof configSchema>, path: string): ModelType {
  const byClass = MODEL_TYPES.find((type) => raw.architectures?.[0]?.startsWith(ARCHITECTURE[type]));
  const named = raw.model_type ?? byClass ?? 'bert';
  const known = MODEL_TYPES.find((type) => type === named);
  if (!known)
    throw new DataError(
      `${path}: model_type '${named}' is not supported; supported: ${MODEL_TYPES.join(', ')}`,
    );
  return known;
}

/** @throws DataError that names file and field */
async function readFields<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(await readJson(path));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.length ? `${issue.path.join('.')}: ` : '';
  throw new DataError(`${path}: ${field}${issue?.message}`);
}

async function readRawConfig(path: string): Promise<z.infer<typeof configSchema>> {
  if (!(await exists(path))) {
    const isAdapter = await exists(join(dirname(path), 'adapter_config.json'));
    const what = isAdapter
      ? 'the folder is an adapter; give its base model as --model and this folder as --adapter'
      : 'a model is a folder with config.json and model.safetensors';
    throw new DataError(`${path}: no such file; ${what}`);
  }
  return readFields(path, configSchema);
}

/** The head that a saved model was trained with, by its `architectures`. @throws DataError where it says none */
export async function readHead(folder: string): Promise<HeadSpec> {
  const path = join(folder, 'config.json');
  const { architectures, num_labels, id2label, problem_type } = await readRawConfig(path);
  const name = architectures?.[0] ?? 'none';
  if (name.endsWith('ForMaskedLM')) return { kind: 'masked-lm' };
  if (name.endsWith('ForPreTraining')) return { kind: 'masked-lm', nextSentence: true };
  if (name.endsWith('ForQuestionAnswering')) return { kind: 'span' };
  if (!name.endsWith('ForSequenceClassification'))
    throw new DataError(
      `${path}: architectures is '${name}'; a model with a head (ForSequenceClassification, ForQuestionAnswering, ForMaskedLM, ForPreTraining) is wanted`,
    );
  const numLabels = num_labels ?? (id2label ? Object.keys(id2label).length : 2);
  return { kind: 'classification', numLabels, ...(problem_type === MULTI_LABEL ? { multiLabel: true } : {}) };
}

/** `config.json` as it is understood: every field that is read, defaults filled in, by its own name. @throws DataError */
export async function parsedConfigJson(folder: string): Promise<Record<string, unknown>> {
  const path = join(folder, 'config.json');
  return { ...(await readRawConfig(path)), ...configJson(await readConfig(folder)) };
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
export async function readConfig(folder: string): Promise<ModelConfig> {
  const path = join(folder, 'config.json');
  const raw = await readRawConfig(path);
  const type = modelType(raw, path);
  if (raw.hidden_size % raw.num_attention_heads !== 0) {
    throw new DataError(
      `${path}: hidden_size ${raw.hidden_size} is not a multiple of num_attention_heads ${raw.num_attention_heads}`,
    );
  }
  if (raw.position_embedding_type && raw.position_embedding_type !== 'absolute') {
    throw new DataError(
      `${path}: position_embedding_type '${raw.position_embedding_type}' is not supported; supported: absolute`,
    );
  }
  if (raw.is_decoder) throw new DataError(`${path}: is_decoder is true; only encoders are supported`);
  return {
    modelType: type,
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    // ElectraConfig's own default.
    ...(type === 'electra' ? { embeddingSize: raw.embedding_size ?? 128 } : {}),
    numHiddenLayers: raw.num_hidden_layers,
    numAttentionHeads: raw.num_attention_heads,
    intermediateSize: raw.intermediate_size,
    hiddenAct: raw.hidden_act,
    maxPositionEmbeddings: raw.max_position_embeddings,
    typeVocabSize: raw.type_vocab_size,
    layerNormEps: raw.layer_norm_eps,
    hiddenDropoutProb: raw.hidden_dropout_prob,
    attentionProbsDropoutProb: raw.attention_probs_dropout_prob,
    ...(raw.classifier_dropout === undefined ? {} : { classifierDropout: raw.classifier_dropout }),
    initializerRange: raw.initializer_range,
    padTokenId: raw.pad_token_id ?? (type === 'roberta' ? 1 : 0),
    ...(raw.tie_word_embeddings === false ? { tieWordEmbeddings: false as const } : {}),
  };
}

const ARCHITECTURE: Record<ModelType, string> = { bert: 'Bert', roberta: 'Roberta', electra: 'Electra' };

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
  const name = ARCHITECTURE[config.modelType];
  if (head.kind === 'masked-lm')
    return { architectures: [`${name}${head.nextSentence ? 'ForPreTraining' : 'ForMaskedLM'}`] };
  if (head.kind === 'span') return { architectures: [`${name}ForQuestionAnswering`] };
  const names = labels ?? Array.from({ length: head.numLabels }, (_, i) => `LABEL_${i}`);
  return {
    architectures: [`${name}ForSequenceClassification`],
    num_labels: head.numLabels,
    ...classNamesJson(names),
    problem_type: problemType(head),
  };
}

export function configJson(config: ModelConfig): Record<string, unknown> {
  return {
    model_type: config.modelType,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    ...(config.modelType === 'electra' ? { embedding_size: embeddingSize(config) } : {}),
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    intermediate_size: config.intermediateSize,
    hidden_act: config.hiddenAct,
    max_position_embeddings: config.maxPositionEmbeddings,
    type_vocab_size: config.typeVocabSize,
    layer_norm_eps: config.layerNormEps,
    hidden_dropout_prob: config.hiddenDropoutProb,
    attention_probs_dropout_prob: config.attentionProbsDropoutProb,
    ...(config.classifierDropout === undefined ? {} : { classifier_dropout: config.classifierDropout }),
    initializer_range: config.initializerRange,
    pad_token_id: config.padTokenId,
    position_embedding_type: 'absolute',
    ...(config.tieWordEmbeddings === false ? { tie_word_embeddings: false } : {}),
  };
}

/** Writes text under a temporary name, then renames. @throws DataError where it cannot; nothing is left then */
export async function writeTextAtomically(path: string, text: string): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
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
