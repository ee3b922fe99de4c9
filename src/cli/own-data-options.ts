/** Options of data of one's own, by the names of Hugging Face's `run_classification`, and what is guessed where they are left out. */
import type { Command } from 'commander';
import { datasetFiles, localFile } from '../datasets/hub-dataset.js';
import { tableLayout } from '../datasets/tables/columns.js';
import { UsageError } from '../errors.js';
import { OWN_KINDS, type OwnKind, ownKind, type RunRequest } from '../experiments/run-spec.js';
import { type GivenTexts, pairColumns, runningTextColumns } from '../experiments/text-task.js';
import { numberBetween } from './numbers.js';

export interface ColumnFlags {
  readonly textColumn?: string;
  readonly textPairColumn?: string;
  readonly labelColumn?: string;
  readonly delimiter?: string;
  readonly sourcePrefix?: string;
}

export interface OwnDataFlags extends ColumnFlags {
  readonly task?: string;
  readonly data?: string;
  readonly trainFile?: string;
  readonly validationFile?: string;
  readonly testFile?: string;
  readonly validationSplit?: number;
  readonly datasetName?: string;
  readonly datasetConfigName?: string;
  readonly datasetRevision?: string;
}

/** Held out where there is no validation file. */
const HELD_OUT = 0.1;

const FORMATS = '.csv .tsv .jsonl .json .parquet, each also .gz or .xz, or hf://datasets/owner/name/path';

export const addTextColumnOptions = (command: Command): Command =>
  command
    .option('--text-column <name>', 'own data: the text (default: guessed from the names)')
    .option('--text-pair-column <name>', 'own data: the second text, where there are two')
    .option(
      '--delimiter <character>',
      'own data: what stands between columns; \\t: a tab (default: by the ending)',
    );

export const addColumnOptions = (command: Command): Command =>
  addTextColumnOptions(command)
    .option(
      '--source-prefix <text>',
      "seq2seq-lm: stands before each text that is read, as T5's 'summarize: '",
    )
    .option(
      '--label-column <name>',
      'own data: the label (default: guessed from the names); causal-lm: the completion of the text, which alone is learnt; seq2seq-lm: what is written of the text',
    );

export const addOwnDataOptions = (command: Command): Command =>
  addColumnOptions(
    command
      .option(
        '--train-file <file>',
        `own data to train on: ${FORMATS}; questions: SQuAD's json or columns; causal-lm: .txt too`,
      )
      .option('--validation-file <file>', 'own data to evaluate on')
      .option('--test-file <file>', 'own labelled data, evaluated once at the end: test_accuracy ...')
      .option(
        '--dataset-name <id>',
        'own data from the Hugging Face hub: its train and validation files; --test-file hf://datasets/owner/name/path names one more',
      )
      .option('--dataset-config-name <name>', 'the folder of its files, where there are several')
      .option('--dataset-revision <revision>', 'branch, tag or commit (default: main)'),
  ).option(
    '--validation-split <share>',
    `own data without --validation-file: share of the training rows held out, the same of each class (default: ${HELD_OUT})`,
    numberBetween('validation-split', 0.001, 0.9),
  );

export const givenColumns = ({
  textColumn: text,
  textPairColumn: textPair,
  labelColumn: label,
  delimiter,
  sourcePrefix: prefix,
}: ColumnFlags): GivenTexts =>
  Object.fromEntries(
    Object.entries({ text, textPair, label, delimiter, prefix }).filter(([, value]) => value !== undefined),
  );

function kindOf(task: string | undefined): OwnKind | undefined {
  const kind = task === undefined ? undefined : ownKind(task);
  if (task !== undefined && kind === undefined)
    throw new UsageError(
      `--task ${task} has data of its own: with --train-file, --task is one of ${OWN_KINDS.join(', ')}`,
    );
  return kind;
}

