/** A GLUE task as a run sees it. */

import type { Feature } from '../datasets/batch.js';
import { cached } from '../datasets/cache.js';
import { featuresOf } from '../datasets/features.js';
import type { Split } from '../datasets/glue.js';
import { labelCount, type Task } from '../datasets/task.js';
import { describeUndefined, glueMetrics } from '../metrics/glue.js';
import { predictionsOf } from '../training/predictions.js';
import { readGlue, reportOf } from './glue-read.js';
import { readTestSplits, submissionText } from './glue-submission.js';
import type { RunTask, TaskInput } from './run-task.js';

/** Raised when tokenised rows change. */
const FORMAT = 2;

/** Features of a split of GLUE, from the cache or reported to the bar. */
function tokenised(
  { spec, tokenizer, onEvent }: TaskInput,
  task: Task,
  split: string,
  { examples, hash }: Split,
): Promise<Feature[]> {
  const total = examples.length;
  const of = { kind: 'glue', format: FORMAT, task: task.name, hash, total, tokenizer: tokenizer.hash };
  return cached({ ...of, maxLength: spec.maxLength }, () =>
    featuresOf(examples, tokenizer, spec.maxLength, (done) =>
      onEvent({ kind: 'tokenising', split, done, total }),
    ),
  );
}

export const glueTask = (task: Task): RunTask => ({
  head: { kind: 'classification', numLabels: labelCount(task) },
  labels: task.labels,
  async training(input) {
    const { spec } = input;
    const split = await readGlue(input, task, 'train', spec.maxTrainExamples);
    const features = await tokenised(input, task, 'train', split);
    return { features, examples: features.length, hash: split.hash, report: reportOf('train', split) };
  },
  async evaluate(input, infer) {
    const { spec } = input;
    const metrics: Record<string, number | null> = {};
    const hashes: Record<string, string> = {};
    const report: Record<string, number> = {};
    for (const { file, suffix } of task.evaluation) {
      const split = await readGlue(input, task, file, spec.maxEvalExamples);
      const predictions = predictionsOf(await infer(file, await tokenised(input, task, file, split)));
      const labels = split.examples.map(({ label }) => label);
      const undefinedOnes = describeUndefined(task, predictions, labels);
      if (undefinedOnes !== undefined)
        input.onEvent({ kind: 'warning', text: `${split.path}: ${undefinedOnes}` });
      for (const [name, value] of Object.entries(glueMetrics(task, predictions, labels)))
        metrics[name + suffix] = value;
      hashes[file] = split.hash;
      Object.assign(report, reportOf(file, split));
    }
    return { metrics, report, hashes, files: {} };
  },
  async test(input) {
    const splits = await readTestSplits(task, input);
    return async (infer) => {
      const files: Record<string, string> = {};
      for (const { name, task: answered, split, submission } of splits) {
        const logits = await infer(name, await tokenised(input, answered, name, split));
        files[submission] = submissionText(answered, predictionsOf(logits));
      }
      return files;
    };
  },
});
