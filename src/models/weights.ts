/** The weights of a Hugging Face model folder, in one file or in shards that an index lists, read as one. */
import { basename, join } from 'node:path';
import { DataError } from '../errors.js';
import { exists } from '../exists.js';
import { readJson } from '../json.js';
import * as z from '../schema.js';
import { openSafetensors, type SafetensorsFile } from './safetensors.js';
import type { TensorEntry } from './safetensors-header.js';

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

export interface Weights {
  /** Of a tensor's file; of the index or the folder's one file without a name. */
  path(name?: string): string;
  readonly tensors: ReadonlyMap<string, Pick<TensorEntry, 'dtype' | 'shape'>>;
  /** What the user should know of the files: one line each. */
  readonly notes: readonly string[];
  /** As {@link SafetensorsFile.read}. */
  read(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Every tensor of every `pytorch_model*.bin`, under its own name. */
const CONVERSION =
  "import sys,glob,torch;from safetensors.torch import save_file;save_file({k:v.clone().contiguous() for f in glob.glob(sys.argv[1]+'/pytorch_model*.bin') for k,v in torch.load(f,map_location='cpu',weights_only=True).items()},sys.argv[1]+'/model.safetensors',metadata={'format':'pt'})";

/** Why a folder has no weights that can be read, and what to do. */
async function withoutWeights(folder: string): Promise<DataError> {
  const has = (name: string): Promise<boolean> => exists(join(folder, name));
  for (const name of ['pytorch_model.bin', 'pytorch_model.bin.index.json'])
    if (await has(name))
      return new DataError(
        `${folder}: holds ${name}, not ${SINGLE}; convert it in Python: python -c "${CONVERSION}" '${folder}'`,
      );
  if (await has('adapter_config.json'))
    return new DataError(
      `${folder}: an adapter, not a model; give its base model as --model and this folder as --adapter`,
    );
  for (const name of ['tf_model.h5', 'flax_model.msgpack'])
    if (await has(name))
      return new DataError(
        `${folder}: holds ${name}, not ${SINGLE}; save the model from PyTorch with save_pretrained`,
      );
  return new DataError(
    `${join(folder, SINGLE)}: no such file; a model is a folder with config.json and ${SINGLE}, or shards with ${INDEX}`,
  );
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** Tensor -> shard. @throws DataError for an index that is malformed, leaves its folder or names a shard that is not there */
async function readIndex(folder: string): Promise<ReadonlyMap<string, string>> {
  const path = join(folder, INDEX);
  const parsed = indexSchema.safeParse(await readJson(path));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new DataError(`${path}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const map = new Map(Object.entries(parsed.data.weight_map));
  for (const shard of new Set(map.values())) {
    if (!/^[^/\\]+\.safetensors$/.test(shard) || basename(shard) !== shard)
      throw new DataError(`${path}: '${shard}' is not the name of a .safetensors file in this folder`);
    if (!(await exists(join(folder, shard))))
      throw new DataError(`${path}: its shard '${shard}' is missing; download or copy it again`);
  }
  return map;
}

/**
 * The files that a folder's weights are read from: `model.safetensors`, which wins as in Python, or the index and its shards.
 * @returns paths, always in the same order @throws DataError that says what is missing and what to do
 */
export async function weightFiles(folder: string): Promise<readonly string[]> {
  if (await exists(join(folder, SINGLE))) return [join(folder, SINGLE)];
  if (!(await exists(join(folder, INDEX)))) throw await withoutWeights(folder);
  const shards = [...new Set((await readIndex(folder)).values())].sort();
  return [INDEX, ...shards].map((name) => join(folder, name));
}

async function openSingle(folder: string): Promise<Weights> {
  const path = join(folder, SINGLE);
  const file = await openSafetensors(path);
  const note = `${path}: read instead of the shards that ${INDEX} beside it lists, as Python does; remove the one that is not wanted`;
  const notes = (await exists(join(folder, INDEX))) ? [note] : [];
  return {
    path: () => path,
    tensors: file.tensors,
    notes,
    read: (name) => file.read(name),
    close: () => file.close(),
  };
}

async function openShards(folder: string): Promise<Weights> {
  const map = await readIndex(folder);
  const files = new Map<string, SafetensorsFile>();
  const close = async (): Promise<void> => {
    for (const file of files.values()) await file.close();
  };
  const tensors = new Map<string, TensorEntry>();
  const path = (name?: string): string => join(folder, (name && map.get(name)) ?? INDEX);
  try {
    for (const shard of new Set(map.values())) files.set(shard, await openSafetensors(join(folder, shard)));
    for (const [name, shard] of map) {
      const entry = files.get(shard)?.tensors.get(name);
      if (!entry)
        throw new DataError(`${path(name)}: tensor '${name}' is missing, which ${INDEX} says is in it`);
      tensors.set(name, entry);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const read = (name: string): Promise<Float32Array> => {
    const file = files.get(map.get(name) ?? '');
    if (!file) throw new DataError(`${path()}: no tensor '${name}'`);
    return file.read(name);
  };
  return { path, tensors, notes: [], read, close };
}

/** Opens a folder's weights. @throws DataError as {@link weightFiles}, or for a damaged file */
export async function openWeights(folder: string): Promise<Weights> {
  const [first] = await weightFiles(folder);
  return first === join(folder, SINGLE) ? openSingle(folder) : openShards(folder);
}
