/** Data of one's own as a run sees it: labelled tables, or questions. Which classes there are is known once the training file is read. */
import type { FeatureList } from '../datasets/batch.js';
import { CompactFeatures } from '../datasets/compact-features.js';
import { localFile } from '../datasets/hub-dataset.js';
import type { SquadSource } from '../datasets/squad-source.js';
import type { TaskKind } from '../datasets/tables/columns.js';
import { encodeTable } from '../datasets/tables/encode.js';
import type { LabelledTable } from '../datasets/tables/labelled.js';
import { readQuestions } from '../datasets/tables/questions.js';
import {
  checkTable,
  heldOutNotes,
  heldOutRows,
  type Survey,
  surveyTable,
} from '../datasets/tables/survey.js';
import { UsageError } from '../errors.js';
import { type ClassReport, classMetrics, multiLabelMetrics } from '../metrics/classes.js';
import { describeUndefined, glueMetrics, undefinedMetrics } from '../metrics/glue.js';
import type { TaskHead } from '../models/heads.js';
import { holding, predictionsOf } from '../training/predictions.js';
import { type OwnKind, ownKind, type RunSpec } from './run-spec.js';
import type { Evaluation, Infer, RunTask, TaskInput } from './run-task.js';
import { type ReadQuestions, spanTask } from './squad-task.js';
import { savedTextTask, textTask } from './text-task.js';

/** The head of a kind of task, with so many classes. */
export const headOf = (kind: Exclude<TaskKind, 'question-answering'>, classes: number): TaskHead => ({
  kind: 'classification',
  numLabels: kind === 'regression' ? 1 : classes,
  ...(kind === 'multi-label' ? { multiLabel: true as const } : {}),
});

type TableKind = LabelledTable['kind'];

async function tableOf(
  spec: RunSpec,
  kind: TableKind,
  source: string,
  maxExamples: number | null,
): Promise<LabelledTable> {
  if (!spec.columns) throw new Error('internal: own data without its columns');
  const { delimiter, label, ...texts } = spec.columns;
  if (label === undefined) throw new Error('internal: labelled data without its label');
  const path = await localFile(source);
  return {
    path,
    delimiter,
    kind,
    columns: { ...texts, label },
    ...(maxExamples === null ? {} : { maxExamples }),
  };
}

const REGRESSION = { metrics: ['pearson', 'spearmanr'], labels: [] } as const;

/** Mean squared and mean absolute error. */
function errors(predictions: ArrayLike<number>, labels: readonly number[]): { mse: number; mae: number } {
  const gaps = labels.map((label, i) => (predictions[i] as number) - label);
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mse: mean(gaps.map((gap) => gap ** 2)), mae: mean(gaps.map(Math.abs)) };
}

type Scored = Omit<Evaluation, 'files' | 'reports'> & {
  readonly report?: ClassReport;
  readonly told?: string;
};

function scored(
  kind: TableKind,
  names: readonly string[],
  features: FeatureList,
  logits: readonly Float32Array[],
): Scored {
  if (kind === 'multi-label') {
    const labels = Array.from(features, ({ classes = [] }) => classes);
    return { ...multiLabelMetrics(logits.map(holding), labels, names), undefinedMetrics: {} };
  }
  const predictions = predictionsOf(logits);
  const labels = Array.from(features, ({ label = 0 }) => label);
  if (kind === 'classification') return { ...classMetrics(predictions, labels, names), undefinedMetrics: {} };
  const told = describeUndefined(REGRESSION, predictions, labels);
  return {
    metrics: { ...glueMetrics(REGRESSION, predictions, labels), ...errors(predictions, labels) },
    undefinedMetrics: undefinedMetrics(REGRESSION, predictions, labels),
    ...(told === undefined ? {} : { told }),
  };
}

/** Names of the metrics that {@link scored} gives. */
const metricNames = (kind: TableKind): readonly string[] =>
  kind === 'regression' ? [...REGRESSION.metrics, 'mse', 'mae'] : ['accuracy', 'f1_macro', 'f1_micro'];

