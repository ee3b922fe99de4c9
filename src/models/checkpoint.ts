/** Hugging Face checkpoint folders: `config.json`, `model.safetensors` and the tokenizer's files, read and written. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DataError, UsageError } from '../errors.js';
import { copyTokenizer } from '../tokenizers/save.js';
import { type HeadSpec, longestRow, type ModelConfig, type ModelType } from './config.js';
import { readConfig, writeConfig } from './config-file.js';
import { initialise } from './initialise.js';
import type { ParameterSpec, Parameters } from './parameters.js';
import { openSafetensors, type SafetensorsFile, writeSafetensors } from './safetensors.js';
import { modelSpecs } from './specs.js';

export interface Checkpoint {
  /** Where it was read from; undefined for a model made afresh. */
  readonly folder: string | undefined;
  readonly config: ModelConfig;
  readonly head: HeadSpec;
  readonly specs: readonly ParameterSpec[];
  readonly parameters: Parameters;
  /** Names that the file does not hold and that were drawn afresh: a new head. */
  readonly initialised: readonly string[];
}

/** The names under which a checkpoint may hold a tensor: with and without the model's prefix, old layer-norm names. */
function candidates(name: string, type: ModelType): string[] {
  const bare = name.startsWith(`${type}.`) ? name.slice(type.length + 1) : name;
  return [name, bare].flatMap((n) => [
    n,
    n.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta'),
  ]);
}

/** The head and a pooler may be missing (a pre-trained checkpoint has none); anything else must be there. */
const mayBeFresh = (spec: ParameterSpec): boolean =>
  spec.place.kind === 'classifier' || spec.place.kind === 'pooler';

async function readTensor(
  file: SafetensorsFile,
  spec: ParameterSpec,
  config: ModelConfig,
  path: string,
): Promise<Float32Array | undefined> {
  const found = candidates(spec.name, config.modelType).find((name) => file.tensors.has(name));
  if (found === undefined) {
    if (mayBeFresh(spec)) return undefined;
    throw new DataError(
      `${path}: tensor '${spec.name}' [${spec.shape}] is missing; does config.json belong to these weights?`,
    );
  }
  const given = file.tensors.get(found)?.shape ?? [];
  if (given.length !== spec.shape.length || given.some((size, i) => size !== spec.shape[i])) {
    throw new DataError(`${path}: tensor '${found}': wanted [${spec.shape}], got [${given}]`);
  }
  return file.read(found);
}

export interface LoadOptions {
  /** Draws the tensors that the file does not hold. */
  readonly seed: number;
  /** Draws every tensor; the file only has to be a model of this shape. */
  readonly randomWeights?: boolean | undefined;
}

/** Reads a model for a head. @throws DataError that names a missing or mis-shaped tensor, wanted and got */
export async function loadCheckpoint(
  folder: string,
  head: HeadSpec,
  { seed, randomWeights = false }: LoadOptions,
): Promise<Checkpoint> {
  const config = await readConfig(folder);
  const path = join(folder, 'model.safetensors');
  const specs = modelSpecs(config, head);
  const file = await openSafetensors(path);
  const parameters = new Map<string, Float32Array>();
  const initialised: string[] = [];
  try {
    for (const spec of specs) {
      const data = await readTensor(file, spec, config, path);
      const known = randomWeights ? undefined : data;
      if (!known) initialised.push(spec.name);
      parameters.set(spec.name, known ?? initialise(spec, config, seed));
    }
  } finally {
    await file.close();
  }
  return { folder, config, head, specs, parameters, initialised };
}

export interface SaveOptions {
  /** Class names by id, for `id2label`. */
  readonly labels?: readonly string[];
  readonly dtype?: 'F32' | 'F16';
}

/** Writes a folder that Python's `from_pretrained` reads: the weights last, so that a folder with weights is complete. */
export async function saveCheckpoint(
  folder: string,
  checkpoint: Checkpoint,
  { labels, dtype }: SaveOptions = {},
): Promise<void> {
  const { config, head, specs, parameters } = checkpoint;
  if (checkpoint.folder !== undefined && resolve(folder) === resolve(checkpoint.folder))
    throw new UsageError(`${folder}: a model is not saved over the one it was made from`);
  await mkdir(folder, { recursive: true });
  if (checkpoint.folder !== undefined)
    await copyTokenizer(checkpoint.folder, folder, { maxLength: longestRow(config) });
  await writeConfig(folder, config, head, labels);
  const tensors = specs.map(
    ({ name, shape }) => [name, { shape, data: parameters.get(name) as Float32Array }] as const,
  );
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, dtype ? { dtype } : {});
}
