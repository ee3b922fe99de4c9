/** Which of a model's classes is which of a task's. Pure. */
import { DataError } from '../errors.js';
import type { Task } from './task.js';

/** What is known of a task's classes. */
export type ClassNames = Pick<Task, 'name' | 'labels' | 'synonyms'>;

/** `not entailment`, `NOT_ENTAILMENT` and `NotEntailment` are one name. */
const plain = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/** `LABEL_1`, `1`: the id of a class. */
const GENERIC = /^(?:label|class)?(\d+)$/;

/** The task's class id that a name means; -1 for none. */
function idOf(name: string, { labels, synonyms = [] }: ClassNames): number {
  const exact = labels.indexOf(name);
  if (exact >= 0) return exact;
  const given = plain(name);
  const generic = GENERIC.exec(given)?.[1];
  if (generic !== undefined) return Number(generic) < labels.length ? Number(generic) : -1;
  return labels.findIndex((label, id) =>
    [label, ...(synonyms[id] ?? [])].some((known) => plain(known) === given),
  );
}

const shown = (names: readonly string[]): string => names.map((name, id) => `${id} ${name}`).join(', ');

/**
 * The model's class id of each of the task's classes, by name: in any order, upper or lower case, with the task's synonyms; `LABEL_i` is
 * class i. Undefined where the names are not the task's.
 * @param names the model's, by id
 */
export function matchedClasses(task: ClassNames, names: readonly string[]): readonly number[] | undefined {
  const ids = names.map((name) => idOf(name, task));
  const order = task.labels.map((_, id) => ids.indexOf(id));
  return names.length === task.labels.length && !order.includes(-1) ? order : undefined;
}

/** {@link matchedClasses}. @param where the names stand @throws DataError with both lists where the names are not the task's */
export function classOrder(task: ClassNames, names: readonly string[], where: string): readonly number[] {
  const order = matchedClasses(task, names);
  if (order) return order;
  const wanted = task.labels.length > 0 ? shown(task.labels) : 'a score';
  throw new DataError(
    `${where}: its classes (${shown(names)}) are not those of ${task.name} (${wanted}); use the model with its own task, name its classes in id2label, or finetune with --new-head`,
  );
}
