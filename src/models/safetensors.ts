/**
 * safetensors files (https://github.com/huggingface/safetensors): 8 bytes header length, a JSON header, raw little-endian data.
 * Reading trusts nothing: lengths, types and offsets are checked before a byte of data is read.
 */
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { z } from 'zod';
import { DataError } from '../errors.js';
import { fromBfloat16, fromFloat16, toFloat16 } from './half.js';
import { sizeOf } from './parameters.js';

export interface NamedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The reference implementation's limit on the header. */
const MAX_HEADER = 100_000_000;

const BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;
type StoredType = keyof typeof BYTES;
const FLOATS: readonly string[] = ['F32', 'F16', 'BF16'];

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.number().int().nonnegative()),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});
type Entry = z.infer<typeof entrySchema>;

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, Entry>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the data begins, in bytes. */
  readonly start: number;
}

async function exactly(file: FileHandle, length: number, position: number, path: string): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(buffer, read, length - read, position + read);
    if (bytesRead === 0)
      throw new DataError(`${path}: truncated: ${length} bytes expected at ${position}, got ${read}`);
    read += bytesRead;
  }
  return buffer;
}

function parseHeader(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new DataError(`${path}: not a safetensors file: its header is not JSON`);
  }
}

function checkEntry(name: string, entry: Entry, available: number, path: string): void {
  const bytes = BYTES[entry.dtype as StoredType];
  if (bytes === undefined) {
    throw new DataError(
      `${path}: tensor '${name}' has type ${entry.dtype}; known: ${Object.keys(BYTES).join(', ')}`,
    );
  }
  const [begin, end] = entry.data_offsets;
  const size = sizeOf(entry.shape) * bytes;
  if (end - begin !== size) {
    const wanted = `[${entry.shape}] ${entry.dtype} takes ${size} bytes`;
    throw new DataError(
      `${path}: tensor '${name}': ${wanted}, its offsets [${begin}, ${end}] give ${end - begin}`,
    );
  }
  if (end > available) {
    throw new DataError(
      `${path}: truncated: tensor '${name}' ends at byte ${end} of the data, the file has ${available}`,
    );
  }
}

/** Reads and checks the header. @throws DataError on a file that is missing, truncated or not safetensors */
async function readHeader(file: FileHandle, size: number, path: string): Promise<SafetensorsHeader> {
  if (size < 8) throw new DataError(`${path}: not a safetensors file: ${size} bytes`);
  const length = Number((await exactly(file, 8, 0, path)).readBigUInt64LE());
  if (length > MAX_HEADER || length > size - 8) {
    throw new DataError(
      `${path}: not a safetensors file, or truncated: header of ${length} bytes in a file of ${size}`,
    );
  }
  const raw = parseHeader((await exactly(file, length, 8, path)).toString('utf8'), path);
  if (typeof raw !== 'object' || raw === null)
    throw new DataError(`${path}: not a safetensors file: bad header`);
  const tensors = new Map<string, Entry>();
  const available = size - 8 - length;
  for (const [name, value] of Object.entries(raw)) {
    if (name === '__metadata__') continue;
    const parsed = entrySchema.safeParse(value);
    if (!parsed.success) throw new DataError(`${path}: header entry of tensor '${name}' is malformed`);
    checkEntry(name, parsed.data, available, path);
    tensors.set(name, parsed.data);
  }
  checkNoOverlap(tensors, path);
  const metadata = z
    .record(z.string(), z.string())
    .safeParse((raw as Record<string, unknown>).__metadata__ ?? {});
  return { tensors, metadata: metadata.success ? metadata.data : {}, start: 8 + length };
}

function checkNoOverlap(tensors: ReadonlyMap<string, Entry>, path: string): void {
  const spans = [...tensors].map(([name, { data_offsets }]) => ({ name, data_offsets }));
  spans.sort((a, b) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  for (let i = 1; i < spans.length; i++) {
    const [former, next] = [spans[i - 1], spans[i]] as [(typeof spans)[0], (typeof spans)[0]];
    if (next.data_offsets[0] < former.data_offsets[1]) {
      throw new DataError(`${path}: tensors '${former.name}' and '${next.name}' overlap`);
    }
  }
}

function toFloat32(bytes: Buffer, dtype: string): Float32Array {
  if (dtype === 'F32') {
    const data = new Float32Array(bytes.length / 4);
    new Uint8Array(data.buffer).set(bytes);
    return data;
  }
  const convert = dtype === 'F16' ? fromFloat16 : fromBfloat16;
  const data = new Float32Array(bytes.length / 2);
  for (let i = 0; i < data.length; i++) data[i] = convert(bytes.readUInt16LE(2 * i));
  return data;
}

/** An open safetensors file: names and shapes at once, values on demand. */
export interface SafetensorsFile extends SafetensorsHeader {
  /** float32 values of one F32, F16 or BF16 tensor. @throws DataError when it is not there or not a float */
  read(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const size = await stat(path).then(
    (entry) => entry.size,
    () => undefined,
  );
  if (size === undefined) throw new DataError(`${path}: no such file`);
  const file = await open(path, 'r');
  try {
    const header = await readHeader(file, size, path);
    return {
      ...header,
      async read(name) {
        const entry = header.tensors.get(name);
        if (!entry) throw new DataError(`${path}: no tensor '${name}'`);
        if (!FLOATS.includes(entry.dtype)) {
          throw new DataError(
            `${path}: tensor '${name}' has type ${entry.dtype}; wanted ${FLOATS.join(', ')}`,
          );
        }
        const [begin, end] = entry.data_offsets;
        return toFloat32(await exactly(file, end - begin, header.start + begin, path), entry.dtype);
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Every float tensor of a file. */
export async function readSafetensors(path: string): Promise<Map<string, NamedTensor>> {
  const file = await openSafetensors(path);
  try {
    const tensors = new Map<string, NamedTensor>();
    for (const [name, { shape, dtype }] of file.tensors) {
      if (FLOATS.includes(dtype)) tensors.set(name, { shape, data: await file.read(name) });
    }
    return tensors;
  } finally {
    await file.close();
  }
}

export interface WriteOptions {
  readonly dtype?: 'F32' | 'F16';
  readonly metadata?: Readonly<Record<string, string>>;
}

function encode(data: Float32Array, dtype: 'F32' | 'F16'): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return new Uint8Array(Uint16Array.from(data, toFloat16).buffer);
}

/** Writes a file under a temporary name beside the final one, then renames: a reader never sees half of it. */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, NamedTensor]>,
  { dtype = 'F32', metadata = { format: 'pt' } }: WriteOptions = {},
): Promise<void> {
  const list = [...tensors];
  let offset = 0;
  const entries = list.map(([name, { shape, data }]) => {
    const begin = offset;
    offset += data.length * BYTES[dtype];
    return [name, { dtype, shape, data_offsets: [begin, offset] }] as const;
  });
  const json = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) });
  const header = Buffer.from(
    json.padEnd(Math.ceil(Buffer.byteLength(json) / 8) * 8 - Buffer.byteLength(json) + json.length),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const partial = `${path}.${process.pid}.partial`;
  const file = await open(partial, 'w');
  try {
    await file.write(length);
    await file.write(header);
    for (const [, { data }] of list) await file.write(encode(data, dtype));
    await file.sync();
    await file.close();
    await rename(partial, path);
  } catch (cause) {
    await file.close().catch(() => undefined);
    await rm(partial, { force: true });
    throw new DataError(`${path}: could not be written: ${(cause as Error).message}`, { cause });
  }
}
