/** Open files of tensors, in whatever format: names and shapes at once, values on demand. */
import { open, stat } from 'node:fs/promises';
import { DataError } from '../errors.js';
import { type OpenFile, readExactly } from './safetensors-header.js';

/** One pass without a branch or a call, since it goes over every weight of a model: 0 times NaN or infinity is NaN. */
function allFinite(data: Float32Array): boolean {
  let zero = 0;
  for (let i = 0; i < data.length; i++) zero += (data[i] as number) * 0;
  return zero === 0;
}

/** @throws DataError that names the tensor and the first value that is no number or infinite */
function checkFinite(name: string, data: Float32Array, path: string): void {
  if (allFinite(data)) return;
  const at = data.findIndex((value) => !Number.isFinite(value));
  const wrong = data.reduce((count, value) => count + (Number.isFinite(value) ? 0 : 1), 0);
  throw new DataError(
    `${path}: tensor '${name}' holds ${data[at]} at ${at} (${wrong} of ${data.length} values are not finite): its training diverged or the file is damaged; get it again, or train anew with a lower --learning-rate`,
  );
}

/** What is read of an open file besides its header. */
export interface TensorFile {
  /** float32 values of one tensor, row-major. @throws DataError when it is not there, of a type that is not read, or holds NaN or infinity */
  read(name: string): Promise<Float32Array>;
  /** Closes the file. */
  close(): Promise<void>;
}

/** How a format keeps tensors. @typeParam E what its header says of one */
export interface TensorFormat<H, E> {
  readHeader(file: OpenFile, size: number, path: string): Promise<H>;
  /** Where a tensor's bytes lie in the file. */
  bytesOf(entry: E, header: H): { readonly begin: number; readonly bytes: number };
  /** @param bytes at the start of a buffer of their own @throws DataError for a type that is not read */
  valuesOf(bytes: Uint8Array, entry: E, name: string): Float32Array;
}

/** Opens a file and reads its header; one tensor is in memory at a time. @throws DataError for one that is not there, or damaged */
export async function openTensorFile<E, H extends { readonly tensors: ReadonlyMap<string, E> }>(
  path: string,
  { readHeader, bytesOf, valuesOf }: TensorFormat<H, E>,
): Promise<H & TensorFile> {
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
        const { begin, bytes } = bytesOf(entry, header);
        // Of its own memory, not the pool's, and not filled with zeros first.
        const buffer = Buffer.allocUnsafeSlow(bytes);
        const data = valuesOf(await readExactly(file, buffer, begin, path), entry, name);
        checkFinite(name, data, path);
        return data;
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}
