/** A model's classes in its task's order: the one place where a class index meets a name. */
import { join } from 'node:path';
import { type ClassNames, classOrder, matchedClasses } from '../datasets/class-names.js';
import type { HeadSpec } from '../models/config.js';
import { ADAPTER_CLASSES, savedClassNames } from '../models/config-file.js';
import { type ParameterSpec, type Parameters, sizeOf } from '../models/parameters.js';

/** @param order of each new row, the old one */
function rowsInOrder(values: Float32Array, rowLength: number, order: readonly number[]): Float32Array {
  const result = new Float32Array(values.length);
  for (const [i, row] of order.entries())
    result.set(values.subarray(row * rowLength, (row + 1) * rowLength), i * rowLength);
  return result;
}

/** Where a head is from. */
export interface HeadSource {
  /** The model's. */
  readonly folder: string;
  /** The adapter's, where it brings the head. */
  readonly adapter?: string | undefined;
}

/**
 * The names of a head's classes by id, by the `config.json` or the adapter's own file beside it. An adapter without one was trained with its base model's names where
 * those are the task's; otherwise its classes are taken in the task's order, and that is said.
 * @returns undefined where there are none @throws DataError for names that are not the task's
 */
export async function headClassNames(
  task: ClassNames,
  { folder, adapter }: HeadSource,
  onNote: (text: string) => void,
): Promise<{ names: readonly string[]; order: readonly number[]; path: string } | undefined> {
  const modelPath = join(folder, 'config.json');
  const path = adapter === undefined ? modelPath : join(adapter, ADAPTER_CLASSES);
  const own = await savedClassNames(path);
  if (own) return { names: own, order: classOrder(task, own, path), path };
  if (adapter === undefined) return undefined;
  const names = await savedClassNames(modelPath);
  const order = names && matchedClasses(task, names);
  if (names && order) return { names, order, path: modelPath };
  if (names)
    onNote(
      `${adapter}: does not name its classes; taken in the order of ${task.name}: ${task.labels.join(', ')}`,
    );
  return undefined;
}

export interface NamedHead {
  readonly head: HeadSpec;
  readonly specs: readonly ParameterSpec[];
  readonly parameters: Parameters;
}

/**
 * The parameters with the output layer's rows in the order of the task's classes: see {@link headClassNames}.
 * @param onNote called with one line where the order is another
 * @throws DataError for names that are not the task's
 */
export async function inTaskOrder(
  task: ClassNames,
  source: HeadSource,
  { head, specs, parameters }: NamedHead,
  onNote: (text: string) => void,
): Promise<Parameters> {
  if (task.labels.length === 0 || head.kind !== 'classification') return parameters;
  const found = await headClassNames(task, source, onNote);
  if (!found || found.order.every((row, id) => row === id)) return parameters;
  const { names, order, path } = found;
  onNote(
    `${path}: classes ${names.join(', ')} are put in the order of ${task.name}: ${task.labels.join(', ')}`,
  );
  return outputsInOrder(specs, parameters, order);
}

/** The parameters with the rows of the output layer in another order. @param order of each new row, the old one */
function outputsInOrder(
  specs: readonly ParameterSpec[],
  parameters: Parameters,
  order: readonly number[],
): Parameters {
  const outputs = specs.filter(
    ({ origin, place, shape }) =>
      origin === 'base' && place.kind === 'classifier' && shape[0] === order.length,
  );
  const changed = outputs.flatMap(({ name, shape }): [string, Float32Array][] => {
    const values = parameters.get(name);
    return values ? [[name, rowsInOrder(values, sizeOf(shape.slice(1)), order)]] : [];
  });
  return new Map([...parameters, ...changed]);
}

/**
 * An adapter's head as it is saved: Python names its classes by the base model's `config.json`, so where the base names the task's classes
 * in an order of its own the rows go back to that order.
 * @param folder of the base model @returns parameters, and the names by id that belong to them
 */
export async function inBaseOrder(
  task: ClassNames,
  folder: string,
  { specs, parameters }: Omit<NamedHead, 'head'>,
): Promise<{ parameters: Parameters; labels: readonly string[] }> {
  if (task.labels.length === 0) return { parameters, labels: [] };
  const names = await savedClassNames(join(folder, 'config.json'));
  const order = names && matchedClasses(task, names);
  if (!names || !order) return { parameters, labels: task.labels };
  const taskIds = names.map((_, row) => order.indexOf(row));
  return { parameters: outputsInOrder(specs, parameters, taskIds), labels: names };
}
