/**
 * The header of a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian): fields, then each
 * tensor's name, shape, type and place. Nothing of it is trusted: every length is held against the bytes that the file still has before any
 * memory is taken for it.
 */
import { DataError } from '../errors.js';
import { blockFormat, typeName } from './gguf-blocks.js';
import { sizeOf } from './parameters.js';
import { type OpenFile, readExactly } from './safetensors-header.js';

/** A value of a field; whole numbers that a double does not hold are refused. */
export type GgufValue = string | number | boolean | readonly GgufValue[];

/** A tensor as the header has it: type by ggml's name, shape as PyTorch writes it, place in bytes. */
export interface GgufTensor {
  readonly dtype: string;
  /** Slowest dimension first: the reverse of what the file says. */
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

/** What a GGUF file says of itself. */
export interface GgufHeader {
  readonly version: number;
  /** Key -> value, as `llama.block_count`. */
  readonly fields: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** Bytes that are read ahead. */
const CHUNK = 2 ** 20;

/** A field's text, as a chat template or a key; far over any that is there. */
const LONGEST_TEXT = 2 ** 26;

/** ggml's limit. */
const MOST_DIMENSIONS = 4;

/** Reads a file from its start, a chunk at a time. */
class Cursor {
  #chunk = Buffer.alloc(0);
  /** Of the chunk, in the file. */
  #start = 0;
  #at = 0;

  constructor(
    private readonly file: OpenFile,
    private readonly size: number,
    readonly path: string,
  ) {}

  get place(): number {
    return this.#start + this.#at;
  }

  /** Bytes until the end of the file. */
  get left(): number {
    return this.size - this.place;
  }

  /** @param count bytes that are wanted next @param what for the message */
  async take(count: number, what: string): Promise<Buffer> {
    if (count > this.left)
      throw new DataError(
        `${this.path}: truncated or damaged: ${what} wants ${count} bytes at ${this.place}, the file has ${this.left} more; download it again`,
      );
    if (this.#at + count > this.#chunk.length) {
      this.#start = this.place;
      this.#at = 0;
      const length = Math.min(this.left, Math.max(count, CHUNK));
      this.#chunk = await readExactly(this.file, Buffer.allocUnsafeSlow(length), this.#start, this.path);
    }
    this.#at += count;
    return this.#chunk.subarray(this.#at - count, this.#at);
  }

  async uint32(what: string): Promise<number> {
    return (await this.take(4, what)).readUInt32LE();
  }

  /** @throws DataError for one that a double does not hold */
  async uint64(what: string): Promise<number> {
    return whole((await this.take(8, what)).readBigUInt64LE(), what, this.path);
  }

  async text(what: string): Promise<string> {
    const length = await this.uint64(`the length of ${what}`);
    if (length > LONGEST_TEXT)
      throw new DataError(
        `${this.path}: ${what} is ${length} bytes long, over the ${LONGEST_TEXT} that are read: the file is damaged; download it again`,
      );
    const bytes = await this.take(length, what);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (cause) {
      throw new DataError(`${this.path}: ${what} is not UTF-8; the file is damaged, download it again`, {
        cause,
      });
    }
  }
}

function whole(value: bigint, what: string, path: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number))
    throw new DataError(
      `${path}: ${what} is ${value}, more than can be: the file is damaged; download it again`,
    );
  return number;
}

/** Types of values, by number: bytes, and the value. */
const SCALARS: Readonly<Record<number, readonly [number, (bytes: Buffer) => number | bigint | boolean]>> = {
  0: [1, (bytes) => bytes.readUInt8()],
  1: [1, (bytes) => bytes.readInt8()],
  2: [2, (bytes) => bytes.readUInt16LE()],
  3: [2, (bytes) => bytes.readInt16LE()],
  4: [4, (bytes) => bytes.readUInt32LE()],
  5: [4, (bytes) => bytes.readInt32LE()],
  6: [4, (bytes) => bytes.readFloatLE()],
  7: [1, (bytes) => bytes.readUInt8() !== 0],
  10: [8, (bytes) => bytes.readBigUInt64LE()],
  11: [8, (bytes) => bytes.readBigInt64LE()],
  12: [8, (bytes) => bytes.readDoubleLE()],
};
const TEXT = 8;
const LIST = 9;
/** Bytes that one of them takes at least. */
const LEAST: Readonly<Record<number, number>> = { [TEXT]: 8, [LIST]: 12 };

async function readValue(cursor: Cursor, type: number, what: string): Promise<GgufValue> {
  if (type === TEXT) return cursor.text(what);
  if (type === LIST) return readList(cursor, what);
  const scalar = SCALARS[type];
  if (!scalar)
    throw new DataError(
      `${cursor.path}: ${what} has the type ${type}, which GGUF does not know; the file is damaged, download it again`,
    );
  const value = scalar[1](await cursor.take(scalar[0], what));
  return typeof value === 'bigint' ? whole(value, what, cursor.path) : value;
}

async function readList(cursor: Cursor, what: string): Promise<readonly GgufValue[]> {
  const type = await cursor.uint32(`the type of ${what}`);
  const count = await cursor.uint64(`the length of ${what}`);
  if (type === LIST) throw new DataError(`${cursor.path}: ${what} is a list of lists, which no model has`);
  const least = count * (SCALARS[type]?.[0] ?? LEAST[type] ?? 1);
  if (least > cursor.left)
    throw new DataError(
      `${cursor.path}: truncated or damaged: ${what} has ${count} entries, for which ${cursor.left} bytes are left; download it again`,
    );
  const values: GgufValue[] = [];
  for (let i = 0; i < count; i++) values.push(await readValue(cursor, type, `${what}[${i}]`));
  return values;
}

