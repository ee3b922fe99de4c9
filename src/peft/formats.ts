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
import type { HeadTraining, ParameterSpec, Parameters } from '../models/parameters.js';
import { type NamedTensor, readSafetensors, writeSafetensors } from '../models/safetensors.js';
import { modelSpecs } from '../models/specs.js';
import { loraConfigJson, NAME_PREFIX, parseLoraConfig } from './hf-peft.js';
import { type Method, methodSpecs, methodTrains } from './method.js';
import { isOwnConfig, ownConfigJson, parseOwnConfig } from './own-format.js';

export type PeftMethod = Exclude<Method, { kind: 'full' }>;

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';

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

/** PEFT keeps a head module whole: RoBERTa's and ELECTRA's `classifier` holds the dense layer, BERT's pooler comes when it trains or is fresh. */
function savesPooler({ config, headTraining, initialised = [] }: AdapterToSave): boolean {
  return (
    config.modelType !== 'bert' ||
    headTraining === 'classifier+pooler' ||
    initialised.some((name) => name.startsWith('bert.pooler.'))
  );
}

function specsToSave(adapter: AdapterToSave): ParameterSpec[] {
  const trains = methodTrains(adapter.method, adapter.headTraining);
  const pooler = savesPooler(adapter);
  return allSpecs(adapter.config, adapter.head, adapter.method).filter(
    (spec) => trains(spec) || (spec.place.kind === 'pooler' && pooler),
  );
}

const allSpecs = (config: ModelConfig, head: HeadSpec, method: PeftMethod): ParameterSpec[] => [
  ...modelSpecs(config, head),
  ...methodSpecs(config, method),
];

/** A name as it stands in the file. */
const storedName = (method: PeftMethod, name: string): string =>
  method.kind === 'lora' ? NAME_PREFIX + name : name;

/** Writes the folder: config first, weights last, each under a temporary name until it is whole. @throws DataError */
export async function saveAdapter(folder: string, adapter: AdapterToSave): Promise<void> {
  const { config, head, method, headTraining, parameters, baseModel } = adapter;
  const specs = specsToSave(adapter);
  const pooler = config.modelType === 'bert' && specs.some(({ place }) => place.kind === 'pooler');
  const json =
    method.kind === 'lora'
      ? loraConfigJson(method, head, pooler, baseModel)
      : ownConfigJson(method, config, headTraining, baseModel);
  const tensors = specs.map(({ name, shape }): [string, NamedTensor] => {
    const data = parameters.get(name);
    if (!data) throw new Error(`internal: no values for '${name}'`);
    return [storedName(method, name), { shape, data }];
  });
  tensors.sort(([a], [b]) => (a < b ? -1 : 1));
  await mkdir(folder, { recursive: true });
  await writeTextAtomically(join(folder, CONFIG), `${JSON.stringify(json, null, 2)}\n`);
  await writeSafetensors(join(folder, WEIGHTS), tensors);
}

export interface LoadedAdapter {
  readonly method: PeftMethod;
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
function specsFor(config: ModelConfig, head: HeadSpec, method: PeftMethod, path: string): ParameterSpec[] {
  try {
    return allSpecs(config, head, method);
  } catch (error) {
    if (error instanceof UsageError)
      throw new DataError(`${path}: made for another base model: ${error.message}`, { cause: error });
    throw error;
  }
}

/** What of a method changes the saved model: dropout does not, nor the order of targets. */
const essence = (method: PeftMethod): Record<string, unknown> =>
  method.kind === 'lora'
    ? { kind: 'lora', rank: method.rank, alpha: method.alpha, targets: [...method.targets].sort() }
    : { ...method };

function checkExpected(method: PeftMethod, expected: PeftMethod, path: string): void {
  const [made, wanted] = [essence(method), essence(expected)];
  const fields = method.kind === expected.kind ? Object.keys(wanted) : ['kind'];
  const differences = fields
    .map((field) => [field, JSON.stringify(made[field]), JSON.stringify(wanted[field])] as const)
    .filter(([, given, asked]) => given !== asked);
  if (differences.length === 0) return;
  const list = differences.map(([field, given, asked]) => `${field} ${given}, wanted ${asked}`).join('; ');
  throw new DataError(`${path}: another method: ${list}`);
}

const blocksIn = (names: Iterable<string>): number =>
  Math.max(0, ...[...names].map((name) => 1 + Number(/\.encoder\.layer\.(\d+)\./.exec(name)?.[1] ?? -1)));

/** Every tensor has a place in the model and its shape; everything that the method trains is there. */
function checkTensors(
  tensors: ReadonlyMap<string, NamedTensor>,
  specs: readonly ParameterSpec[],
  method: PeftMethod,
  config: ModelConfig,
  path: string,
): void {
  const known = new Map(specs.map((spec) => [storedName(method, spec.name), spec]));
  const blocks = blocksIn(tensors.keys());
  if (blocks > 0 && blocks !== config.numHiddenLayers) {
    throw new DataError(
      `${path}: made for another base model: ${blocks} blocks, here ${config.numHiddenLayers}`,
    );
  }
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
  const trains = methodTrains(method, 'classifier');
  const missing = [...known].find(([name, spec]) => trains(spec) && !tensors.has(name));
  if (missing) throw new DataError(`${path}: tensor '${missing[0]}' [${missing[1].shape}] is missing`);
}

/**
 * Reads a folder of {@link saveAdapter}, or one that Hugging Face PEFT wrote for LoRA, for a base model.
 * @param expected the method that a caller asked for: a folder of another is refused
 * @throws DataError that says in what the folder differs: base model, method, rank, tensor
 */
export async function loadAdapter(
  folder: string,
  config: ModelConfig,
  head: HeadSpec,
  expected?: PeftMethod,
): Promise<LoadedAdapter> {
  const configPath = join(folder, CONFIG);
  const raw = await readConfigJson(configPath);
  const { method, baseModel } = isOwnConfig(raw)
    ? parseOwnConfig(raw, config, configPath)
    : parseLoraConfig(raw, configPath);
  if (expected) checkExpected(method, expected, configPath);
  const specs = specsFor(config, head, method, configPath);
  const path = join(folder, WEIGHTS);
  const tensors = await readSafetensors(path);
  checkTensors(tensors, specs, method, config, path);
  const values = specs.flatMap(({ name }): [string, Float32Array][] => {
    const tensor = tensors.get(storedName(method, name));
    return tensor ? [[name, tensor.data]] : [];
  });
  return { method, baseModel, parameters: new Map(values) };
}
