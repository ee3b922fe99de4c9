/** GGUF files (llama.cpp's): the header at once (gguf-header.ts), values on demand, dequantised to float32. */
import { dequantised } from './gguf-blocks.js';
import { type GgufHeader, readGgufHeader } from './gguf-header.js';
import { openTensorFile, type TensorFile } from './tensor-file.js';

/** An open GGUF file. */
export interface GgufFile extends GgufHeader, TensorFile {
  readonly path: string;
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
export const openGguf = async (path: string): Promise<GgufFile> => ({
  ...(await openTensorFile(path, {
    readHeader: readGgufHeader,
    bytesOf: ({ offset, bytes }) => ({ begin: offset, bytes }),
    valuesOf: (bytes, { dtype }) => dequantised(bytes, dtype),
  })),
  path,
});