/** @throws UsageError for an option of own data without a training file */
function checkNone(flags: OwnDataFlags): void {
  const { validationFile, testFile, validationSplit, textColumn, textPairColumn, labelColumn, delimiter } =
    flags;
  const { sourcePrefix } = flags;
  const given = {
    validationFile,
    testFile,
    validationSplit,
    textColumn,
    textPairColumn,
    labelColumn,
    delimiter,
    sourcePrefix,
  };
  const stray = Object.entries(given).find(([, value]) => value !== undefined)?.[0];
  if (stray !== undefined)
    throw new UsageError(
      `--${stray.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} goes with --train-file: it is for data of your own`,
    );
}

/** The files of a data set on the hub in the place of files. @throws UsageError, DataError as `datasetFiles` */
async function withDataset(flags: OwnDataFlags): Promise<OwnDataFlags> {
  const { datasetName: name, datasetConfigName: config, datasetRevision: revision } = flags;
  if (name === undefined) {
    if (config !== undefined || revision !== undefined)
      throw new UsageError('--dataset-config-name, --dataset-revision go with --dataset-name');
    return flags;
  }
  if (flags.trainFile !== undefined) throw new UsageError('--dataset-name, --train-file: give one of them');
  const { train, validation } = await datasetFiles({ name, config, revision });
  const evaluated = flags.validationFile ?? (flags.validationSplit === undefined ? validation : undefined);
  return { ...flags, trainFile: train, ...(evaluated === undefined ? {} : { validationFile: evaluated }) };
}

/** What a file of one's own is for and what its columns hold, where it has any. @throws DataError */
export async function ownLayout(
  path: string,
  given: GivenTexts,
  kind: OwnKind | undefined,
): Promise<{
  readonly kind: OwnKind;
  readonly columns?: Omit<NonNullable<RunRequest['columns']>, 'delimiter'>;
}> {
  if (given.prefix !== undefined && kind !== 'seq2seq-lm')
    throw new UsageError('--source-prefix goes with --task seq2seq-lm');
  if (kind === 'seq2seq-lm') return { kind, columns: await pairColumns(path, given) };
  if (kind !== 'causal-lm') return tableLayout(path, given, kind);
  const columns = await runningTextColumns(path, given);
  return { kind, ...(columns ? { columns } : {}) };
}

/**
 * Task and data of a request: own data where there is a training file, with what is guessed from it.
 * @throws UsageError, DataError for a file from which kind or columns cannot be guessed
 */
export async function taskAndData(
  flags: OwnDataFlags,
): Promise<
  Pick<RunRequest, 'task' | 'data' | 'columns' | 'validationFile' | 'testFile' | 'validationSplit'>
> {
  const { task, trainFile, validationFile, testFile } = await withDataset(flags);
  if (trainFile === undefined) {
    checkNone(flags);
    if (task === undefined) throw new UsageError('--task: which? Or give data of your own with --train-file');
    if (ownKind(task) !== undefined) throw new UsageError(`--task ${task} wants --train-file`);
    return { task, data: flags.data ?? 'embedded' };
  }
  if (flags.data !== undefined) throw new UsageError('--data, --train-file: give one of them');
  const given = givenColumns(flags);
  const { kind, columns } = await ownLayout(await localFile(trainFile), given, kindOf(task));
  if (kind === 'question-answering' && testFile !== undefined)
    throw new UsageError('--test-file is for tables with labels; evaluate questions with --validation-file');
  const { delimiter } = given;
  return {
    task: kind,
    data: trainFile,
    ...(columns ? { columns: { ...columns, ...(delimiter === undefined ? {} : { delimiter }) } } : {}),
    ...(validationFile === undefined
      ? { validationSplit: flags.validationSplit ?? HELD_OUT }
      : { validationFile, ...(flags.validationSplit ? { validationSplit: flags.validationSplit } : {}) }),
    ...(testFile === undefined ? {} : { testFile }),
  };
}
