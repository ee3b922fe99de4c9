/** Next tokens of text of one's own as a run sees it: plain text, or the texts of a table, or prompts with their completions. */
import type { Feature } from '../datasets/batch.js';
import { hashFile } from '../datasets/corpus.js';
import { localFile } from '../datasets/hub-dataset.js';
import { blocksOf, completionsOf } from '../datasets/running-text.js';
import { firstRows, type GivenColumns, textColumns } from '../datasets/tables/columns.js';
import { ending } from '../datasets/tables/endings.js';
import { readRows } from '../datasets/tables/rows.js';
import { heldOutRows } from '../datasets/tables/survey.js';
import { readDocuments } from '../datasets/text.js';
import { DataError, UsageError } from '../errors.js';
import { eosTokenIds } from '../models/config.js';
import { evaluationLoss } from '../training/evaluation-loss.js';
import { firstPredicted } from '../training/next-token.js';
import { perplexity } from '../training/pretrain.js';
import type { RunSpec } from './run-spec.js';
import type { Evaluation, Infer, RunTask, TaskInput } from './run-task.js';

/** The text, or a prompt and its completion (`label`). */
export interface RunningTextColumns {
  readonly text: string;
  readonly label?: string;
}

/** Plain text has no columns. */
const isPlain = (path: string, delimiter: string | undefined): boolean =>
  ending(path) === 'txt' && delimiter === undefined;

/**
 * Which columns of a training file hold the text, or the prompt (text) and its completion (label); undefined for plain text.
 * @throws DataError that names the columns there are
 */
export async function runningTextColumns(
  path: string,
  given: GivenColumns,
): Promise<RunningTextColumns | undefined> {
  if (isPlain(path, given.delimiter)) return undefined;
  const rows = await firstRows(path, given.delimiter);
  const names = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))];
  const { text } = textColumns(names, given, path);
  if (given.label === undefined) return { text };
  if (!names.includes(given.label))
    throw new DataError(`${path}: no column '${given.label}'; there are: ${names.join(', ')}`);
  return { text, label: given.label };
}

/** A text, or a prompt and its completion. */
type Item = readonly [string] | readonly [string, string];

async function* itemsOf(path: string, columns: RunSpec['columns']): AsyncGenerator<Item> {
  if (!columns) {
    for await (const document of readDocuments([path])) yield [document];
    return;
  }
  for await (const { values, where } of readRows(path, columns.delimiter)) {
    const field = (name: string): string => {
      const value = values[name];
      if (typeof value === 'string' && value !== '') return value;
      throw new DataError(
        `${where}: column '${name}' is ${JSON.stringify(value) ?? 'missing'}; wanted a text`,
      );
    };
    yield columns.label === undefined ? [field(columns.text)] : [field(columns.text), field(columns.label)];
  }
}

async function featuresOf(input: TaskInput, items: readonly Item[]): Promise<Feature[]> {
  const { tokenizer, spec } = input;
  const options = { tokenizer, maxLength: spec.maxLength, end: eosTokenIds(input.config)[0] };
  const pairs = items.filter((item): item is readonly [string, string] => item.length === 2);
  if (pairs.length === 0)
    return blocksOf(
      items.map(([text]) => text),
      options,
    );
  const features = await completionsOf(pairs, options);
  return features.filter(({ inputIds, label }) => inputIds.length > firstPredicted(label));
}

/** Items for training, and held out of it; of fewer than two documents the last blocks are held out. */
interface Parts {
  readonly train: readonly Feature[];
  readonly held: readonly Feature[];
}

async function parted(input: TaskInput, items: readonly Item[]): Promise<Parts> {
  const { validationSplit: share, seed } = input.spec;
  if (share === undefined) return { train: await featuresOf(input, items), held: [] };
  if (items.length >= 2) {
    const held = heldOutRows(new Uint8Array(items.length), share, seed);
    const part = (which: 0 | 1): Promise<Feature[]> =>
      featuresOf(
        input,
        items.filter((_, i) => held[i] === which),
      );
    return { train: await part(0), held: await part(1) };
  }
  const blocks = await featuresOf(input, items);
  const kept = blocks.length - Math.max(blocks.length > 1 ? 1 : 0, Math.round(share * blocks.length));
  return { train: blocks.slice(0, kept), held: blocks.slice(kept) };
}