/** A split to evaluate on. */
interface OwnSplit {
  readonly name: string;
  /** Of the metrics' names. */
  readonly prefix: string;
  readonly hash?: string;
  readonly features: FeatureList;
}

async function evaluateSplits(
  { onEvent }: TaskInput,
  kind: TableKind,
  names: readonly string[],
  splits: readonly OwnSplit[],
  infer: Infer,
): Promise<Evaluation> {
  const metrics: Record<string, number> = {};
  const reasons: Record<string, string> = {};
  const reports: Record<string, ClassReport> = {};
  for (const { name, prefix, features } of splits) {
    const found = scored(kind, names, features, await infer(name, features));
    for (const [metric, value] of Object.entries(found.metrics)) metrics[prefix + metric] = value;
    for (const [metric, reason] of Object.entries(found.undefinedMetrics)) reasons[prefix + metric] = reason;
    if (found.report) reports[name] = found.report;
    if (found.told !== undefined) onEvent({ kind: 'warning', text: `${name}: ${found.told}` });
  }
  return { metrics, undefinedMetrics: reasons, files: {}, reports };
}

/** Features of a table, reported to the bar. @param held 1 for a row that is held out */
async function encoded(
  { spec, tokenizer, onEvent }: TaskInput,
  table: LabelledTable,
  labels: readonly string[],
  split: string,
  held: Uint8Array,
): Promise<{ readonly taken: FeatureList; readonly heldOut: FeatureList }> {
  const [taken, heldOut] = [new CompactFeatures(), new CompactFeatures()];
  let done = 0;
  for await (const feature of encodeTable(table, { tokenizer, maxLength: spec.maxLength, labels })) {
    (held[done++] === 1 ? heldOut : taken).add(feature);
    if (done % 4096 === 0 || done === held.length)
      onEvent({ kind: 'tokenising', split, done, total: held.length });
  }
  return { taken, heldOut };
}

/** What is said of an evaluation on one class. */
const oneClassText = (path: string, rows: number, label: string, isLimited: boolean): string =>
  `${path}: ${isLimited ? 'the first' : 'all'} ${rows} rows have the label '${label}': what is measured on one class alone says little${isLimited ? '; is the file sorted by its labels? Shuffle it, or leave --max-eval-examples out' : ''}`;

async function preparedFile(
  input: TaskInput,
  kind: TableKind,
  path: string,
  name: 'validation' | 'test',
  { labels, texts }: Pick<Survey, 'labels'> & { readonly texts?: Survey['texts'] | undefined },
): Promise<OwnSplit> {
  const table = await tableOf(input.spec, kind, path, input.spec.maxEvalExamples);
  const { rows, shared, hash, found } = await checkTable(table, labels, texts);
  if (shared > 0)
    input.onEvent({
      kind: 'warning',
      text: `${path}: ${shared} of ${rows} rows are in the training data too (${input.spec.data}): what is measured on them is no test`,
    });
  const [only, another] = found;
  if (kind === 'classification' && only !== undefined && another === undefined)
    input.onEvent({ kind: 'warning', text: oneClassText(path, rows, only, table.maxExamples !== undefined) });
  const { taken } = await encoded(input, table, labels, name, new Uint8Array(rows));
  return { name, prefix: name === 'test' ? 'test_' : '', hash, features: taken };
}

const noTest = async (): Promise<never> => {
  throw new UsageError('--predict-test is for GLUE; give --test-file, or use predict');
};

const hashesOf = (splits: readonly OwnSplit[]): Record<string, string> =>
  Object.fromEntries(splits.flatMap(({ name, hash }) => (hash === undefined ? [] : [[name, hash]])));

