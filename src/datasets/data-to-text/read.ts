/** Splits of E2E NLG and WebNLG from a folder; where the training part is missing, a fixed one is cut from the development part. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DataError, UsageError } from '../../errors.js';
import { exists } from '../../exists.js';
import { permutation, STREAM } from '../../random.js';
import { hashFile } from '../corpus.js';
import { readE2e } from './e2e.js';
import type { DataToTextExample } from './example.js';
import { readWebnlg } from './webnlg.js';

/** Data sets of data-to-text generation. */
export type DataToTextTask = 'e2e' | 'webnlg';

export const DATA_TO_TEXT_TASKS: readonly DataToTextTask[] = ['e2e', 'webnlg'];

/** Undefined for a task of another kind. */
export const findDataToText = (task: string): DataToTextTask | undefined =>
  DATA_TO_TEXT_TASKS.find((known) => known === task);

/** Parts of a data set. */
export type DataToTextPart = 'train' | 'dev' | 'test';

interface Source {
  readonly title: string;
  readonly files: Readonly<Record<DataToTextPart, string>>;
  readonly read: (path: string) => Promise<DataToTextExample[]>;
}

const SOURCES: Readonly<Record<DataToTextTask, Source>> = {
  e2e: {
    title: 'E2E NLG',
    files: { train: 'trainset.csv', dev: 'devset.csv', test: 'testset_w_refs.csv' },
    read: readE2e,
  },
  webnlg: {
    title: 'WebNLG',
    files: { train: 'train.jsonl', dev: 'dev.jsonl', test: 'test.jsonl' },
    read: readWebnlg,
  },
};

/** Share of the development part's meaning representations that stand in for a training part. */
const TRAIN_SHARE = 0.8;

/** Which meaning representations; everything that draws them. */
export interface DataToTextOptions {
  /** Draws the part that stands in for a missing training part. Default 1. */
  readonly seed?: number;
  /** Takes the first meaning representations. */
  readonly maxExamples?: number;
}

/** A part: examples, and where they come from. */
export interface DataToTextSplit {
  /** One for each meaning representation, in the order of the file. */
  readonly examples: readonly DataToTextExample[];
  /** sha256 of the file, or of the file and of what was drawn from it: what a record names as its data. */
  readonly hash: string;
  readonly path: string;
  /** What is not as published, one line each: to be shown. */
  readonly notes: readonly string[];
}

/** A missing training part and the development part, cut from one file. */
function cutDevelopment(
  all: readonly DataToTextExample[],
  part: 'train' | 'dev',
  seed: number,
): readonly DataToTextExample[] {
  const order = permutation({ seed, stream: STREAM.validation, step: 0 }, all.length);
  const train = new Set(order.slice(0, Math.round(TRAIN_SHARE * all.length)));
  return all.filter((_, i) => train.has(i) === (part === 'train'));
}

/**
 * Reads a part of a folder in the data set's own layout: `trainset.csv`, `devset.csv`, `testset_w_refs.csv` (E2E), `train.jsonl`, `dev.jsonl`,
 * `test.jsonl` (WebNLG). Without a training file, training and development part are both cut from the development file, by meaning
 * representation, so that none is in both; a note says so.
 * @throws UsageError for an unknown data set, DataError for a missing or malformed file
 * @example
 * ```ts
 * import { datasets } from 'progtuning';
 * import { mkdir, writeFile } from 'node:fs/promises';
 *
 * await mkdir('e2e', { recursive: true });
 * const rows = ['Aromi', 'Giraffe', 'Alimentum', 'Wildwood', 'Zizzi'].map((name) => `name[${name}],${name} is a pub.`);
 * await writeFile('e2e/devset.csv', ['mr,ref', ...rows].join('\n'));
 * const train = await datasets.readDataToText('e2e', 'e2e', 'train');
 * console.log(train.examples.length, train.examples[0].input); // 4 name[Aromi]
 * ```
 */
export async function readDataToText(
  folder: string,
  task: DataToTextTask,
  part: DataToTextPart,
  { seed = 1, maxExamples = Number.POSITIVE_INFINITY }: DataToTextOptions = {},
): Promise<DataToTextSplit> {
  if (!Object.hasOwn(SOURCES, task))
    throw new UsageError(`unknown data set '${task}'; known: ${Object.keys(SOURCES).join(', ')}`);
  const { files, read, title } = SOURCES[task];
  const hasTrain = await exists(join(folder, files.train));
  const cut = part !== 'test' && !hasTrain;
  const path = join(folder, files[cut ? 'dev' : part]);
  if (!(await exists(path)))
    throw new DataError(
      `${path}: no such file; the folder of ${title} holds ${Object.values(files).join(', ')}`,
    );
  const all = await read(path);
  if (all.length === 0) throw new DataError(`${path}: holds no meaning representation`);
  const { sha256 } = await hashFile(path);
  if (!cut) return { examples: all.slice(0, maxExamples), hash: sha256, path, notes: [] };
  const examples = cutDevelopment(all, part, seed);
  if (examples.length === 0)
    throw new DataError(
      `${path}: ${all.length} meaning representations are too few to cut a ${part} part from; give ${files.train}`,
    );
  const drawn = JSON.stringify({ sha256, part, share: TRAIN_SHARE, seed });
  return {
    examples: examples.slice(0, maxExamples),
    hash: createHash('sha256').update(drawn).digest('hex'),
    path,
    notes: [
      `${join(folder, files.train)} is missing: train and dev are cut from ${files.dev}, ${Math.round(TRAIN_SHARE * all.length)} and ${all.length - Math.round(TRAIN_SHARE * all.length)} meaning representations (seed ${seed}), none in both; numbers are not those of ${title}'s own split`,
    ],
  };
}
