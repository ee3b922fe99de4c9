/** GLUE from the hub's parquet (`nyu-mll/glue`): `<config>/<split>-00000-of-00001.parquet`, labels as class ids or scores. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DataError } from '../errors.js';
import type { Split } from './glue.js';
import { type Example, ORDINARY, type RowOptions } from './glue-rows.js';
import { hubFile } from './hub.js';
import type { HubOptions } from './hub-options.js';
import { hiddenSplit, type Task } from './task.js';

export const GLUE_REPO = 'nyu-mll/glue';

type Row = Record<string, unknown>;

/** The library is loaded with the first parquet file. */
export const loadParquet = () => Promise.all([import('hyparquet'), import('hyparquet-compressors')]);

/** Rows of a parquet file. @throws DataError for a file that is not parquet */
export async function readParquet(path: string): Promise<{ rows: Row[]; hash: string }> {
  const [{ parquetReadObjects }, { compressors }] = await loadParquet();
  const bytes = await readFile(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  try {
    const rows = (await parquetReadObjects({ file, compressors })) as Row[];
    return { rows, hash: createHash('sha256').update(bytes).digest('hex') };
  } catch (cause) {
    throw new DataError(`${path}: not a parquet file that can be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function exampleOf(task: Task, row: Row, where: string, hidden: boolean): Example {
  const missing = [...task.textColumns, ...(hidden ? [] : ['label'])].find(
    (column) => row[column] === undefined || row[column] === null,
  );
  if (missing !== undefined)
    throw new DataError(`${where}: no column '${missing}'; there are: ${Object.keys(row).join(', ')}`);
  const label = hidden ? -1 : Number(row.label);
  const inRange = task.range
    ? label >= task.range[0] && label <= task.range[1]
    : label >= 0 && label < task.labels.length;
  if (!hidden && !inRange) {
    throw new DataError(
      `${where}: label ${label} is outside ${task.name}'s (hidden test labels are -1: use another split)`,
    );
  }
  return {
    texts: task.textColumns.map((column) => String(row[column])) as unknown as Example['texts'],
    label,
  };
}

/** Examples of parquet rows. @throws DataError that names file, row and column */
export function examplesOfRows(task: Task, rows: readonly Row[], path: string, hidden = false): Example[] {
  if (rows.length === 0) throw new DataError(`${path}: the split is empty`);
  return rows.map((row, i) => exampleOf(task, row, `${path}, row ${i}`, hidden));
}

/** @param split as in the original files (`train`, `dev`, `dev_matched`, `test` ...); labels of test splits are -1 */
export async function readGlueHub(
  task: Task,
  split: string,
  { maxExamples, ...options }: RowOptions & HubOptions = {},
): Promise<Split> {
  const hidden = hiddenSplit(task, split);
  const name = (hidden ?? task.evaluation.find(({ file }) => file === split))?.hub ?? split;
  const path = await hubFile(
    { type: 'dataset', name: GLUE_REPO },
    `${task.name}/${name}-00000-of-00001.parquet`,
    options,
  );
  const { rows, hash } = await readParquet(path);
  return {
    examples: examplesOfRows(task, rows.slice(0, maxExamples), path, hidden !== undefined),
    report: ORDINARY,
    hash,
    path,
  };
}
