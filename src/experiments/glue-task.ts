/** A GLUE task as a run sees it. */

import type { Feature } from '../datasets/batch.js';
import { cached } from '../datasets/cache.js';
import { featuresOf } from '../datasets/features.js';
import type { Split } from '../datasets/glue.js';
import { readSplit } from '../datasets/source.js';
import { labelCount, type Task } from '../datasets/task.js';
import { glueMetrics } from '../metrics/glue.js';
import { predictionsOf } from '../training/predictions.js';
import { readTestSplits, submissionText } from './glue-submission.js';
import { limitOf, type RunTask, type TaskInput } from './run-task.js';

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

/** A split of GLUE; what is odd about its lines is told. */
async function read(
  { spec, strict, onEvent }: TaskInput,
  task: Task,
  split: string,
  maxExamples: number | null,
): Promise<Split> {
  const found = await readSplit(spec.data, task, split, { ...limitOf(maxExamples), strict });
  if (found.warning !== undefined) onEvent({ kind: 'warning', text: found.warning });
  return found;
}

/** `dev.brokenRows` and the like: what there is none of is left out. */
const reportOf = (split: string, { report }: Split): Record<string, number> =>
  Object.fromEntries(
    Object.entries(report).flatMap(([name, count]) => (count > 0 ? [[`${split}.${name}`, count]] : [])),
  );

export const glueTask = (task: Task): RunTask => ({
  head: { kind: 'classification', numLabels: labelCount(task) },
  labels: task.labels,
  async training(input) {
    const { spec } = input;
    const split = await read(input, task, 'train', spec.maxTrainExamples);
    const features = await tokenised(input, task, 'train', split);
    return { features, examples: features.length, hash: split.hash, report: reportOf('train', split) };
  },
  async evaluate(input, infer) {
    const { spec } = input;
    const metrics: Record<string, number> = {};
    const hashes: Record<string, string> = {};
    const report: Record<string, number> = {};
    for (const { file, suffix } of task.evaluation) {
      const split = await read(input, task, file, spec.maxEvalExamples);
      const predictions = predictionsOf(await infer(file, await tokenised(input, task, file, split)));
      const labels = split.examples.map(({ label }) => label);
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
