/** `progtuning generate`: writes the embedded task's files; `data/` holds what it gives for the defaults. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { generatedFiles } from '../datasets/generated.js';
import { writeTextAtomically } from '../models/checkpoint.js';
import { wholeNumber } from './numbers.js';

export const GENERATED_DEFAULTS = { train: 2000, dev: 500, seed: 1 } as const;

export function registerGenerate(program: Command): void {
  program
    .command('generate')
    .description("Write the generated sentiment task in SST-2's layout.")
    .requiredOption('--out <folder>', 'gets SST-2/train.tsv and SST-2/dev.tsv')
    .option('--train <n>', 'rows', wholeNumber('train', 2), GENERATED_DEFAULTS.train)
    .option('--dev <n>', 'rows', wholeNumber('dev', 2), GENERATED_DEFAULTS.dev)
    .option('--seed <n>', 'draws the sentences', wholeNumber('seed', 0), GENERATED_DEFAULTS.seed)
    .addHelpText('after', '\nExample:\n  progtuning generate --out my-data --seed 2')
    .action(async ({ out, train, dev, seed }: { out: string; train: number; dev: number; seed: number }) => {
      const folder = join(out, 'SST-2');
      await mkdir(folder, { recursive: true });
      for (const [name, text] of Object.entries(generatedFiles(train, dev, seed)))
        await writeTextAtomically(join(folder, name), text);
    });
}
