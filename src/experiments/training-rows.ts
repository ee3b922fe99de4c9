/** How many rows there are to train on: what a budget is chosen by before a run is a value. */
import { localFile } from '../datasets/hub-dataset.js';
import { readSplit } from '../datasets/source.js';
import { readRows } from '../datasets/tables/rows.js';
import { findTask, TASKS } from '../datasets/task.js';
import { isSpanTask, isTextTask, ownKind, type RunRequest } from './run-spec.js';

/**
 * Counts no further than it has to. @param most beyond which the number makes no difference
 * @returns undefined for questions and running text, whose rows are no steps
 * @throws DataError for data that is missing or malformed
 */
export async function trainingRows(
  { task, data, columns, validationSplit = 0, maxTrainExamples }: RunRequest,
  most: number,
): Promise<number | undefined> {
  const kind = ownKind(task);
  if (isSpanTask(task) || isTextTask(task)) return undefined;
  const limit = Math.min(
    Math.ceil(most / (1 - validationSplit)),
    maxTrainExamples ?? Number.POSITIVE_INFINITY,
  );
  if (kind === undefined)
    return TASKS.some(({ name }) => name === task)
      ? (await readSplit(data, findTask(task), 'train', { maxExamples: limit })).examples.length
      : undefined;
  let rows = 0;
  for await (const _ of readRows(await localFile(data), columns?.delimiter)) if (++rows >= limit) break;
  return Math.round(rows * (1 - validationSplit));
}
