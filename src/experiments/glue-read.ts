/** A split of GLUE as a run reads it: what is odd about its lines is told, and recorded. */
import type { Split } from '../datasets/glue.js';
import { readSplit } from '../datasets/source.js';
import type { Task } from '../datasets/task.js';
import { limitOf, type TaskInput } from './run-task.js';

/** @throws DataError as {@link readSplit}; with `strict` also for data that has a warning */
export async function readGlue(
  { spec, strict, onEvent }: TaskInput,
  task: Task,
  split: string,
  maxExamples: number | null,
): Promise<Split> {
  const found = await readSplit(spec.data, task, split, { ...limitOf(maxExamples), strict });
  if (found.warning !== undefined) onEvent({ kind: 'warning', text: found.warning });
  return found;
}

/** `dev.brokenRows` and the like, for the record; what there is none of is left out. */
export const reportOf = (split: string, { report }: Split): Record<string, number> =>
  Object.fromEntries(
    Object.entries(report).flatMap(([name, count]) => (count > 0 ? [[`${split}.${name}`, count]] : [])),
  );
