/**
 * GLUE as texts from texts (Raffel et al. 2020, section 2.4 and appendix D): `sst2 sentence: a fine film` is read, and the name of the class, or
 * the score to the nearest fifth, is written. Deviation: what is predicted is the class whose name is the likeliest text, not what is generated,
 * which may be no class at all; texts stand in the order of the task's columns, which of MNLI's T5 turns round.
 */
import type { Feature } from '../datasets/batch.js';
import type { Split } from '../datasets/glue.js';
import type { Example } from '../datasets/glue-rows.js';
import type { Task } from '../datasets/task.js';
import { predictionsOf } from '../training/predictions.js';
import { readGlue, reportOf } from './glue-read.js';
import { readTestSplits, submissionText } from './glue-submission.js';
import type { Evaluation, EvaluationSplit, Infer, RunTask, TaskInput } from './run-task.js';
import { pairsOf } from './text-task.js';

/** Scores are written in steps of this, 26 of them from 0 to 5. */
const STEP = 0.2;

/** What may be written, and the label that each stands for. */
function answersOf({ labels, range }: Task): readonly (readonly [text: string, label: number])[] {
  if (!range) return labels.map((text, id) => [text, id]);
  const [least, most] = range;
  return Array.from({ length: Math.round((most - least) / STEP) + 1 }, (_, i) => {
    const score = least + i * STEP;
    return [score.toFixed(1), Number(score.toFixed(1))];
  });
}

const inputOf = ({ name, textColumns }: Task, { texts }: Example): string =>
  [name, ...textColumns.map((column, i) => `${column}: ${texts[i]}`)].join(' ');

/** The place of the answer that is nearest to a label. */
function nearest(answers: ReturnType<typeof answersOf>, label: number): number {
  const distance = (place: number): number => Math.abs((answers[place]?.[1] as number) - label);
  return answers.reduce((best, _, place) => (distance(place) < distance(best) ? place : best), 0);
}

/** Of each example every answer, one after the other. */
const candidates = (input: TaskInput, task: Task, { examples }: Split): Promise<Feature[]> =>
  pairsOf(
    input,
    examples.flatMap((example) => answersOf(task).map(([text]) => [inputOf(task, example), text] as const)),
  );

const sumOf = (losses: Float32Array | undefined): number => losses?.reduce((a, b) => a + b, 0) ?? 0;

/** Logits of each example as a classifier has them, of a score the score itself. @param losses of all candidates */
function logitsOf(task: Task, losses: readonly Float32Array[]): Float32Array[] {
  const answers = answersOf(task);
  return Array.from({ length: losses.length / answers.length }, (_, example) => {
    const logits = Float32Array.from(answers, (_, i) => -sumOf(losses[example * answers.length + i]));
    if (!task.range) return logits;
    const best = logits.reduce((found, value, i) => (value > (logits[found] as number) ? i : found), 0);
    return Float32Array.of(answers[best]?.[1] as number);
  });
}

/** Mean over the tokens of the right answers. */
function lossOf(task: Task, { examples }: Split, losses: readonly Float32Array[]): number {
  const answers = answersOf(task);
  const right = examples.map(
    ({ label }, example) => losses[example * answers.length + nearest(answers, label)] as Float32Array,
  );
  return right.reduce((sum, row) => sum + sumOf(row), 0) / right.reduce((sum, { length }) => sum + length, 0);
}

/** Metrics of a task's splits from their logits, as its classifier has them. */
export type ScoreSplits = (
  input: TaskInput,
  task: Task,
  splits: readonly EvaluationSplit[],
  infer: Infer,
) => Promise<Evaluation>;

/** @param score of the same task with classes */
export const glueTextTask = (task: Task, score: ScoreSplits): RunTask => ({
  name: task.name,
  head: { kind: 'seq2seq-lm' },
  labels: [],
  async training(input) {
    const split = await readGlue(input, task, 'train', input.spec.maxTrainExamples);
    const answers = answersOf(task);
    const features = await pairsOf(
      input,
      split.examples.map((example) => {
        const [text] = answers[nearest(answers, example.label)] as readonly [string, number];
        return [inputOf(task, example), text] as const;
      }),
    );
    return { features, examples: features.length, hash: split.hash, report: reportOf('train', split) };
  },
  async prepare(input) {
    const splits: EvaluationSplit[] = [];
    for (const { file, suffix } of task.evaluation) {
      const split = await readGlue(input, task, file, input.spec.maxEvalExamples);
      splits.push({ file, suffix, split, features: await candidates(input, task, split) });
    }
    const metricNames = task.evaluation.flatMap(({ suffix }) => task.metrics.map((name) => name + suffix));
    return {
      hashes: Object.fromEntries(splits.map(({ file, split }) => [file, split.hash])),
      report: Object.assign({}, ...splits.map(({ file, split }) => reportOf(file, split))) as Record<
        string,
        number
      >,
      metricNames,
      async evaluate(infer) {
        const found = new Map<string, number>();
        const scored = await score(input, task, splits, async (file, features) => {
          const losses = await infer(file, features);
          const of = splits.find((split) => split.file === file) as EvaluationSplit;
          found.set(`loss${of.suffix}`, lossOf(task, of.split, losses));
          return logitsOf(task, losses);
        });
        return { ...scored, metrics: { ...scored.metrics, ...Object.fromEntries(found) } };
      },
    };
  },
  async test(input) {
    const splits = await readTestSplits(task, input);
    const encoded: Feature[][] = [];
    for (const { split } of splits) encoded.push(await candidates(input, task, split));
    return async (infer) => {
      const files: Record<string, string> = {};
      for (const [i, { name, task: answered, submission }] of splits.entries())
        files[submission] = submissionText(
          answered,
          predictionsOf(logitsOf(task, await infer(name, encoded[i] ?? []))),
        );
      return files;
    };
  },
});