async function collected(path: string, columns: RunSpec['columns']): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of itemsOf(path, columns)) items.push(item);
  if (items.length === 0) throw new DataError(`${path}: holds no text`);
  return items;
}

const first = <T>(items: readonly T[], limit: number | null): readonly T[] =>
  limit === null ? items : items.slice(0, limit);

interface Split {
  readonly name: 'validation' | 'test';
  readonly features: readonly Feature[];
  readonly hash?: string;
}

async function evaluateSplits(splits: readonly Split[], infer: Infer): Promise<Evaluation> {
  const metrics: Record<string, number> = {};
  for (const { name, features } of splits) {
    const loss = evaluationLoss({ kind: 'causal-lm' }, features, await infer(name, features)) as number;
    const prefix = name === 'test' ? 'test_' : '';
    metrics[`${prefix}perplexity`] = perplexity(loss);
    metrics[`${prefix}loss`] = loss;
  }
  return { metrics, undefinedMetrics: {}, files: {} };
}

async function splitOf(input: TaskInput, source: string, name: Split['name']): Promise<Split> {
  const path = await localFile(source);
  const { columns, maxEvalExamples } = input.spec;
  const features = first(await featuresOf(input, await collected(path, columns)), maxEvalExamples);
  if (features.length === 0) throw new DataError(`${path}: holds no two tokens to evaluate on`);
  return { name, features, hash: (await hashFile(path)).sha256 };
}

const noTest = async (): Promise<never> => {
  throw new UsageError('--predict-test is for GLUE; give --test-file');
};

const prepared = (splits: readonly Split[]): Awaited<ReturnType<RunTask['prepare']>> => {
  const validation = splits.filter(({ name }) => name === 'validation');
  return {
    report: Object.fromEntries(splits.map(({ name, features }) => [`${name}.blocks`, features.length])),
    hashes: Object.fromEntries(
      splits.flatMap(({ name, hash }) => (hash === undefined ? [] : [[name, hash]])),
    ),
    metricNames: validation.length > 0 ? ['perplexity'] : [],
    evaluate: (infer, which = 'all') => evaluateSplits(which === 'all' ? splits : validation, infer),
  };
};

/** Training on text of one's own: perplexity of what is held out. @throws DataError for a file that is missing, malformed or empty */
export function causalLmTask(spec: RunSpec): RunTask {
  let held: readonly Feature[] = [];
  return {
    name: spec.task,
    head: { kind: 'causal-lm' },
    labels: [],
    async training(input) {
      const path = await localFile(spec.data);
      const parts = await parted(input, await collected(path, spec.columns));
      held = first(parts.held, spec.maxEvalExamples);
      const features = first(parts.train, spec.maxTrainExamples);
      const { sha256: hash } = await hashFile(path);
      return { features, examples: features.length, hash, report: { 'train.blocks': features.length } };
    },
    async prepare(input) {
      const splits: Split[] = held.length > 0 ? [{ name: 'validation', features: held }] : [];
      if (spec.validationFile) splits.push(await splitOf(input, spec.validationFile, 'validation'));
      if (spec.testFile) splits.push(await splitOf(input, spec.testFile, 'test'));
      return prepared(splits);
    },
    test: noTest,
  };
}

/** A saved model on text of one's own: `spec.data` is what is evaluated. */
export const savedCausalLmTask = (spec: RunSpec): RunTask => ({
  name: spec.task,
  head: { kind: 'causal-lm' },
  labels: [],
  training: noTest,
  prepare: async (input) => prepared([await splitOf(input, spec.data, 'validation')]),
  test: noTest,
});
