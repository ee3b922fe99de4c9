/**
 * What a PEFT method trained, saved apart from its base model: `adapter_config.json` and `adapter_model.safetensors`.
 * LoRA as Hugging Face PEFT has it (hf-peft.ts), adapters and BitFit in a layout of our own (own-format.ts).
 */
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, UsageError } from '../errors.js';
import { readJson } from '../json.js';
import type { HeadSpec, ModelConfig } from '../models/config.js';
import { writeTextAtomically } from '../models/config-file.js';
import { familyOf } from '../models/families.js';
import type { HeadTraining, ParameterSpec, Parameters, Trains } from '../models/parameters.js';
import { type NamedTensor, openSafetensors, writeSafetensors } from '../models/safetensors.js';
import { modelSpecs } from '../models/specs.js';
import { isSecondCopy, loraConfigJson, parseLoraConfig, storedNames } from './hf-peft.js';
import { type Method, methodSpecs, methodTrains } from './method.js';
import type { MethodBase } from './modules.js';
import { isOwnConfig, ownConfigJson, parseOwnConfig } from './own-format.js';

/** A method that is saved apart from its base model. */
export type PeftMethod = Exclude<Method, { kind: 'full' }>;

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';

/** What a method trained, and on what. */
export interface AdapterToSave {
  readonly config: ModelConfig;
  readonly head: HeadSpec;
  readonly method: PeftMethod;
  readonly headTraining: HeadTraining;
  /** The whole model's, with the method's own; at least what is saved must be there. */
  readonly parameters: Parameters;
  /** Hub id or folder of the base model, for `base_model_name_or_path`. */
  readonly baseModel: string | null;
  /** Names that the base model's file does not hold (`Checkpoint.initialised`): saved too, as nothing else has them. */
  readonly initialised?: readonly string[];
}

/** What is written: PEFT keeps RoBERTa's and ELECTRA's `classifier` whole, dense layer included; BERT's pooler comes when it trains or is fresh. */
function baseToSave({ config, head, headTraining, initialised = [] }: AdapterToSave): MethodBase {
  const { pooler } = familyOf(config);
  const whole =
    pooler === undefined ||
    headTraining === 'classifier+pooler' ||
    initialised.some((name) => name.startsWith(`${pooler}.`));
  return { config, head, headTraining: whole ? 'classifier+pooler' : 'classifier' };
}

const allSpecs = (base: MethodBase, method: PeftMethod): ParameterSpec[] => [
  ...modelSpecs(base.config, base.head),
  ...methodSpecs(base, method),
];

/** Of a parameter: as it stands in the file. */
const namesInFile = (base: MethodBase, method: PeftMethod): ((name: string) => string) =>
  method.kind === 'lora' ? storedNames(base, method) : (name) => name;

/**
 * Writes the folder: config first, weights last, each under a temporary name until it is whole. @throws DataError
 * @example
 * ```ts
 * import { models, peft } from 'progtuning';
 *
 * const head = { kind: 'classification', numLabels: 2 } as const;
 * const { config, parameters, specs } = await models.loadCheckpoint('models/tiny', head, { seed: 1 });
 * const base = { config, head, headTraining: 'classifier' } as const;
 * const values = new Map(parameters);
 * for (const spec of peft.methodSpecs(base, peft.LORA_DEFAULTS)) values.set(spec.name, models.initialise(spec, config, 1));
 * await peft.saveAdapter('adapters/lora', { ...base, method: peft.LORA_DEFAULTS, parameters: values, baseModel: 'models/tiny' });
 * ```
 */
export async function saveAdapter(folder: string, adapter: AdapterToSave): Promise<void> {
  const { config, method, headTraining, parameters, baseModel } = adapter;
  const base = baseToSave(adapter);
  const specs = allSpecs(base, method).filter(methodTrains(base, method));
  const storedName = namesInFile(base, method);
  const json =
    method.kind === 'lora'
      ? loraConfigJson(base, method, baseModel)
      : ownConfigJson(method, config, headTraining, baseModel);
  const tensors = specs.map(({ name, shape }): [string, NamedTensor] => {
    const data = parameters.get(name);
    if (!data) throw new Error(`internal: no values for '${name}'`);
    return [storedName(name), { shape, data }];
  });
  tensors.sort(([a], [b]) => (a < b ? -1 : 1));
  await mkdir(folder, { recursive: true });
  await writeTextAtomically(join(folder, CONFIG), `${JSON.stringify(json, null, 2)}\n`);
  await writeSafetensors(join(folder, WEIGHTS), tensors);
}

/** A saved adapter, read. */
export interface LoadedAdapter {
  readonly method: PeftMethod;
  /** Which of the head it brings. */
  readonly headTraining: MethodBase['headTraining'];
  readonly baseModel: string | null;
  /** What to lay over the base model's parameters. */
  readonly parameters: Parameters;
}

async function readConfigJson(path: string): Promise<Record<string, unknown>> {
  await access(path).catch(() => {
    throw new DataError(`${path}: no such file; a saved adapter is a folder with ${CONFIG} and ${WEIGHTS}`);
  });
  const raw = await readJson(path);
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) return raw as Record<string, unknown>;
  throw new DataError(`${path}: not a JSON object`);
}

