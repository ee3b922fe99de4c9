/** Where data comes from: a folder in the original layout, the Hugging Face hub, or the task that ships with the package. */
import { basename, resolve, sep } from 'node:path';
import { UsageError } from '../errors.js';
import { exists } from '../exists.js';
import { packageRoot } from '../package.js';
import { readGlueFolder, type Split } from './glue.js';
import { modelFolder } from './hub.js';
import { readGlueHub } from './parquet.js';
import { hiddenSplit, type Task } from './task.js';

/** The package's `data/` folder. */
export const packageData = resolve(packageRoot, 'data');

/** How much of a split is read, and whether oddities are errors. */
export interface SplitOptions {
  /** Takes the first ones. */
  readonly maxExamples?: number | undefined;
  /** Refuses data that would be read with a warning: broken rows, blank lines, answers that are not at their place. */
  readonly strict?: boolean | undefined;
}

/** Generated text that ships, by what `--data` calls it, and its folder in `data/`: `plain` is what a small model learns in seconds. */
const SHIPPED_DATA: ReadonlyMap<string, string> = new Map([
  ['embedded', '.'],
  ['plain', 'plain'],
]);

/** Whether a `--data` value names generated text that ships with the package. */
export const isShippedData = (source: string): boolean => SHIPPED_DATA.has(source);

/** What `--data` calls a folder of the package's own data; undefined for other folders. */
export function shippedDataName(folder: string): string | undefined {
  const isWithin = (part: string): boolean =>
    resolve(folder).startsWith(`${resolve(packageData, part)}${sep}`);
  // The last that holds it is the innermost.
  return [...SHIPPED_DATA].findLast(([, part]) => isWithin(part))?.[0];
}

/** The folder that a `--data` value names. @param part what of the package's own data */
export function dataFolder(source: string, part: 'glue' | 'squad' = 'glue'): string {
  const shipped = SHIPPED_DATA.get(source);
  return shipped === undefined ? source : resolve(packageData, shipped, part);
}

/**
 * Reads one split.
 * @param split file name without ending: `train`, `dev`, `dev_matched`, `test` ...
 * @throws UsageError for a split with labels of a task that has none; DataError
 * @example
 * ```ts
 * import { datasets } from 'progtuning';
 *
 * const task = datasets.findTask('rte');
 * const { examples } = await datasets.readSplit('embedded', task, 'dev', { maxExamples: 10 });
 * console.log(examples.length, examples[0].texts.length); // 10 2
 * ```
 */
export async function readSplit(
  source: string,
  task: Task,
  split: string,
  options: SplitOptions = {},
): Promise<Split> {
  if (task.trainedOn && !hiddenSplit(task, split))
    throw new UsageError(
      `${task.name} has no ${split} split: fine-tune on ${task.trainedOn}, and predict ${task.name} with that model`,
    );
  return source === 'hub'
    ? readGlueHub(task, split, options)
    : readGlueFolder(dataFolder(source), task, split, options);
}

/** The checkpoint in `data/models/`, by its name. */
export const SHIPPED_MODEL = 'progtuning-bert-6x256';

/** The folder of a model that is on this machine: a folder as it is, or the package's own by name. */
export async function localModel(model: string): Promise<string | undefined> {
  if (await exists(model)) return model;
  const shipped = resolve(packageData, 'models', basename(model));
  return model === basename(model) && (await exists(shipped)) ? shipped : undefined;
}

/**
 * The folder of a model: a folder as it is, what ships with the package by its name, anything else like `name` or `owner/name` from the
 * Hugging Face hub, into the cache that Python shares.
 * @throws DataError with a remedy where the hub gives no such model
 * @example
 * ```ts
 * import { models } from 'progtuning';
 *
 * const folder = await models.resolveModel('progtuning-bert-6x256');
 * console.log((await models.readConfig(folder)).numHiddenLayers); // 6
 * ```
 */
export async function resolveModel(model: string): Promise<string> {
  const local = await localModel(model);
  if (local !== undefined) return local;
  const isPath = model.startsWith('.') || model.startsWith('/') || model.split('/').length > 2;
  return isPath ? model : modelFolder(model);
}
