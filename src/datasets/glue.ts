/** GLUE's original files: `<folder>/<Task>/train.tsv`, tab-separated, quotes literal, UTF-8 with or without byte-order mark. */
import { createHash } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DataError } from '../errors.js';
import type { Column, Task } from './task.js';

export interface Example {
  readonly texts: readonly [string] | readonly [string, string];
  /** Class id or score. */
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

/** Positions of the columns in a row, from the header where there is one. */
function positions(
  task: Task,
  header: readonly string[],
  path: string,
): { text: number[]; label: number; width: number } {
  const place = (column: Column): number => {
    if (typeof column === 'number') return column;
    const found = header.indexOf(column);
    if (found < 0)
      throw new DataError(`${path}:1: no column '${column}'; the header has: ${header.join(', ')}`);
    return found;
  };
  const text = task.tsv.text.map(place);
  const label = place(task.tsv.label);
  return { text, label, width: task.tsv.width ?? Math.max(...text, label) + 1 };
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

function parse(task: Task, text: string, path: string, maxExamples: number): Example[] {
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  if (lines.at(-1) === '') lines.pop();
  const hasHeader = task.tsv.width === undefined;
  const header = hasHeader ? (lines[0] ?? '').split('\t') : [];
  const at = positions(task, header, path);
  const examples: Example[] = [];
  for (let i = hasHeader ? 1 : 0; i < lines.length && examples.length < maxExamples; i++) {
    const fields = (lines[i] as string).split('\t');
    const where = `${path}:${i + 1}`;
    if (fields.length < at.width)
      throw new DataError(`${where}: ${fields.length} columns, ${at.width} expected`);
    const texts = at.text.map((column) => fields[column] as string);
    examples.push({
      texts: texts as unknown as Example['texts'],
      label: parseLabel(task, fields[at.label] as string, where),
    });
  }
  if (examples.length === 0) throw new DataError(`${path}: the split is empty`);
  return examples;
}

/** Reads one split from the original layout. @param maxExamples takes the first ones */
export async function readGlueFolder(
  folder: string,
  task: Task,
  split: string,
  maxExamples = Number.POSITIVE_INFINITY,
): Promise<Split> {
  const path = await findFile(folder, task, split);
  const bytes = await readFile(path);
  const plain = path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  const text = new TextDecoder('utf-8').decode(plain);
  return {
    examples: parse(task, text, path, maxExamples),
    hash: createHash('sha256').update(plain).digest('hex'),
    path,
  };
}
