/** `progtuning convert`: a GGUF file as a Hugging Face folder. */
import type { Command } from 'commander';
import { convertGguf } from '../models/gguf-folder.js';

const EXAMPLES = `
Example:
  progtuning convert model.gguf --out models/from-gguf
Read are LLaMAs (SmolLM2 among them) in F32, F16, BF16, Q8_0, Q4_0 and Q4_1, with a byte-level BPE tokenizer inside; anything else is refused by name.
The folder has config.json, model.safetensors in float32 and the tokenizer with its chat template: Python's from_pretrained reads it.`;

export function registerConvert(program: Command): void {
  program
    .command('convert')
    .argument('<file>', 'a .gguf file')
    .requiredOption('--out <folder>', 'where the model goes')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, { out }: { readonly out: string }) => {
      const { parameters, types } = await convertGguf(file, out);
      const stored = Object.entries(types).map(([type, count]) => `${count} in ${type}`);
      process.stdout.write(
        `${out}: ${parameters.toLocaleString('en')} parameters, float32 (of the tensors ${stored.join(', ')})\n`,
      );
    });
}
