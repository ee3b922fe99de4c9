/** GLUE's original files: `<folder>/<Task>/train.tsv`, tab-separated, quotes literal, UTF-8 with or without byte-order mark. */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DataError } from '../errors.js';
import { type Column, hiddenSplit, type Task } from './task.js';

export interface Example {
  readonly texts: readonly [string] | readonly [string, string];
  /** Class id or score; -1 where it is hidden (test splits), as on the hub. */
  readonly label: number;
}

export interface Split {
  readonly examples: readonly Example[];
  /** sha256 of the file's bytes: what a run record names as its data. */
  readonly hash: string;
  readonly path: string;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

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

interface Layout {
  readonly hasHeader: boolean;
  readonly text: readonly Column[];
  /** Undefined: hidden. */
  readonly label?: Column;
  readonly width?: number | undefined;
}

function layoutOf(task: Task, split: string): Layout {
  const { tsv } = task;
  const hidden = hiddenSplit(task, split);
  if (hidden) return { hasHeader: true, text: hidden.text ?? tsv.text };
  return { hasHeader: tsv.width === undefined, text: tsv.text, label: tsv.label, width: tsv.width };
}

/** Positions of the columns in a row, from the header where there is one. */
function positions(
  layout: Layout,
  header: readonly string[],
  path: string,
): { text: number[]; label: number | undefined; width: number } {
  const place = (column: Column): number => {
    if (typeof column === 'number') return column;
    const found = header.indexOf(column);
    if (found < 0)
      throw new DataError(`${path}:1: no column '${column}'; the header has: ${header.join(', ')}`);
    return found;
  };
  const text = layout.text.map(place);
  const label = layout.label === undefined ? undefined : place(layout.label);
  return { text, label, width: layout.width ?? Math.max(...text, label ?? 0) + 1 };
}

/** A label as class id or score. @throws DataError with file, line, value and what is allowed */
export function parseLabel(task: Task, value: string, where: string): number {
  if (task.range) {
    const score = value.trim() === '' ? Number.NaN : Number(value);
    const [low, high] = task.range;
    if (score >= low && score <= high) return score;
    throw new DataError(`${where}: score '${value}' is not a number from ${low} to ${high} (${task.name})`);
  }
  const id = task.tsv.named
    ? task.labels.indexOf(value)
    : task.labels.findIndex((_, i) => value === String(i));
  if (id >= 0) return id;
  const allowed = task.tsv.named ? task.labels.join(', ') : task.labels.map((_, i) => i).join(', ');
  throw new DataError(`${where}: label '${value}' is not one of ${task.name}'s: ${allowed}`);
}

function parse(task: Task, split: string, text: string, path: string, maxExamples: number): Example[] {
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  if (lines.at(-1) === '') lines.pop();
  const layout = layoutOf(task, split);
  const start = layout.hasHeader ? 1 : 0;
  if (lines.length <= start) throw new DataError(`${path}: the split is empty`);
  const at = positions(layout, layout.hasHeader ? (lines[0] as string).split('\t') : [], path);
  const examples: Example[] = [];
  for (let i = start; i < lines.length && examples.length < maxExamples; i++) {
    const fields = (lines[i] as string).split('\t');
    const where = `${path}:${i + 1}`;
    if (fields.length < at.width)
      throw new DataError(`${where}: ${fields.length} columns, ${at.width} expected`);
    const texts = at.text.map((column) => fields[column] as string);
    examples.push({
      texts: texts as unknown as Example['texts'],
      label: at.label === undefined ? -1 : parseLabel(task, fields[at.label] as string, where),
    });
  }
  return examples;
}

function unzipped(bytes: Buffer, path: string): Buffer {
  try {
    return gunzipSync(bytes);
  } catch (cause) {
    const why = (cause as Error).message;
    throw new DataError(`${path}: not a whole gzip file (${why}); download it again`, { cause });
  }
}

/** Text without its byte-order mark. @throws DataError with the first line that is not UTF-8 */
function decoded(bytes: Buffer, path: string): string {
  if (isUtf8(bytes)) return new TextDecoder('utf-8').decode(bytes);
  let line = 1;
  for (let start = 0; ; line++) {
    const end = bytes.indexOf('\n', start);
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) break;
    start = end + 1;
  }
  throw new DataError(`${path}:${line}: not UTF-8; convert the file to UTF-8`);
}

/**
 * Reads one split from the original layout.
 * @param maxExamples takes the first ones
 * @throws DataError with file and line: no folder or file, not UTF-8, a missing column, a short row, a label outside the task, no rows
 */
export async function readGlueFolder(
  folder: string,
  task: Task,
  split: string,
  maxExamples = Number.POSITIVE_INFINITY,
): Promise<Split> {
  const path = await findFile(folder, task, split);
  const bytes = await readFile(path);
  const plain = path.endsWith('.gz') ? unzipped(bytes, path) : bytes;
  return {
    examples: parse(task, split, decoded(plain, path), path, maxExamples),
    hash: createHash('sha256').update(plain).digest('hex'),
    path,
  };
}
