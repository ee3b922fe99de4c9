/** `progtuning generate`: writes the embedded tasks' files; `data/` holds what it gives for seed 1. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { GENERATED_TASKS, generatedFiles } from '../datasets/generated.js';
import { writeTextAtomically } from '../models/config-file.js';
import { wholeNumber } from './numbers.js';

export const GENERATED_SEED = 1;

interface GenerateFlags {
  readonly out: string;
  readonly seed: number;
  readonly tasks?: readonly string[];
}

export function registerGenerate(program: Command): void {
  program
    .command('generate')
    .requiredOption('--out <folder>', 'gets glue/<Task>/*.tsv, squad/*.json and plain/')
    .option('--seed <n>', 'draws the sentences', wholeNumber('seed', 0), GENERATED_SEED)
    .option('--tasks <names...>', `some of ${GENERATED_TASKS.join(', ')} (default: all)`)
    .addHelpText('after', '\nExample:\n  progtuning generate --out my-data --seed 2 --tasks CoLA SQuAD')
    .action(async ({ out, seed, tasks }: GenerateFlags) => {
      for (const [path, text] of Object.entries(generatedFiles(seed, tasks))) {
        await mkdir(dirname(join(out, path)), { recursive: true });
        await writeTextAtomically(join(out, path), text);
      }
    });
}
