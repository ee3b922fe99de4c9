/** Where a split of SQuAD comes from: a folder with the official files, the hub's parquet, or the one that ships with the package. */
import { createHash } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { type HubOptions, hubFile } from './hub.js';
import { readParquet } from './parquet.js';
import { packageData, type SplitOptions } from './source.js';
import { readSquadFile, type SquadSplit, type SquadVersion, squadFromRows } from './squad.js';

/** The hub's data sets, and the folder of their files. */
const HUB = {
  '1.1': { name: 'rajpurkar/squad', folder: 'plain_text' },
  '2.0': { name: 'rajpurkar/squad_v2', folder: 'squad_v2' },
} as const;

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

async function readFolder(folder: string, version: SquadVersion, split: string): Promise<SquadSource> {
  const path = join(folder, `${split}-v${version}.json`);
  await access(path).catch(() => {
    throw new DataError(`${path}: no such file; --data names the folder that holds SQuAD's official files`);
  });
  const read = await readSquadFile(path);
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
 * @throws DataError as `readSquad`; for v2.0 data where v1.1 is wanted; for parquet without a column
 */
export async function readSquadSplit(
  source: string,
  version: SquadVersion,
  split: 'train' | 'dev',
  { maxExamples = Number.POSITIVE_INFINITY, ...options }: SplitOptions & HubOptions = {},
): Promise<SquadSource> {
  const folder = source === 'embedded' ? join(packageData, 'squad') : source;
  const read = await (source === 'hub'
    ? readHub(version, split, options)
    : readFolder(folder, version, split));
  if (version === '1.1' && read.version === '2.0')
    throw new DataError(
      `${read.path}: has questions without an answer, so it is SQuAD v2.0; v1.1 is wanted. Use task squad_v2.`,
    );
  const examples = read.examples.slice(0, maxExamples);
  const taken = new Set(examples.map(({ id }) => id));
  return { ...read, examples, misplaced: read.misplaced.filter((id) => taken.has(id)) };
}
