/** A GGUF file -> a Hugging Face folder: `config.json`, the tokenizer's files and float32 weights. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { exists } from '../exists.js';
import { ggufTokenizer } from '../tokenizers/gguf.js';
import { saveTokenizer } from '../tokenizers/save.js';
import { writeTextAtomically } from './config-file.js';
import { type GgufFile, openGguf } from './gguf.js';
import { checkLlamaTensors, type LlamaTensor, llamaConfig, llamaTensors, unpermuted } from './gguf-llama.js';
import { sizeOf } from './parameters.js';
import { type LazyTensor, writeSafetensors } from './safetensors.js';

const WEIGHTS = 'model.safetensors';

const lazy = (file: GgufFile, { stored, shape, heads }: LlamaTensor): LazyTensor => ({
  shape,
  read: async () => {
    const data = await file.read(stored);
    return heads === undefined ? data : unpermuted(data, shape[0] as number, heads);
  },
});

/** What was written. */
export interface ConvertedGguf {
  /** Values of all tensors. */
  readonly parameters: number;
  /** Types that the values were stored in, and how many tensors of each. */
  readonly types: Readonly<Record<string, number>>;
}

/**
 * Writes a LLaMA that lies in a GGUF file as a Hugging Face folder, which `transformers` and this package read: dequantised to float32, the
 * weights last, so that a folder with weights is whole. One tensor is in memory at a time.
 * @param path of the `.gguf` file
 * @throws DataError for another architecture, a type of tensor or tokenizer that is not read, a damaged file, a folder that holds a model
 * @example
 * ```ts
 * import { models } from 'progtuning';
 *
 * const { types } = await models.convertGguf('models/tiny-llama.gguf', 'models/from-gguf');
 * console.log(types.Q8_0, types.F16, types.F32); // 2 4 5
 * ```
 */
export async function convertGguf(path: string, folder: string): Promise<ConvertedGguf> {
  const file = await openGguf(path);
  try {
    const config = llamaConfig(file);
    const tensors = llamaTensors(config);
    checkLlamaTensors(tensors, file.tensors, path);
    const tokenizer = await ggufTokenizer(file.fields, path);
    if (tokenizer.vocabSize > config.vocab_size)
      throw new DataError(
        `${path}: the tokenizer has ${tokenizer.vocabSize} tokens, the model only ${config.vocab_size}; the file is damaged`,
      );
    if (await exists(join(folder, WEIGHTS)))
      throw new DataError(`${folder}: holds a model already; give another folder, or remove it`);
    await mkdir(folder, { recursive: true });
    await saveTokenizer(folder, tokenizer, { maxLength: config.max_position_embeddings });
    await writeTextAtomically(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
    await writeSafetensors(
      join(folder, WEIGHTS),
      tensors.map((tensor) => [tensor.name, lazy(file, tensor)] as const),
    );
    return { parameters: parametersOf(tensors), types: typesOf(file) };
  } finally {
    await file.close();
  }
}

const parametersOf = (tensors: readonly LlamaTensor[]): number =>
  tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

function typesOf({ tensors }: GgufFile): Record<string, number> {
  const types: Record<string, number> = {};
  for (const { dtype } of tensors.values()) types[dtype] = (types[dtype] ?? 0) + 1;
  return types;
}
