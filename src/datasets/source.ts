/** Where data comes from: a folder in the original layout, or the tasks that ship with the package. */
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readGlueFolder, type Split } from './glue.js';
import type { Task } from './task.js';

/** The package's `data/` folder, seen from `dist/src/datasets/`. */
const packageData = resolve(dirname(fileURLToPath(import.meta.url)), '../../../data');

export interface SplitOptions {
  /** Takes the first ones. */
  readonly maxExamples?: number;
}

/** The folder that a `--data` value names: `embedded` is the package's own. */
export const dataFolder = (source: string): string =>
  source === 'embedded' ? resolve(packageData, 'glue') : source;

/** Reads one split. @param split file name without ending: `train`, `dev`, `dev_matched` ... @throws DataError */
export const readSplit = (
  source: string,
  task: Task,
  split: string,
  { maxExamples }: SplitOptions = {},
): Promise<Split> => readGlueFolder(dataFolder(source), task, split, maxExamples);