/** A loaded method is judged as material, not as use: what the model cannot take is an error of the folder. */
function specsFor(base: MethodBase, method: PeftMethod, path: string): ParameterSpec[] {
  try {
    return allSpecs(base, method);
  } catch (error) {
    if (error instanceof UsageError) throw new DataError(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** What of a method changes the saved model: dropout does not, nor the order of targets. */
function essence(method: PeftMethod): Record<string, unknown> {
  if (method.kind !== 'lora') return { ...method };
  const { dropout, targets, ...rest } = method;
  return { ...rest, targets: typeof targets === 'string' ? targets : [...targets].sort() };
}

function checkExpected(method: PeftMethod, expected: PeftMethod, path: string): void {
  const [made, wanted] = [essence(method), essence(expected)];
  const fields = method.kind === expected.kind ? Object.keys({ ...wanted, ...made }) : ['kind'];
  const differences = fields
    .map((field) => [field, JSON.stringify(made[field]), JSON.stringify(wanted[field])] as const)
    .filter(([, given, asked]) => given !== asked);
  if (differences.length === 0) return;
  const list = differences.map(([field, given, asked]) => `${field} ${given}, wanted ${asked}`).join('; ');
  throw new DataError(`${path}: another method: ${list}`);
}

/** How many blocks there are, by the highest number among the names. */
function blocksIn(config: ModelConfig, names: Iterable<string>): number {
  const list = familyOf(config).blockName(config, 0).replace(/0$/, '');
  const numbers = [...names].map((name) => {
    const at = name.indexOf(list);
    return at < 0 ? 0 : 1 + Number.parseInt(name.slice(at + list.length), 10);
  });
  return Math.max(0, ...numbers);
}

/** Every tensor has a place in the model and its shape; everything that the method trains is there. */
function checkTensors(
  tensors: ReadonlyMap<string, NamedTensor>,
  known: ReadonlyMap<string, ParameterSpec>,
  trains: Trains,
  config: ModelConfig,
  path: string,
): void {
  const trained = new Map([...known].filter(([, spec]) => trains(spec)));
  const [blocks, wantedBlocks] = [blocksIn(config, tensors.keys()), blocksIn(config, trained.keys())];
  if (blocks > 0 && blocks !== wantedBlocks)
    throw new DataError(`${path}: made for another base model: ${blocks} blocks, here ${wantedBlocks}`);
  for (const [name, { shape }] of tensors) {
    const wanted = known.get(name)?.shape;
    if (!wanted)
      throw new DataError(`${path}: tensor '${name}' has no place in this ${config.modelType} model`);
    if (wanted.join() !== shape.join()) {
      throw new DataError(
        `${path}: tensor '${name}': wanted [${wanted}], got [${shape}]: made for another base model or head`,
      );
    }
  }
  const missing = [...trained].find(([name]) => !tensors.has(name));
  if (missing) throw new DataError(`${path}: tensor '${missing[0]}' [${missing[1].shape}] is missing`);
}

/** Every tensor of the file; one that cannot be read as floats is an error, as none may be left out. @throws DataError */
async function readTensors(path: string, method: PeftMethod): Promise<Map<string, NamedTensor>> {
  const file = await openSafetensors(path);
  try {
    const tensors = new Map<string, NamedTensor>();
    for (const [name, { shape }] of file.tensors)
      if (method.kind !== 'lora' || !isSecondCopy(name, method))
        tensors.set(name, { shape, data: await file.read(name) });
    return tensors;
  } finally {
    await file.close();
  }
}

/**
 * Reads a folder of {@link saveAdapter}, or one that Hugging Face PEFT wrote for LoRA, for a base model.
 * @param expected the method that a caller asked for: a folder of another is refused
 * @throws DataError that says in what the folder differs: base model, method, rank, tensor
 * @example
 * ```ts
 * import { models, peft } from 'progtuning';
 *
 * const config = await models.readConfig('models/tiny');
 * const { method, headTraining } = await peft.loadAdapter('adapters/lora', config, { kind: 'classification', numLabels: 2 });
 * console.log(method.kind, headTraining); // lora classifier
 * ```
 */
export async function loadAdapter(
  folder: string,
  config: ModelConfig,
  head: HeadSpec,
  expected?: PeftMethod,
): Promise<LoadedAdapter> {
  const configPath = join(folder, CONFIG);
  const raw = await readConfigJson(configPath);
  const { method, headTraining, baseModel } = isOwnConfig(raw)
    ? parseOwnConfig(raw, config, configPath)
    : parseLoraConfig(raw, { config, head }, configPath);
  if (expected) checkExpected(method, expected, configPath);
  const base: MethodBase = { config, head, headTraining };
  const specs = specsFor(base, method, configPath);
  const storedName = namesInFile(base, method);
  const path = join(folder, WEIGHTS);
  const tensors = await readTensors(path, method);
  const known = new Map(specs.map((spec) => [storedName(spec.name), spec]));
  checkTensors(tensors, known, methodTrains(base, method), config, path);
  const values = specs.flatMap(({ name }): [string, Float32Array][] => {
    const tensor = tensors.get(storedName(name));
    return tensor ? [[name, tensor.data]] : [];
  });
  return { method, headTraining, baseModel, parameters: new Map(values) };
}

const OUTPUT_LAYER = /(^|\.)(classifier|classifier\.out_proj|qa_outputs)\.(modules_to_save\.\w+\.)?weight$/;

/**
 * The head that an adapter brings, by its output layer's shape: its own folder says what the base model's `config.json` cannot.
 * @returns undefined for an adapter that leaves the head to its base model @throws DataError
 */
export async function adapterHead(folder: string): Promise<HeadSpec | undefined> {
  await readConfigJson(join(folder, CONFIG));
  const file = await openSafetensors(join(folder, WEIGHTS));
  await file.close();
  for (const [name, { shape }] of file.tensors) {
    if (!OUTPUT_LAYER.test(name)) continue;
    if (name.includes('qa_outputs')) return { kind: 'span' };
    return { kind: 'classification', numLabels: shape[0] ?? 1 };
  }
  return undefined;
}
