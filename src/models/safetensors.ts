/**
 * safetensors files (https://github.com/huggingface/safetensors): a header (safetensors-header.ts), then raw little-endian data.
 */
import { open, rename, rm } from 'node:fs/promises';
import { DataError } from '../errors.js';
import { partialOf } from '../partial.js';
import { fromBfloat16, fromFloat16, toFloat16 } from './half.js';
import { sizeOf } from './parameters.js';
import { readHeader, type SafetensorsHeader } from './safetensors-header.js';
import { openTensorFile, type TensorFile } from './tensor-file.js';

/** A tensor of a file: shape and values, row-major. */
export interface NamedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A tensor whose values are made when they are written, so that one is in memory at a time. */
export interface LazyTensor {
  readonly shape: readonly number[];
  /** As many values as the shape says. */
  read(): Promise<Float32Array>;
}

/** Types that are read: bytes of a value, and the value at a place. */
const FLOATS: Readonly<Record<string, readonly [number, (view: DataView, at: number) => number]>> = {
  F64: [8, (view, at) => view.getFloat64(at, true)],
  F32: [4, (view, at) => view.getFloat32(at, true)],
  F16: [2, (view, at) => fromFloat16(view.getUint16(at, true))],
  BF16: [2, (view, at) => fromBfloat16(view.getUint16(at, true))],
};

/** @param bytes at the start of a buffer of their own @returns undefined for a type that is no float; F64 is rounded */
function toFloat32(bytes: Uint8Array, dtype: string): Float32Array | undefined {
  const [size, value] = FLOATS[dtype] ?? [];
  if (size === undefined || value === undefined) return undefined;
  if (dtype === 'F32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const data = new Float32Array(bytes.length / size);
  for (let i = 0; i < data.length; i++) data[i] = value(view, size * i);
  return data;
}

/** An open safetensors file: names and shapes at once, values of F64, F32, F16 and BF16 tensors on demand. */
export interface SafetensorsFile extends SafetensorsHeader, TensorFile {}

/**
 * Opens a file and reads its header. @throws DataError that says in what the file is damaged
 * @example
 * ```ts
 * import { models } from 'progtuning';
 *
 * const file = await models.openSafetensors('models/tiny/model.safetensors');
 * console.log(file.tensors.get('bert.pooler.dense.weight')?.shape.join(' x ')); // 32 x 32
 * const bias = await file.read('bert.pooler.dense.bias');
 * await file.close();
 * console.log(bias.length); // 32
 * ```
 */
export const openSafetensors = (path: string): Promise<SafetensorsFile> =>
  openTensorFile(path, {
    readHeader,
    bytesOf: ({ data_offsets: [begin, end] }, { start }) => ({ begin: start + begin, bytes: end - begin }),
    valuesOf(bytes, { dtype }, name) {
      const data = toFloat32(bytes, dtype);
      if (data) return data;
      throw new DataError(
        `${path}: tensor '${name}' has type ${dtype}; wanted ${Object.keys(FLOATS).join(', ')}`,
      );
    },
  });

/**
 * Every tensor of a file. @throws DataError for one that is not a float: none is left out
 * @example
 * ```ts
 * import { models } from 'progtuning';
 *
 * const tensors = await models.readSafetensors('models/tiny/model.safetensors');
 * console.log(tensors.get('bert.pooler.dense.bias')?.data.length); // 32
 * ```
 */
export async function readSafetensors(path: string): Promise<Map<string, NamedTensor>> {
  const file = await openSafetensors(path);
  try {
    const tensors = new Map<string, NamedTensor>();
    for (const [name, { shape }] of file.tensors) tensors.set(name, { shape, data: await file.read(name) });
    return tensors;
  } finally {
    await file.close();
  }
}

/** Stored type (default `F32`) and the header's metadata. */
export interface WriteOptions {
  readonly dtype?: 'F32' | 'F16';
  readonly metadata?: Readonly<Record<string, string>>;
}

function encode(data: Float32Array, dtype: 'F32' | 'F16'): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return new Uint8Array(Uint16Array.from(data, toFloat16).buffer);
}

/**
 * Writes a file under a temporary name beside the final one, then renames: a reader never sees half of it.
 * @param options stored type, metadata
 * @example
 * ```ts
 * import { models } from 'progtuning';
 *
 * const weight = { shape: [2, 2], data: Float32Array.of(1, 0, 0, 1) };
 * await models.writeSafetensors('identity.safetensors', [['weight', weight]]);
 * ```
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, NamedTensor | LazyTensor]>,
  { dtype = 'F32', metadata = { format: 'pt' } }: WriteOptions = {},
): Promise<void> {
  const list = [...tensors];
  let offset = 0;
  const entries = list.map(([name, { shape }]) => {
    const begin = offset;
    offset += sizeOf(shape) * (dtype === 'F32' ? 4 : 2);
    return [name, { dtype, shape, data_offsets: [begin, offset] }] as const;
  });
  const json = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) });
  const header = Buffer.from(
    json.padEnd(Math.ceil(Buffer.byteLength(json) / 8) * 8 - Buffer.byteLength(json) + json.length),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const partial = partialOf(path);
  const file = await open(partial, 'w');
  try {
    await file.write(length);
    await file.write(header);
    for (const [, tensor] of list)
      await file.write(encode('data' in tensor ? tensor.data : await tensor.read(), dtype));
    await file.sync();
    await file.close();
    await rename(partial, path);
  } catch (cause) {
    await file.close().catch(() => undefined);
    await rm(partial, { force: true });
    if (cause instanceof DataError) throw cause;
    throw new DataError(`${path}: could not be written: ${(cause as Error).message}`, { cause });
  }
}
