/**
 * Text of one's own that a model learns to write, as a run sees it: plain text, or the texts of a table, or prompts with their completions; for
 * an encoder-decoder pairs of texts.
 */
import type { Feature } from '../datasets/batch.js';
import { hashFile } from '../datasets/corpus.js';
import { localFile } from '../datasets/hub-dataset.js';
import { blocksOf, completionsOf } from '../datasets/running-text.js';
import { firstRows, type GivenColumns, textColumns } from '../datasets/tables/columns.js';
import { ending } from '../datasets/tables/endings.js';
import { readRows, textOf } from '../datasets/tables/rows.js';
import { heldOutRows } from '../datasets/tables/survey.js';
import { readDocuments } from '../datasets/text.js';
import { pairFeatures } from '../datasets/text-pairs.js';
import { DataError, UsageError } from '../errors.js';
import { eosTokenIds } from '../models/config.js';
import type { TaskHead } from '../models/heads.js';
import { evaluationLoss } from '../training/evaluation-loss.js';
import { firstPredicted } from '../training/next-token.js';
import { perplexity } from '../training/pretrain.js';
import type { RunSpec } from './run-spec.js';
import type { Evaluation, Infer, PreparedEvaluation, RunTask, TaskInput } from './run-task.js';

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
  const names = await columnNames(path, given);
  const { text } = textColumns(names, given, path);
  if (given.label === undefined) return { text };
  return { text, label: named(given.label, names, path) };
}

/** What the user said; the rest is guessed. */
export type GivenTexts = GivenColumns & {
  /** Stands before each text that is read. */
  readonly prefix?: string | undefined;
};

/** Names of the columns that pairs of texts have by custom. */
const PAIR_COLUMNS = [
  ['source', 'target'],
  ['input', 'output'],
  ['mr', 'ref'],
] as const;

/**
 * Which columns of a training file hold the two texts of a pair: as said, or known by their names.
 * @throws DataError that names the columns there are
 */
export async function pairColumns(
  path: string,
  given: GivenTexts,
): Promise<Required<RunningTextColumns> & Pick<GivenTexts, 'prefix'>> {
  const names = isPlain(path, given.delimiter) ? [] : await columnNames(path, given);
  const [text, label] = PAIR_COLUMNS.find((pair) => pair.every((name) => names.includes(name))) ?? [];
  const [source, target] = [given.text ?? text, given.label ?? label];
  if (source === undefined || target === undefined)
    throw new DataError(
      `${path}: which column is read, and which is written of it? ${names.length === 0 ? 'A table is wanted' : `There are: ${names.join(', ')}`}. Give --text-column and --label-column`,
    );
  const { prefix } = given;
  return {
    ...{ text: named(source, names, path), label: named(target, names, path) },
    ...(prefix === undefined ? {} : { prefix }),
  };
}

async function columnNames(path: string, { delimiter }: GivenColumns): Promise<string[]> {
  const rows = await firstRows(path, delimiter);
  return [...new Set(rows.flatMap(({ values }) => Object.keys(values)))];
}

function named(name: string, names: readonly string[], path: string): string {
  if (names.includes(name)) return name;
  throw new DataError(`${path}: no column '${name}'; there are: ${names.join(', ')}`);
}

/** A text, or a prompt and its completion, or a text and what is written of it. */
type Item = readonly [string] | readonly [string, string];

async function* itemsOf(path: string, columns: RunSpec['columns']): AsyncGenerator<Item> {
  if (!columns) {
    for await (const document of readDocuments([path])) yield [document];
    return;
  }
  for await (const row of readRows(path, columns.delimiter)) {
    const text = textOf(row, columns.text);
    yield columns.label === undefined ? [text] : [text, textOf(row, columns.label)];
  }
}

/** Which models, and what they learn of the items. */
interface TextKind {
  readonly head: Extract<TaskHead, { kind: 'causal-lm' | 'seq2seq-lm' }>;
  readonly featuresOf: (input: TaskInput, items: readonly Item[]) => Promise<Feature[]>;
}

