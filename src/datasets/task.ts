/** One record per GLUE task with all its facts (Wang et al. 2019; names and label order as in the hub's `nyu-mll/glue`). */
import { UsageError } from '../errors.js';
import { unknownName } from '../nearest.js';

/** By the names of Hugging Face's `evaluate`. */
export type MetricName = 'accuracy' | 'f1' | 'matthews_correlation' | 'pearson' | 'spearmanr';

/** Where a column stands in the original TSV: by its name in the header, or by position where there is no header. */
export type Column = string | number;

/** A split whose labels only the GLUE server knows. */
export interface HiddenSplit {
  /** TSV file name without ending. */
  readonly file: string;
  readonly hub: string;
  /** Text columns where they are not those of `tsv.text`. */
  readonly text?: readonly [Column];
  /** File of predictions that the GLUE server takes. */
  readonly submission: string;
}

/** A GLUE task: its columns, labels, metrics, splits, licence. */
export interface Task {
  /** Hugging Face's name. */
  readonly name: string;
  /** Folder of the original download. */
  readonly folder: string;
  /** Text columns in the hub's parquet, in order. */
  readonly textColumns: readonly [string] | readonly [string, string];
  /** Class names by id; empty for regression. */
  readonly labels: readonly string[];
  /** By class id: other names under which published models have the class. */
  readonly synonyms?: readonly (readonly string[])[];
  /** Regression: lowest and highest score. */
  readonly range?: readonly [number, number];
  readonly tsv: {
    readonly text: readonly [Column] | readonly [Column, Column];
    readonly label: Column;
    /** Labels are written as class names, not as numbers. */
    readonly named: boolean;
    /** Columns of a row in `train` and `dev` files without header. Undefined: the first line names the columns. */
    readonly width?: number;
    /** The official files are known to hold fragments of rows that a line end within a text has torn. */
    readonly tornRows?: true;
  };
  readonly metrics: readonly MetricName[];
  /** Evaluation splits: TSV file name without ending, hub split name. */
  readonly evaluation: readonly { readonly file: string; readonly hub: string; readonly suffix: string }[];
  /** Splits whose labels are hidden. Their files have a header and no label column. */
  readonly test: readonly HiddenSplit[];
  /** Evaluation only: the task whose model is evaluated. */
  readonly trainedOn?: string;
  readonly licence: string;
}

const dev = [{ file: 'dev', hub: 'validation', suffix: '' }] as const;
const hidden = (submission: string): Task['test'] => [{ file: 'test', hub: 'test', submission }];
const digits = (text: Task['tsv']['text'], label: Column): Task['tsv'] => ({ text, label, named: false });
const names = (text: Task['tsv']['text'], label: Column): Task['tsv'] => ({ text, label, named: true });

const ENTAILMENT = ['entail', 'entails', 'entailed'];
const NOT_ENTAILMENT = ['non_entailment', 'no_entailment', 'not_entail', 'not_entails', 'not_entailed'];
const NLI = [ENTAILMENT, ['neutrals', 'neither'], ['contradict', 'contradicts', 'contradictory']];

/**
 * All GLUE tasks.
 * @example
 * ```ts
 * import { datasets } from 'progtuning';
 *
 * console.log(datasets.TASKS.length, datasets.TASKS[0].folder); // 10 CoLA
 * ```
 */