async function labelledTask(spec: RunSpec, kind: TableKind): Promise<RunTask> {
  const table = await tableOf(spec, kind, spec.data, spec.maxTrainExamples);
  const { labels, rows, hash, notes, strata, texts: trained } = await surveyTable(table);
  const { validationSplit: share, seed } = spec;
  const held = share ? heldOutRows(strata, share, seed) : new Uint8Array(rows);
  const heldNotes = share ? heldOutNotes(held, share, table.path) : [];
  // Where no other file is compared with them, the memory that they take is given back.
  const texts = spec.validationFile || spec.testFile ? trained : undefined;
  let heldOut: FeatureList = [];
  return {
    name: kind,
    head: headOf(kind, labels.length),
    labels,
    async training(input) {
      for (const text of [...notes, ...heldNotes]) input.onEvent({ kind: 'warning', text });
      const read = await encoded(input, table, labels, 'train', held);
      heldOut = read.heldOut;
      return { features: read.taken, examples: read.taken.length, hash, report: {} };
    },
    async prepare(input) {
      const splits: OwnSplit[] = [];
      if (heldOut.length > 0) splits.push({ name: 'validation', prefix: '', features: heldOut });
      if (spec.validationFile)
        splits.push(await preparedFile(input, kind, spec.validationFile, 'validation', { labels, texts }));
      if (spec.testFile)
        splits.push(await preparedFile(input, kind, spec.testFile, 'test', { labels, texts }));
      const validation = splits.filter(({ name }) => name === 'validation');
      return {
        report: Object.fromEntries(splits.map(({ name, features }) => [`${name}.rows`, features.length])),
        hashes: hashesOf(splits),
        metricNames: validation.length > 0 ? metricNames(kind) : [],
        evaluate: (infer, which = 'all') =>
          evaluateSplits(input, kind, labels, which === 'all' ? splits : validation, infer),
      };
    },
    test: noTest,
  };
}

/** The part of a file with questions that a split has. */
async function questionTask(spec: RunSpec): Promise<RunTask> {
  const delimiter = spec.columns?.delimiter;
  const train = await readQuestions(
    { path: await localFile(spec.data), delimiter },
    spec.maxTrainExamples ?? undefined,
  );
  const held = spec.validationSplit
    ? heldOutRows(new Uint8Array(train.examples.length), spec.validationSplit, spec.seed)
    : new Uint8Array(train.examples.length);
  const part = (which: 0 | 1): SquadSource => {
    const examples = train.examples.filter((_, i) => held[i] === which);
    const taken = new Set(examples.map(({ id }) => id));
    return { ...train, examples, misplaced: train.misplaced.filter((id) => taken.has(id)) };
  };
  const validation = spec.validationFile
    ? await readQuestions(
        { path: await localFile(spec.validationFile), delimiter },
        spec.maxEvalExamples ?? undefined,
      )
    : part(1);
  const read: ReadQuestions = async (_input, split) => (split === 'train' ? part(0) : validation);
  const version = [train, validation].some((source) => source.version === '2.0') ? '2.0' : '1.1';
  return spanTask('question-answering', version, read);
}

/** @throws DataError for a training file that is missing or malformed: `surveyTable`, `readQuestions` */
export async function ownTask(spec: RunSpec, kind: OwnKind): Promise<RunTask> {
  if (kind === 'causal-lm' || kind === 'seq2seq-lm') return textTask(spec, kind);
  return kind === 'question-answering' ? questionTask(spec) : labelledTask(spec, kind);
}

/**
 * A saved model on data of one's own: `spec.data` is what is evaluated.
 * @param labels the model's, by id @throws DataError as `checkTable`
 */
export async function savedOwnTask(spec: RunSpec, labels: readonly string[]): Promise<RunTask> {
  const kind = ownKind(spec.task);
  if (kind === 'causal-lm' || kind === 'seq2seq-lm') return savedTextTask(spec, kind);
  if (kind === undefined || kind === 'question-answering') return questionTask(spec);
  return {
    name: kind,
    head: headOf(kind, labels.length),
    labels,
    training: noTest,
    async prepare(input) {
      const split = await preparedFile(input, kind, spec.data, 'validation', { labels });
      return {
        report: {},
        hashes: hashesOf([split]),
        metricNames: metricNames(kind),
        evaluate: (infer) => evaluateSplits(input, kind, labels, [split], infer),
      };
    },
    test: noTest,
  };
}
