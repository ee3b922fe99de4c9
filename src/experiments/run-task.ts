/** What a run needs from a task: data -> features -> predictions -> metrics. `glue-task.ts`, `squad-task.ts` and `own-task.ts` make such values. */
import type { Feature, FeatureList } from '../datasets/batch.js';
import type { Split } from '../datasets/glue.js';
import type { ClassReport } from '../metrics/classes.js';
import type { Metrics } from '../metrics/metrics.js';
import type { ModelConfig } from '../models/config.js';
import type { TaskHead } from '../models/heads.js';
import { encoderBlocks } from '../models/specs.js';
import type { TextTokenizer } from '../tokenizers/tokenizer.js';
import type { RunSpec } from './run-spec.js';

/** What a task reports while it reads its data. */
export type DataEvent =
  | { readonly kind: 'tokenising'; readonly split: string; readonly done: number; readonly total: number }
  /** Something about the data that the user should know: one line. */
  | { readonly kind: 'warning'; readonly text: string };

export interface TaskInput {
  readonly spec: RunSpec;
  readonly tokenizer: TextTokenizer;
  /** The model's. */
  readonly config: ModelConfig;
  readonly onEvent: (event: DataEvent) => void;
  /** Data that would be read with a warning is refused. */
  readonly strict?: boolean | undefined;
}

export interface TrainingData {
  /** What the model trains on: one per row, or one per window of a question. */
  readonly features: FeatureList;
  /** Rows or questions. */
  readonly examples: number;
  /** sha256 of the split. */
  readonly hash: string;
  /** What became of the data, by name: windows, answers lost, `train.brokenRows` ...; empty when each line is one feature. */
  readonly report: Readonly<Record<string, number>>;
}

/**
 * Logits of each feature, in the order of the features: classification [labels], span [2 tokens], start then end; causal-lm: negative
 * log-probability of each token after the first, [tokens - 1]; seq2seq-lm: of each token of the target.
 * @param split for the progress bar
 */
export type Infer = (split: string, features: FeatureList) => Promise<Float32Array[]>;

export interface Evaluation {
  /** By the field's names: Hugging Face's for GLUE, the official evaluators' for SQuAD. */
  readonly metrics: Metrics;
  /** Why a metric is undefined, by its name: such ones are not among `metrics`. */
  readonly undefinedMetrics: Readonly<Record<string, string>>;
  /** Of own classes, by split. */
  readonly reports?: Readonly<Record<string, ClassReport>>;
  /** Text by file name: predictions to save beside the checkpoint. */
  readonly files: Readonly<Record<string, string>>;
}

/** Evaluation data that was read and encoded: what can be wrong with it has been said before anything is trained. */
export interface PreparedEvaluation {
  /** As {@link TrainingData.report}, of the splits evaluated. */
  readonly report: Readonly<Record<string, number>>;
  /** sha256 by split. */
  readonly hashes: Readonly<Record<string, string>>;
  /** Names of the metrics of the validation splits; empty without any. */
  readonly metricNames: readonly string[];
  /** @param which `validation`: while training, without own test files */
  evaluate(infer: Infer, which?: 'all' | 'validation'): Promise<Evaluation>;
}

/** A split of GLUE that is evaluated on. */
export interface EvaluationSplit {
  readonly file: string;
  /** Of the metrics' names. */
  readonly suffix: string;
  readonly split: Split;
  readonly features: readonly Feature[];
}

export interface RunTask {
  /** Hugging Face's, or the kind of own data. */
  readonly name: string;
  readonly head: TaskHead;
  /** Class names by id, for `config.json`; none for regression and spans. */
  readonly labels: readonly string[];
  /** By class id: other names under which published models have the class. */
  readonly synonyms?: readonly (readonly string[])[];
  /** The same task for a model that writes texts, where there is such. */
  readonly asTexts?: RunTask;
  training(input: TaskInput): Promise<TrainingData>;
  /** @throws DataError for a split that is missing, malformed, or too long for the model */
  prepare(input: TaskInput): Promise<PreparedEvaluation>;
  /**
   * Reads and encodes the test sets whose labels are hidden; what it gives answers them: text by file name.
   * @throws UsageError where a task has none, DataError where they are not at hand
   */
  test(input: TaskInput): Promise<(infer: Infer) => Promise<Record<string, string>>>;
}

/** The task as a model of this shape does it. */
export const taskFor = (task: RunTask, config: ModelConfig): RunTask =>
  (encoderBlocks(config) > 0 && task.asTexts) || task;

/** `maxExamples` of a split, from a spec's limit. */
export const limitOf = (maxExamples: number | null): { maxExamples?: number } =>
  maxExamples === null ? {} : { maxExamples };