export const TASKS: readonly Task[] = [
  {
    name: 'cola',
    folder: 'CoLA',
    textColumns: ['sentence'],
    labels: ['unacceptable', 'acceptable'],
    synonyms: [
      ['not_acceptable', 'ungrammatical', 'incorrect'],
      ['grammatical', 'correct'],
    ],
    tsv: { text: [3], label: 1, named: false, width: 4 },
    metrics: ['matthews_correlation'],
    evaluation: dev,
    test: [{ file: 'test', hub: 'test', text: ['sentence'], submission: 'CoLA.tsv' }],
    licence: 'no licence stated; Warstadt et al. 2019',
  },
  {
    name: 'sst2',
    folder: 'SST-2',
    textColumns: ['sentence'],
    labels: ['negative', 'positive'],
    synonyms: [['neg'], ['pos']],
    tsv: digits(['sentence'], 'label'),
    metrics: ['accuracy'],
    evaluation: dev,
    test: hidden('SST-2.tsv'),
    licence: 'no licence stated; Socher et al. 2013',
  },
  {
    name: 'mrpc',
    folder: 'MRPC',
    textColumns: ['sentence1', 'sentence2'],
    labels: ['not_equivalent', 'equivalent'],
    synonyms: [
      ['non_equivalent', 'inequivalent', 'not_paraphrase', 'non_paraphrase', 'no_paraphrase'],
      ['paraphrase'],
    ],
    tsv: digits(['#1 String', '#2 String'], 'Quality'),
    metrics: ['accuracy', 'f1'],
    evaluation: dev,
    test: hidden('MRPC.tsv'),
    licence: 'Microsoft Research data licence; Dolan and Brockett 2005',
  },
  {
    name: 'stsb',
    folder: 'STS-B',
    textColumns: ['sentence1', 'sentence2'],
    labels: [],
    range: [0, 5],
    tsv: digits(['sentence1', 'sentence2'], 'score'),
    metrics: ['pearson', 'spearmanr'],
    evaluation: dev,
    test: hidden('STS-B.tsv'),
    licence: 'CC BY-SA 4.0; Cer et al. 2017',
  },
  {
    name: 'qqp',
    folder: 'QQP',
    textColumns: ['question1', 'question2'],
    labels: ['not_duplicate', 'duplicate'],
    synonyms: [
      ['non_duplicate', 'no_duplicate', 'not_duplicated'],
      ['is_duplicate', 'duplicated'],
    ],
    tsv: { ...digits(['question1', 'question2'], 'is_duplicate'), tornRows: true },
    metrics: ['accuracy', 'f1'],
    evaluation: dev,
    test: hidden('QQP.tsv'),
    licence: 'Quora terms, non-commercial',
  },
  {
    name: 'mnli',
    folder: 'MNLI',
    textColumns: ['premise', 'hypothesis'],
    labels: ['entailment', 'neutral', 'contradiction'],
    synonyms: NLI,
    tsv: names(['sentence1', 'sentence2'], 'gold_label'),
    metrics: ['accuracy'],
    evaluation: [
      { file: 'dev_matched', hub: 'validation_matched', suffix: '' },
      { file: 'dev_mismatched', hub: 'validation_mismatched', suffix: '_mm' },
    ],
    test: [
      { file: 'test_matched', hub: 'test_matched', submission: 'MNLI-m.tsv' },
      { file: 'test_mismatched', hub: 'test_mismatched', submission: 'MNLI-mm.tsv' },
    ],
    licence: 'OANC and others; Williams et al. 2018',
  },
  {
    name: 'qnli',
    folder: 'QNLI',
    textColumns: ['question', 'sentence'],
    labels: ['entailment', 'not_entailment'],
    synonyms: [ENTAILMENT, NOT_ENTAILMENT],
    tsv: names(['question', 'sentence'], 'label'),
    metrics: ['accuracy'],
    evaluation: dev,
    test: hidden('QNLI.tsv'),
    licence: 'CC BY-SA 4.0; from SQuAD, Rajpurkar et al. 2016',
  },
  {
    name: 'rte',
    folder: 'RTE',
    textColumns: ['sentence1', 'sentence2'],
    labels: ['entailment', 'not_entailment'],
    synonyms: [ENTAILMENT, NOT_ENTAILMENT],
    tsv: names(['sentence1', 'sentence2'], 'label'),
    metrics: ['accuracy'],
    evaluation: dev,
    test: hidden('RTE.tsv'),
    licence: 'no licence stated; Dagan et al. 2006 and later',
  },
  {
    name: 'wnli',
    folder: 'WNLI',
    textColumns: ['sentence1', 'sentence2'],
    labels: ['not_entailment', 'entailment'],
    synonyms: [NOT_ENTAILMENT, ENTAILMENT],
    tsv: digits(['sentence1', 'sentence2'], 'label'),
    metrics: ['accuracy'],
    evaluation: dev,
    test: hidden('WNLI.tsv'),
    licence: 'CC BY 4.0; Levesque et al. 2012',
  },
  {
    name: 'ax',
    folder: 'diagnostic',
    textColumns: ['premise', 'hypothesis'],
    labels: ['entailment', 'neutral', 'contradiction'],
    synonyms: NLI,
    tsv: names(['sentence1', 'sentence2'], 'label'),
    metrics: ['matthews_correlation'],
    evaluation: [],
    test: [{ file: 'diagnostic', hub: 'test', submission: 'AX.tsv' }],
    trainedOn: 'mnli',
    licence: 'no licence stated; Wang et al. 2019',
  },
];

/**
 * @throws UsageError that lists the known tasks
 * @example
 * ```ts
 * import { datasets } from 'progtuning';
 *
 * console.log(datasets.findTask('mrpc').metrics.join()); // accuracy,f1
 * ```
 */
export function findTask(name: string): Task {
  const task = TASKS.find((known) => known.name === name);
  if (!task)
    throw new UsageError(
      unknownName(
        'task',
        name,
        TASKS.map((known) => known.name),
      ),
    );
  return task;
}

/** A split with hidden labels, or undefined for one with labels. */
export const hiddenSplit = (task: Task, split: string): HiddenSplit | undefined =>
  task.test.find(({ file }) => file === split);

/** Outputs of the head: one for regression. */
export const labelCount = (task: Task): number => Math.max(1, task.labels.length);
