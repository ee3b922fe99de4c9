/**
 * Files of a data set on the hub. One file is named as Python's file systems name it, `hf://datasets/owner/name@revision/path`, and a whole data
 * set by its id: its files are found by the words in their names, as the `datasets` library finds them.
 */
import { DataError, UsageError } from '../errors.js';
import { commitOf, credentials, explained, type HubRepo, hubFile, isOffline, loadHub } from './hub.js';
import { ending, TABLE_ENDINGS } from './tables/endings.js';

const URI = /^hf:\/\/datasets\/([^/@]+\/[^/@]+)(?:@([^/]+))?\/(.+)$/;

/** Where a file lies on this machine: `hf://` ones are fetched into the cache. @throws DataError as `hubFile`; UsageError for another `hf://` name */
export async function localFile(path: string): Promise<string> {
  if (!path.startsWith('hf://')) return path;
  const [, name, revision, file] = URI.exec(path) ?? [];
  if (name === undefined || file === undefined)
    throw new UsageError(`${path}: wanted hf://datasets/owner/name/path, or with @revision behind the name`);
  return hubFile({ type: 'dataset', name, ...(revision ? { revision } : {}) }, file);
}

export interface DatasetRequest {
  /** `owner/name`. */
  readonly name: string;
  /** The folder of its files, where a data set has several configurations. */
  readonly config?: string | undefined;
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string | undefined;
}

/** Names that one file has, by split, with the commit in them: the same data whenever they are read. */
export interface DatasetFiles {
  readonly train: string;
  readonly validation?: string;
  readonly test?: string;
}

/** As `datasets` has them; the first that a path has. */
const WORDS = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'dev', 'val'],
  test: ['test', 'testing', 'eval', 'evaluation'],
} as const;

const splitOf = (path: string): keyof DatasetFiles | undefined => {
  const words = path.toLowerCase().split(/[^a-z]+/);
  const splits = Object.keys(WORDS) as (keyof DatasetFiles)[];
  return splits.find((split) => words.some((word) => (WORDS[split] as readonly string[]).includes(word)));
};

const isTable = (path: string): boolean =>
  TABLE_ENDINGS.includes(ending(path)) && !/^(README|LICENSE|dataset_infos?)\b/i.test(path);

async function tablesOf(repo: HubRepo, revision: string): Promise<string[]> {
  const { listFiles } = await loadHub();
  const paths: string[] = [];
  const of = { repo: { type: repo.type, name: repo.name }, revision, recursive: true, ...credentials() };
  for await (const { type, path } of listFiles(of)) if (type === 'file' && isTable(path)) paths.push(path);
  return paths.sort();
}

/** The one file of a split. @throws DataError for several */
function fileOf(paths: readonly string[], split: keyof DatasetFiles, name: string): string | undefined {
  const found = paths.filter((path) => splitOf(path) === split);
  if (found.length > 1)
    throw new DataError(
      `data set '${name}': ${found.length} files are its ${split} split (${found.slice(0, 4).join(', ')}${found.length > 4 ? ' ...' : ''}); name a configuration with --dataset-config-name, or one file: --train-file hf://datasets/${name}/${found[0]}`,
    );
  return found[0];
}

/** @throws DataError for a data set without tables, or whose splits are not one file each; UsageError offline */
export async function datasetFiles({ name, config, revision }: DatasetRequest): Promise<DatasetFiles> {
  const repo: HubRepo = { type: 'dataset', name, ...(revision === undefined ? {} : { revision }) };
  if (isOffline())
    throw new UsageError(
      `--dataset-name: HF_HUB_OFFLINE is set; give a file that is in the cache, --train-file hf://datasets/${name}@revision/path`,
    );
  try {
    const commit = await commitOf(repo);
    const all = await tablesOf(repo, commit);
    const paths = config === undefined ? all : all.filter((path) => path.split(/[/.]/).includes(config));
    if (paths.length === 0)
      throw new DataError(
        `data set '${name}': no ${TABLE_ENDINGS.map((ending) => `.${ending}`).join(' ')} file${config === undefined ? '' : ` of configuration '${config}'`}; it has ${all.slice(0, 8).join(', ') || 'none'}`,
      );
    const only = paths.length === 1 ? paths[0] : undefined;
    const train = fileOf(paths, 'train', name) ?? only;
    if (train === undefined)
      throw new DataError(
        `data set '${name}': which file is for training? ${paths.join(', ')}; give --train-file hf://datasets/${name}/...`,
      );
    const uri = (path: string): string => `hf://datasets/${name}@${commit}/${path}`;
    const [validation, test] = (['validation', 'test'] as const).map((split) => fileOf(paths, split, name));
    return {
      train: uri(train),
      ...(validation ? { validation: uri(validation) } : {}),
      ...(test ? { test: uri(test) } : {}),
    };
  } catch (error) {
    throw explained(error, repo, undefined);
  }
}
