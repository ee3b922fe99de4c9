/** Where a split of SQuAD comes from: a folder with the official files, the hub's parquet, or the one that ships with the package. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { exists } from '../exists.js';
import { hubFile } from './hub.js';
import type { HubOptions } from './hub-options.js';
import { readParquet } from './parquet.js';
import { dataFolder, type SplitOptions } from './source.js';
import {
  describeMisplaced,
  readSquadFile,
  type SquadSplit,
  type SquadVersion,
  squadFromRows,
} from './squad.js';

/** The hub's data sets, and the folder of their files. */
const HUB = {
  '1.1': { name: 'rajpurkar/squad', folder: 'plain_text' },
  '2.0': { name: 'rajpurkar/squad_v2', folder: 'squad_v2' },
} as const;

const TASK = { '1.1': 'squad', '2.0': 'squad_v2' } as const;
const HUB_SPLIT = { train: 'train', dev: 'validation' } as const;
const COLUMNS = ['id', 'title', 'context', 'question', 'answers'];

/** A split and the file that it comes from. */
export interface SquadSource extends SquadSplit {
  /** sha256 of the file's bytes: what a run record names as its data. */
  readonly hash: string;
  readonly path: string;
}

async function readHub(
  version: SquadVersion,
  split: 'train' | 'dev',
  options: HubOptions,
): Promise<SquadSource> {
  const { name, folder } = HUB[version];
  const file = `${folder}/${HUB_SPLIT[split]}-00000-of-00001.parquet`;
  const path = await hubFile({ type: 'dataset', name }, file, options);
  const { rows, hash } = await readParquet(path);
  const given = Object.keys(rows[0] ?? {});
  const missing = COLUMNS.filter((column) => rows.length > 0 && !given.includes(column));
  if (missing.length > 0)
    throw new DataError(`${path}: no column '${missing.join("', '")}'; there are: ${given.join(', ')}`);
  return { ...squadFromRows(rows, path), hash, path };
}

/** The file of the version's official name, or one of the other version's name that holds this version's data. */
async function readFolder(folder: string, version: SquadVersion, split: string): Promise<SquadSource> {
  const named = (of: SquadVersion): string => join(folder, `${split}-v${of}.json`);
  const [wanted, other] = [named(version), named(version === '1.1' ? '2.0' : '1.1')];
  const missing = `${wanted}: no such file`;
  const path = (await exists(wanted)) ? wanted : other;
  if (path === other && !(await exists(other)))
    throw new DataError(`${missing}; --data names the folder that holds SQuAD's official files`);
  const read = await readSquadFile(path);
  if (path === other && read.version !== version)
    throw new DataError(`${missing}; ${other} is SQuAD v${read.version}: use task ${TASK[read.version]}`);
  return {
    ...read,
    hash: createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
    path,
  };
}

/**
 * Reads one split.
 * @param source `embedded`, `hub`, or a folder that holds `train-v1.1.json`, `dev-v1.1.json` (or v2.0)
 * @param maxExamples takes the first questions
 * @throws DataError as `readSquad`; for v2.0 data where v1.1 is wanted; with `strict` for answers that are not at their place; for parquet without a column
 * @example
 * ```ts
 * import { datasets } from 'progtuning';
 *
 * const { examples, version } = await datasets.readSquadSplit('embedded', '1.1', 'dev', { maxExamples: 5 });
 * console.log(version, examples.length); // 1.1 5
 * ```
 */
export async function readSquadSplit(
  source: string,
  version: SquadVersion,
  split: 'train' | 'dev',
  { maxExamples = Number.POSITIVE_INFINITY, strict = false, ...options }: SplitOptions & HubOptions = {},
): Promise<SquadSource> {
  const folder = dataFolder(source, 'squad');
  const read = await (source === 'hub'
    ? readHub(version, split, options)
    : readFolder(folder, version, split));
  const unanswered = read.examples.filter(({ answers }) => answers.length === 0);
  if (version === '1.1' && unanswered[0])
    throw new DataError(
      `${read.path}: ${unanswered.length} of ${read.examples.length} questions have no answer (first: ${unanswered[0].id}), so it is SQuAD v2.0; v1.1 is wanted. Use task ${TASK['2.0']}.`,
    );
  const examples = read.examples.slice(0, maxExamples);
  const taken = new Set(examples.map(({ id }) => id));
  const found = { ...read, examples, misplaced: read.misplaced.filter((id) => taken.has(id)) };
  const told = strict ? describeMisplaced(found, 'mend the file, or leave --strict out') : undefined;
  if (told !== undefined) throw new DataError(`${read.path}: --strict: ${told}`);
  return found;
}