async function nextTokens(input: TaskInput, items: readonly Item[]): Promise<Feature[]> {
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

/** Features of an encoder-decoder. */
export async function pairsOf(
  { tokenizer, spec, config }: TaskInput,
  items: readonly Item[],
): Promise<Feature[]> {
  const { maxLength, maxTargetLength, columns } = spec;
  const pairs = items.map(([source, target = '']) => [`${columns?.prefix ?? ''}${source}`, target] as const);
  const end = eosTokenIds(config)[0] as number;
  return pairFeatures(pairs, { tokenizer, maxLength, maxTargetLength, end });
}

const KINDS: Readonly<Record<'causal-lm' | 'seq2seq-lm', TextKind>> = {
  'causal-lm': { head: { kind: 'causal-lm' }, featuresOf: nextTokens },
  'seq2seq-lm': { head: { kind: 'seq2seq-lm' }, featuresOf: pairsOf },
};

/** Items for training, and held out of it; of fewer than two documents the last blocks are held out. */
interface Parts {
  readonly train: readonly Feature[];
  readonly held: readonly Feature[];
}

async function parted(input: TaskInput, items: readonly Item[], { featuresOf }: TextKind): Promise<Parts> {
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

async function evaluateSplits(
  splits: readonly Split[],
  { head }: TextKind,
  infer: Infer,
): Promise<Evaluation> {
  const metrics: Record<string, number> = {};
  for (const { name, features } of splits) {
    const loss = evaluationLoss(head, features, await infer(name, features)) as number;
    const prefix = name === 'test' ? 'test_' : '';
    metrics[`${prefix}perplexity`] = perplexity(loss);
    metrics[`${prefix}loss`] = loss;
  }
  return { metrics, undefinedMetrics: {}, files: {} };
}

async function splitOf(
  input: TaskInput,
  { featuresOf }: TextKind,
  source: string,
  name: Split['name'],
): Promise<Split> {
  const path = await localFile(source);
  const { columns, maxEvalExamples } = input.spec;
  const features = first(await featuresOf(input, await collected(path, columns)), maxEvalExamples);
  if (features.length === 0) throw new DataError(`${path}: holds no two tokens to evaluate on`);
  return { name, features, hash: (await hashFile(path)).sha256 };
}

const noTest = async (): Promise<never> => {
  throw new UsageError('--predict-test is for GLUE; give --test-file');
};

/** Evaluation of texts by what each token of them was worth. */
export function preparedTexts(splits: readonly Split[], of: keyof typeof KINDS): PreparedEvaluation {
  const kind = KINDS[of];
  const validation = splits.filter(({ name }) => name === 'validation');
  return {
    report: Object.fromEntries(splits.map(({ name, features }) => [`${name}.blocks`, features.length])),
    hashes: Object.fromEntries(
      splits.flatMap(({ name, hash }) => (hash === undefined ? [] : [[name, hash]])),
    ),
    metricNames: validation.length > 0 ? ['perplexity'] : [],
    evaluate: (infer, which = 'all') => evaluateSplits(which === 'all' ? splits : validation, kind, infer),
  };
}

/** Training on text of one's own: perplexity of what is held out. @throws DataError for a file that is missing, malformed or empty */
export function textTask(spec: RunSpec, of: keyof typeof KINDS): RunTask {
  const kind = KINDS[of];
  let held: readonly Feature[] = [];
  return {
    name: spec.task,
    head: kind.head,
    labels: [],
    async training(input) {
      const path = await localFile(spec.data);
      const parts = await parted(input, await collected(path, spec.columns), kind);
      held = first(parts.held, spec.maxEvalExamples);
      const features = first(parts.train, spec.maxTrainExamples);
      const { sha256: hash } = await hashFile(path);
      return { features, examples: features.length, hash, report: { 'train.blocks': features.length } };
    },
    async prepare(input) {
      const splits: Split[] = held.length > 0 ? [{ name: 'validation', features: held }] : [];
      if (spec.validationFile) splits.push(await splitOf(input, kind, spec.validationFile, 'validation'));
      if (spec.testFile) splits.push(await splitOf(input, kind, spec.testFile, 'test'));
      return preparedTexts(splits, of);
    },
    test: noTest,
  };
}

/** A saved model on text of one's own: `spec.data` is what is evaluated. */
export const savedTextTask = (spec: RunSpec, of: keyof typeof KINDS): RunTask => ({
  name: spec.task,
  head: KINDS[of].head,
  labels: [],
  training: noTest,
  prepare: async (input) => preparedTexts([await splitOf(input, KINDS[of], spec.data, 'validation')], of),
  test: noTest,
});
