/** Notebooks: found, built from their sources, executed, written whole or not at all. */

import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { DataError, UsageError } from '../../errors.js';
import { exists } from '../../exists.js';
import { packageVersion } from '../../package.js';
import {
  type Notebook,
  notebookFromJson,
  notebookFromMarkdown,
  notebookToJson,
  sourceHash,
} from './document.js';
import { type CellFailure, executeNotebook } from './execute.js';

export type NotebookEvent =
  | { readonly kind: 'cell'; readonly name: string; readonly cell: number; readonly cells: number }
  | { readonly kind: 'done'; readonly name: string; readonly path: string; readonly seconds: number }
  | { readonly kind: 'unchanged'; readonly name: string; readonly path: string };

export interface RunNotebooksOptions {
  /** Where executed notebooks are written. Default: the notebook's own folder. */
  readonly outputDir?: string;
  /** Seconds for one cell. Default 1800. */
  readonly timeout?: number;
  /** Skip notebooks whose executed form has the same sources and package version. */
  readonly changed?: boolean;
  /** What outputs depend on besides the sources, e.g. a hash of records: `changed` takes it into account. */
  readonly inputs?: string;
  readonly onProgress?: (event: NotebookEvent) => void;
}

export const TIMEOUT = 1800;
/** Sources lie in this folder beside the notebooks. */
export const SOURCE_FOLDER = 'source';

interface Job {
  readonly name: string;
  /** What is read: `.md` or `.ipynb`. */
  readonly source: string;
  /** The notebook's folder: the cells' working directory. */
  readonly folder: string;
  /** What is written. */
  readonly path: string;
}

/**
 * Executes notebooks one after the other, each in a fresh kernel, and writes each when all its cells have succeeded.
 * @param files `.md` sources or `.ipynb`; of a notebook with a source in `source/`, the source is taken
 * @returns the paths written or found unchanged
 * @throws UsageError without tslab or for another kind of file; DataError for a missing or malformed file, or a failing cell
 * (named with its source; the notebook so far is kept in the folder for temporary files)
 */
export async function runNotebooks(
  files: readonly string[],
  options: RunNotebooksOptions = {},
): Promise<string[]> {
  const version = packageVersion();
  const paths: string[] = [];
  for (const file of files)
    paths.push(await runJob(await findJob(file, options.outputDir), version, options));
  return paths;
}

async function runJob(job: Job, version: string, options: RunNotebooksOptions): Promise<string> {
  const { name, path, folder } = job;
  const { timeout = TIMEOUT, inputs = '', onProgress } = options;
  const source = await readNotebook(job.source);
  const hash = sourceHash(source, version + inputs);
  if (options.changed && (await executedHash(path)) === hash) {
    onProgress?.({ kind: 'unchanged', name, path });
    return path;
  }
  const start = performance.now();
  const onCell = (cell: number, cells: number): void => onProgress?.({ kind: 'cell', name, cell, cells });
  const { notebook, failure } = await executeNotebook(source, { folder, timeout, onCell });
  if (failure) throw await failed(job, notebook, failure);
  const metadata = { ...notebook.metadata, progtuning: { source: hash } };
  await writeWhole(path, notebookToJson({ ...notebook, metadata }));
  onProgress?.({ kind: 'done', name, path, seconds: (performance.now() - start) / 1000 });
  return path;
}

/** A notebook belongs in the folder above its source. */
async function findJob(file: string, outputDir: string | undefined): Promise<Job> {
  const given = resolve(file);
  const name = basename(given, extname(given));
  const kind = extname(given);
  if (kind !== '.md' && kind !== '.ipynb')
    throw new UsageError(`${file}: expected a notebook (.ipynb) or its source (.md).`);
  const beside = dirname(given);
  const folder = kind === '.md' && basename(beside) === SOURCE_FOLDER ? dirname(beside) : beside;
  const markdown = join(folder, SOURCE_FOLDER, `${name}.md`);
  const source = kind === '.ipynb' && (await exists(markdown)) ? markdown : given;
  return { name, source, folder, path: join(outputDir ? resolve(outputDir) : folder, `${name}.ipynb`) };
}

async function readNotebook(path: string): Promise<Notebook> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new DataError(
      `${path}: cannot be read (${error.code}). Give the path of a notebook or its source.`,
    );
  });
  return extname(path) === '.md' ? notebookFromMarkdown(text, path) : notebookFromJson(text, path);
}

/** Fingerprint kept in a notebook executed before; undefined when there is none. */
async function executedHash(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')).metadata.progtuning.source;
  } catch {
    return undefined;
  }
}

async function failed(job: Job, notebook: Notebook, failure: CellFailure): Promise<DataError> {
  const partial = join(tmpdir(), `${job.name}.failed.ipynb`);
  await writeWhole(partial, notebookToJson(notebook));
  const { cell, cells, source, message } = failure;
  return new DataError(
    `${job.source}: cell ${cell} of ${cells} failed; nothing was written.\n\n${indent(source)}\n\n${message}\n\nThe notebook so far: ${partial}`,
  );
}

const indent = (text: string): string => text.replaceAll(/^/gm, '    ');

/** Never leaves half a file under the final name. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID().slice(0, 8)}.tmp`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(temporary, text);
  await rename(temporary, path);
}
