/** A decoder whose tokens are bytes, as a Hugging Face folder: for tests that run from text to perplexity. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { saveCheckpoint } from '../src/models/checkpoint.js';
import type { ModelConfig } from '../src/models/config.js';
import { initialise } from '../src/models/initialise.js';
import { modelSpecs } from '../src/models/specs.js';

const END = '<|endoftext|>';

/** GPT-2's alphabet of bytes: printable ones stand for themselves, the others from 256 on. */
function byteAlphabet(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCodePoint(printable ? byte : next++);
  });
}

const vocabulary = [...byteAlphabet(), END];

/** Writes a model with fresh weights and a token for each byte, and one that ends a text. @returns the folder */
export async function byteModel(folder: string, config: ModelConfig): Promise<string> {
  const head = { kind: 'causal-lm' } as const;
  const specs = modelSpecs(config, head);
  const parameters = new Map(specs.map((spec) => [spec.name, initialise(spec, config, 1)]));
  await saveCheckpoint(folder, { folder: undefined, config, head, specs, parameters, initialised: [] });
  const added = { id: 256, content: END, special: true, normalized: false, lstrip: false, rstrip: false };
  const tokenizer = {
    ...{ version: '1.0', added_tokens: [{ ...added, single_word: false }], normalizer: null },
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    post_processor: null,
    model: { type: 'BPE', vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])), merges: [] },
  };
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  await writeFile(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({ tokenizer_class: 'GPT2Tokenizer' }),
  );
  return folder;
}
