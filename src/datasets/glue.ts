/** GLUE's original files: `<folder>/<Task>/train.tsv`, tab-separated, UTF-8 with or without byte-order mark. Their rows: glue-rows.ts. */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DataError } from '../errors.js';
import { exists } from '../exists.js';
import { parseRows, type RowOptions, type Rows } from './glue-rows.js';
import type { Task } from './task.js';
import { firstWrongByte } from './text.js';

/** A split of a task, and the file that it was read from. */
export interface Split extends Rows {
  /** sha256 of the file's bytes: what a run record names as its data. */
  readonly hash: string;
  readonly path: string;
}

/** Finds `<folder>/<Task>/<split>.tsv` or `.tsv.gz`. @throws DataError that says what was looked for */
async function findFile(folder: string, task: Task, split: string): Promise<string> {
  if (!(await exists(folder)))
    throw new DataError(`${folder}: no such folder; --data names the folder that holds ${task.folder}/`);
  const home = join(folder, task.folder);
  if (!(await exists(home)))
    throw new DataError(
      `${home}: no such folder; --data ${folder} must hold ${task.folder}/ for task ${task.name}`,
    );
  const path = join(home, `${split}.tsv`);
  if (await exists(path)) return path;
  if (await exists(`${path}.gz`)) return `${path}.gz`;
  throw new DataError(`${path}: no such file; the ${split} split of ${task.name} is missing`);
}

function unzipped(bytes: Buffer, path: string): Buffer {
  try {
    return gunzipSync(bytes);
  } catch (cause) {
    const why = (cause as Error).message;
    throw new DataError(`${path}: not a whole gzip file (${why}); download it again`, { cause });
  }
}

/** Text without its byte-order mark. @throws DataError with line and column of the first byte that is not UTF-8 */
async function decoded(bytes: Buffer, path: string): Promise<string> {
  if (isUtf8(bytes)) return new TextDecoder('utf-8').decode(bytes);
  throw new DataError(`${path}:${await firstWrongByte([bytes])}: not UTF-8; convert the file to UTF-8`);
}

/**
 * Reads one split from the original layout; `options` say how much and how strictly.
 * @throws DataError with file and line: no folder or file, not UTF-8, and what {@link parseRows} refuses
 */
export async function readGlueFolder(
  folder: string,
  task: Task,
  split: string,
  options: RowOptions = {},
): Promise<Split> {
  const path = await findFile(folder, task, split);
  const bytes = await readFile(path);
  const plain = path.endsWith('.gz') ? unzipped(bytes, path) : bytes;
  const rows = parseRows(task, split, await decoded(plain, path), path, options);
  return { ...rows, hash: createHash('sha256').update(plain).digest('hex'), path };
}
