/**
 * The header of a safetensors file: 8 bytes length, then JSON that says of each tensor its type, shape and place. Nothing of it is
 * trusted: lengths, offsets and names are checked before a byte of data is read.
 */

import { DataError } from '../errors.js';
import * as z from '../schema.js';
import { sizeOf } from './parameters.js';

/** The reference implementation's limit on the header. */
const MAX_HEADER = 100_000_000;

/** Bytes of a value, for types whose extent is checked; a tensor of another type can be skipped, not read. */
const BYTES: Readonly<Record<string, number>> = {
  ...{ F64: 8, F32: 4, F16: 2, BF16: 2, C64: 8, F8_E4M3: 1, F8_E5M2: 1, F8_E8M0: 1, BOOL: 1 },
  ...{ I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U32: 4, U16: 2, U8: 1 },
};

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.number().int().nonnegative()),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});

/**
 * A tensor as the header has it: type, shape, first and last byte.
 *
 * @interface
 */
export type TensorEntry = z.infer<typeof entrySchema>;

/** What a safetensors file says of itself. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the data begins, in bytes. */
  readonly start: number;
}

/** What is asked of an open file; without Node's types, which a program that uses ours need not have. */
export interface OpenFile {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
}

/** Fills a buffer from a file. @throws DataError where it ends before */
export async function readExactly<Bytes extends Uint8Array>(
  file: OpenFile,
  buffer: Bytes,
  position: number,
  path: string,
): Promise<Bytes> {
  const { length } = buffer;
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(buffer, read, length - read, position + read);
    if (bytesRead === 0)
      throw new DataError(`${path}: truncated: ${length} bytes expected at ${position}, got ${read}`);
    read += bytesRead;
  }
  return buffer;
}

/** The first key that an object of a JSON text holds twice: `JSON.parse` would keep the last without a word. */
export function duplicateKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (const [token, key] of json.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (key !== undefined) {
      const name = JSON.parse(key) as string;
      const keys = open.at(-1);
      if (keys?.has(name)) return name;
      keys?.add(name);
    }
  }
  return undefined;
}

function parseHeader(text: string, path: string): Record<string, unknown> {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new DataError(`${path}: not a safetensors file: its header is not JSON`);
  }
  if (typeof raw !== 'object' || raw === null)
    throw new DataError(`${path}: not a safetensors file: bad header`);
  const twice = duplicateKey(text);
  if (twice !== undefined)
    throw new DataError(
      `${path}: its header has '${twice}' twice, so one of two values would be ignored; write the file anew`,
    );
  return raw as Record<string, unknown>;
}

function checkEntry(name: string, entry: TensorEntry, available: number, path: string): void {
  const bytes = BYTES[entry.dtype];
  const [begin, end] = entry.data_offsets;
  const size = bytes === undefined ? end - begin : sizeOf(entry.shape) * bytes;
  if (end - begin !== size || size < 0) {
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

function checkNoOverlap(tensors: ReadonlyMap<string, TensorEntry>, path: string): void {
  const spans = [...tensors].map(([name, { data_offsets }]) => ({ name, data_offsets }));
  spans.sort((a, b) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  for (let i = 1; i < spans.length; i++) {
    const [former, next] = [spans[i - 1], spans[i]] as [(typeof spans)[0], (typeof spans)[0]];
    if (next.data_offsets[0] < former.data_offsets[1]) {
      throw new DataError(`${path}: tensors '${former.name}' and '${next.name}' overlap`);
    }
  }
}

/** Reads and checks the header. @param size of the file, in bytes @throws DataError on a file that is truncated or not safetensors */
export async function readHeader(file: OpenFile, size: number, path: string): Promise<SafetensorsHeader> {
  if (size < 8) throw new DataError(`${path}: not a safetensors file: ${size} bytes`);
  const length = Number((await readExactly(file, Buffer.alloc(8), 0, path)).readBigUInt64LE());
  if (length > MAX_HEADER || length > size - 8) {
    throw new DataError(
      `${path}: not a safetensors file, or truncated: header of ${length} bytes in a file of ${size}`,
    );
  }
  const raw = parseHeader((await readExactly(file, Buffer.alloc(length), 8, path)).toString('utf8'), path);
  const tensors = new Map<string, TensorEntry>();
  const available = size - 8 - length;
  for (const [name, value] of Object.entries(raw)) {
    if (name === '__metadata__') continue;
    const parsed = entrySchema.safeParse(value);
    if (!parsed.success) throw new DataError(`${path}: header entry of tensor '${name}' is malformed`);
    checkEntry(name, parsed.data, available, path);
    tensors.set(name, parsed.data);
  }
  checkNoOverlap(tensors, path);
  const metadata = z.record(z.string(), z.string()).safeParse(raw.__metadata__ ?? {});
  return { tensors, metadata: metadata.success ? metadata.data : {}, start: 8 + length };
}
