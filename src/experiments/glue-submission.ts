/** Predictions for GLUE's hidden test sets, as files that the server at gluebenchmark.com takes: `index`, `prediction`. */

import type { Split } from '../datasets/glue.js';
import { findTask, type Task } from '../datasets/task.js';
import { DataError } from '../errors.js';
import { readGlue } from './glue-read.js';
import type { TaskInput } from './run-task.js';

export interface TestSplit {
  /** Name in the progress bar. */
  readonly name: string;
  readonly task: Task;
  readonly split: Split;
  /** File name of the submission. */
  readonly submission: string;
}

/** MNLI's model also answers the diagnostic set. */
const answeredWith = (task: Task): readonly Task[] =>
  task.name === 'mnli' ? [task, findTask('ax')] : [task];

/**
 * The test splits that a task's model answers. The diagnostic set is left out, with a warning, where its file is not at hand.
 * @throws DataError for a missing test split
 */
export async function readTestSplits(task: Task, input: TaskInput): Promise<TestSplit[]> {
  const splits: TestSplit[] = [];
  for (const answered of answeredWith(task)) {
    for (const { file, submission } of answered.test) {
      try {
        const split = await readGlue(input, answered, file, null);
        splits.push({ name: submission.replace('.tsv', ''), task: answered, split, submission });
      } catch (error) {
        if (!answered.trainedOn || !(error instanceof DataError)) throw error;
        input.onEvent({ kind: 'warning', text: `${submission} is not written: ${error.message}` });
      }
    }
  }
  return splits;
}

/** STS-B's scores lie in [0, 5]; three digits, as in the server's sample. */
function shown({ labels, range, tsv }: Task, prediction: number): string {
  if (range) return Math.min(range[1], Math.max(range[0], prediction)).toFixed(3);
  return tsv.named ? (labels[prediction] as string) : String(prediction);
}

/** The text of a submission file. @param predictions class ids or scores, in the order of the split */
export function submissionText(task: Task, predictions: ArrayLike<number>): string {
  const rows = Array.from(predictions, (prediction, index) => `${index}\t${shown(task, prediction)}`);
  return `index\tprediction\n${rows.join('\n')}\n`;
}
