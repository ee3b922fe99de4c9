/** GGUF files (llama.cpp's): the header at once (gguf-header.ts), values on demand, dequantised to float32. */
import { open, stat } from 'node:fs/promises';
import { DataError } from '../errors.js';
import { dequantised } from './gguf-blocks.js';
import { type GgufHeader, readGgufHeader } from './gguf-header.js';
import { checkFinite } from './safetensors.js';
import { readExactly } from './safetensors-header.js';

/** An open GGUF file. */
export interface GgufFile extends GgufHeader {
  readonly path: string;
  /** Float32 values of one tensor, row-major. @throws DataError when it is not there, or holds NaN or infinity */
  read(name: string): Promise<Float32Array>;
  /** Closes the file. */
  close(): Promise<void>;
}

/**
 * Opens a GGUF file and reads its header: fields, names, shapes and types. One tensor is in memory at a time.
 * @throws DataError for one that is truncated, damaged, or holds a tensor of a type that is not read (read are F32, F16, BF16, Q8_0, Q4_0, Q4_1)
 * @example
 * ```ts
 * import { models } from 'progtuning';
 *
 * const file = await models.openGguf('models/tiny-llama.gguf');
 * console.log(file.fields.get('general.architecture'), file.tensors.get('blk.0.attn_k.weight')?.dtype); // llama Q8_0
 * const values = await file.read('blk.0.attn_k.weight');
 * await file.close();
 * console.log(values.length); // 512
 * ```
 */
export async function openGguf(path: string): Promise<GgufFile> {
  const size = await stat(path).then(
    (entry) => entry.size,
    () => undefined,
  );
  if (size === undefined) throw new DataError(`${path}: no such file`);
  const file = await open(path, 'r');
  try {
    const header = await readGgufHeader(file, size, path);
    return {
      ...header,
      path,
      async read(name) {
        const entry = header.tensors.get(name);
        if (!entry) throw new DataError(`${path}: no tensor '${name}'`);
        const buffer = Buffer.allocUnsafeSlow(entry.bytes);
        const data = dequantised(await readExactly(file, buffer, entry.offset, path), entry.dtype);
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