async function readFields(cursor: Cursor, count: number): Promise<Map<string, GgufValue>> {
  const fields = new Map<string, GgufValue>();
  for (let i = 0; i < count; i++) {
    const key = await cursor.text(`key ${i + 1} of ${count}`);
    if (fields.has(key)) throw new DataError(`${cursor.path}: the field '${key}' stands twice`);
    fields.set(key, await readValue(cursor, await cursor.uint32(`the type of ${key}`), key));
  }
  return fields;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** From the start of the data. */
  readonly offset: number;
  readonly bytes: number;
}

async function readEntry(cursor: Cursor, name: string): Promise<Entry> {
  const what = `tensor '${name}'`;
  const dimensions = await cursor.uint32(`the dimensions of ${what}`);
  if (dimensions > MOST_DIMENSIONS)
    throw new DataError(
      `${cursor.path}: ${what} has ${dimensions} dimensions, GGUF knows ${MOST_DIMENSIONS} at most; the file is damaged`,
    );
  const shape: number[] = [];
  for (let i = 0; i < dimensions; i++) shape.unshift(await cursor.uint64(`the shape of ${what}`));
  const type = await cursor.uint32(`the type of ${what}`);
  const offset = await cursor.uint64(`the place of ${what}`);
  const format = blockFormat(type);
  if (!format)
    throw new DataError(
      `${cursor.path}: ${what} is stored as ${typeName(type)}, which is not read; read are F32, F16, BF16, Q8_0, Q4_0 and Q4_1: get the model in one of them`,
    );
  const size = sizeOf(shape);
  if (!Number.isSafeInteger(size) || (shape.at(-1) ?? 1) % format.block !== 0)
    throw new DataError(
      `${cursor.path}: ${what} has the shape [${shape}], whose rows are no multiple of the ${format.block} values of a block of ${format.name}; the file is damaged`,
    );
  return { dtype: format.name, shape, offset, bytes: (size / format.block) * format.bytes };
}

/** Least bytes of a field, and of a tensor's entry: counts beyond are no counts. */
const LEAST_ENTRY = 12;

async function readCounts(cursor: Cursor): Promise<{ version: number; tensors: number; fields: number }> {
  const { path } = cursor;
  const magic = cursor.left < 24 ? '' : (await cursor.take(4, 'the magic number')).toString('latin1');
  if (magic !== 'GGUF')
    throw new DataError(
      `${path}: not a GGUF file: it does not begin with GGUF; is the download whole, and no page that says it failed?`,
    );
  const version = await cursor.uint32('the version');
  if (version !== 2 && version !== 3)
    throw new DataError(
      version >= 2 ** 24
        ? `${path}: a big-endian GGUF file; only little-endian ones are read`
        : `${path}: GGUF version ${version}; versions 2 and 3 are read: convert the model again with a recent llama.cpp`,
    );
  const tensors = await cursor.uint64('the number of tensors');
  const fields = await cursor.uint64('the number of fields');
  if ((tensors + fields) * LEAST_ENTRY > cursor.left)
    throw new DataError(
      `${path}: truncated or damaged: ${fields} fields and ${tensors} tensors are announced in ${cursor.left} bytes; download it again`,
    );
  return { version, tensors, fields };
}

/** Where the data begins: the next multiple of the alignment. @throws DataError for one that is no power of 2 */
function dataStart({ place, path }: Cursor, fields: ReadonlyMap<string, GgufValue>): number {
  const alignment = fields.get('general.alignment') ?? 32;
  if (typeof alignment !== 'number' || alignment < 1 || !Number.isInteger(Math.log2(alignment)))
    throw new DataError(`${path}: general.alignment is ${alignment}; wanted a power of 2`);
  return Math.ceil(place / alignment) * alignment;
}

/**
 * Reads and checks the header.
 * @param size of the file, in bytes
 * @throws DataError on a file that is truncated, damaged, not GGUF, or holds a tensor of a type that is not read
 */
export async function readGgufHeader(file: OpenFile, size: number, path: string): Promise<GgufHeader> {
  const cursor = new Cursor(file, size, path);
  const counts = await readCounts(cursor);
  const fields = await readFields(cursor, counts.fields);
  const entries = new Map<string, Entry>();
  for (let i = 0; i < counts.tensors; i++) {
    const name = await cursor.text(`the name of tensor ${i + 1} of ${counts.tensors}`);
    if (entries.has(name)) throw new DataError(`${path}: the tensor '${name}' stands twice`);
    entries.set(name, await readEntry(cursor, name));
  }
  const start = dataStart(cursor, fields);
  const tensors = new Map<string, GgufTensor>();
  for (const [name, { offset, ...entry }] of entries) {
    const end = start + offset + entry.bytes;
    if (end > size)
      throw new DataError(
        `${path}: truncated: tensor '${name}' ends at byte ${end}, the file has ${size}; download it again`,
      );
    tensors.set(name, { ...entry, offset: start + offset });
  }
  return { version: counts.version, fields, tensors };
}
