/** A GLUE task as a run sees it. */

import type { Feature } from '../datasets/batch.js';
import { cached } from '../datasets/cache.js';
import { featuresOf } from '../datasets/features.js';
import type { Split } from '../datasets/glue.js';
import { labelCount, type Task } from '../datasets/task.js';
import { DataError } from '../errors.js';
import { describeUndefined, glueMetrics, undefinedMetrics } from '../metrics/glue.js';
import { predictionsOf } from '../training/predictions.js';
import { readGlue, reportOf } from './glue-read.js';
import { readTestSplits, submissionText } from './glue-submission.js';
import { glueTextTask } from './glue-text-task.js';
import type { Evaluation, EvaluationSplit, Infer, RunTask, TaskInput } from './run-task.js';

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

async function evaluate(
  { onEvent }: TaskInput,
  task: Task,
  splits: readonly EvaluationSplit[],
  infer: Infer,
): Promise<Evaluation> {
  const metrics: Record<string, number> = {};
  const reasons: Record<string, string> = {};
  for (const { file, suffix, split, features } of splits) {
    const predictions = predictionsOf(await infer(file, features));
    const labels = split.examples.map(({ label }) => label);
    for (const [name, value] of Object.entries(glueMetrics(task, predictions, labels)))
      metrics[name + suffix] = value;
    for (const [name, reason] of Object.entries(undefinedMetrics(task, predictions, labels)))
      reasons[name + suffix] = reason;
    const told = describeUndefined(task, predictions, labels);
    if (told !== undefined) onEvent({ kind: 'warning', text: `${split.path}: ${told}` });
  }
  return { metrics, undefinedMetrics: reasons, files: {} };
}

export const glueTask = (task: Task): RunTask => ({
  name: task.name,
  head: { kind: 'classification', numLabels: labelCount(task) },
  labels: task.labels,
  ...(task.synonyms ? { synonyms: task.synonyms } : {}),
  asTexts: glueTextTask(task, evaluate),
  async training(input) {
    const { spec } = input;
    const split = await readGlue(input, task, 'train', spec.maxTrainExamples);
    const features = await tokenised(input, task, 'train', split);
    return { features, examples: features.length, hash: split.hash, report: reportOf('train', split) };
  },
  async prepare(input) {
    const hashes: Record<string, string> = {};
    const report: Record<string, number> = {};
    const prepared: EvaluationSplit[] = [];
    for (const { file, suffix } of task.evaluation) {
      const split = await readGlue(input, task, file, input.spec.maxEvalExamples);
      if (split.examples.length === 0) throw new DataError(`${split.path}: no row to evaluate on`);
      prepared.push({ file, suffix, split, features: await tokenised(input, task, file, split) });
      hashes[file] = split.hash;
      Object.assign(report, reportOf(file, split));
    }
    const metricNames = task.evaluation.flatMap(({ suffix }) => task.metrics.map((name) => name + suffix));
    return { hashes, report, metricNames, evaluate: (infer) => evaluate(input, task, prepared, infer) };
  },
  async test(input) {
    const splits = await readTestSplits(task, input);
    const encoded: Feature[][] = [];
    for (const { name, task: answered, split } of splits)
      encoded.push(await tokenised(input, answered, name, split));
    return async (infer) => {
      const files: Record<string, string> = {};
      for (const [i, { name, task: answered, submission }] of splits.entries()) {
        const logits = await infer(name, encoded[i] ?? []);
        files[submission] = submissionText(answered, predictionsOf(logits));
      }
      return files;
    };
  },
});
