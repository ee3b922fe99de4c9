/**
 * GLUE's metrics, as scikit-learn and SciPy compute them wherever they are defined. Own code because no JavaScript library agrees
 * with both on ties and on single classes.
 *
 * Deviation: correlations (Matthews, Pearson, Spearman) with a side that is constant are 0 / 0. SciPy answers nan, scikit-learn's Matthews 0.0, as
 * if a model that says the same of everything had been measured and found to be no better than chance. Here all of them are null, and left out of
 * what is measured, so that a table can tell "undefined" from a measured 0. F1 without any positive keeps scikit-learn's 0 (`zero_division=0`), as GLUE's leaderboard has it.
 */
import type { MetricName, Task } from '../datasets/task.js';
import { DataError } from '../errors.js';
import { definedMetrics, type Metrics } from './metrics.js';

const count = (n: number, test: (i: number) => boolean): number => {
  let hits = 0;
  for (let i = 0; i < n; i++) if (test(i)) hits += 1;
  return hits;
};

/** Share of equal entries (sklearn `accuracy_score`). */
export const accuracy = (predictions: ArrayLike<number>, labels: ArrayLike<number>): number =>
  count(labels.length, (i) => predictions[i] === labels[i]) / labels.length;

/** Harmonic mean of precision and recall of class 1; 0 when undefined (sklearn `f1_score`, `zero_division=0`). */
export function f1(predictions: ArrayLike<number>, labels: ArrayLike<number>): number {
  const both = count(labels.length, (i) => predictions[i] === 1 && labels[i] === 1);
  const either =
    count(labels.length, (i) => predictions[i] === 1) + count(labels.length, (i) => labels[i] === 1);
  return either === 0 ? 0 : (2 * both) / either;
}

/** Matthews correlation of class ids, of any number of classes; null when a side is constant (sklearn `matthews_corrcoef`: 0.0). */
export function matthews(predictions: ArrayLike<number>, labels: ArrayLike<number>): number | null {
  const n = labels.length;
  const predicted = new Map<number, number>();
  const actual = new Map<number, number>();
  for (let i = 0; i < n; i++) {
    predicted.set(predictions[i] as number, (predicted.get(predictions[i] as number) ?? 0) + 1);
    actual.set(labels[i] as number, (actual.get(labels[i] as number) ?? 0) + 1);
  }
  const correct = count(n, (i) => predictions[i] === labels[i]);
  const dot = (a: Map<number, number>, b: Map<number, number>): number =>
    [...a].reduce((sum, [key, value]) => sum + value * (b.get(key) ?? 0), 0);
  const covariance = correct * n - dot(predicted, actual);
  const spread = (n * n - dot(predicted, predicted)) * (n * n - dot(actual, actual));
  return spread === 0 ? null : covariance / Math.sqrt(spread);
}

const isConstant = (values: ArrayLike<number>): boolean =>
  count(values.length, (i) => values[i] === values[0]) === values.length;

/** Pearson's r; null for a constant input or a single pair (SciPy `pearsonr`: nan, an error). */
export function pearson(x: ArrayLike<number>, y: ArrayLike<number>): number | null {
  const n = x.length;
  const mean = (values: ArrayLike<number>): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[i] as number;
    return sum / n;
  };
  if (isConstant(x) || isConstant(y)) return null;
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [dx, dy] = [(x[i] as number) - mx, (y[i] as number) - my];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  const spread = Math.sqrt(xx) * Math.sqrt(yy);
  return spread === 0 ? null : Math.max(-1, Math.min(1, xy / Math.sqrt(xx) / Math.sqrt(yy)));
}

/** Ranks from 1, ties share their mean (SciPy `rankdata`). */
export function averageRanks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort(
    (a, b) => (values[a] as number) - (values[b] as number),
  );
  const ranks = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end] as number] === values[order[start] as number]) end += 1;
    for (let i = start; i < end; i++) ranks[order[i] as number] = (start + end + 1) / 2;
    start = end;
  }
  return ranks;
}

/** Spearman's rho: Pearson's r of average ranks (SciPy `spearmanr`); null as {@link pearson}. */
export const spearman = (x: ArrayLike<number>, y: ArrayLike<number>): number | null =>
  pearson(averageRanks(x), averageRanks(y));

const METRICS: Record<
  MetricName,
  (predictions: ArrayLike<number>, labels: ArrayLike<number>) => number | null
> = {
  accuracy,
  f1,
  matthews_correlation: matthews,
  pearson,
  spearmanr: spearman,
};

/** @throws DataError for no examples, unequal lengths, and a prediction or label that is not a number */
function check(predictions: ArrayLike<number>, labels: ArrayLike<number>): void {
  if (labels.length === 0 || predictions.length !== labels.length)
    throw new DataError(
      `metrics: ${predictions.length} predictions, ${labels.length} labels: expected as many of both, at least one`,
    );
  for (const [what, values] of [
    ['prediction', predictions],
    ['label', labels],
  ] as const) {
    const wrong = Array.from(values).findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0)
      throw new DataError(
        `metrics: ${what} ${wrong + 1} is ${values[wrong]}, not a number: nothing can be scored. Did training diverge? Lower the learning rate`,
      );
  }
}

/**
 * The task's metrics by Hugging Face's names, without undefined ones. `predictions`: class ids, or scores for regression.
 * @throws DataError for predictions or labels that are not numbers, or not as many of both
 * @example
 * ```ts
 * import { datasets, evaluation } from 'progtuning';
 *
 * const metrics = evaluation.glueMetrics(datasets.findTask('mrpc'), [1, 0, 1, 1], [1, 0, 0, 1]);
 * console.log(metrics.accuracy, metrics.f1); // 0.75 0.8
 * ```
 */
export function glueMetrics(
  task: Pick<Task, 'metrics'>,
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
): Metrics {
  check(predictions, labels);
  return definedMetrics(
    Object.fromEntries(task.metrics.map((name) => [name, METRICS[name](predictions, labels)])),
  );
}

/** Why metrics are undefined, by their names: `one class predicted (1)`; empty where all are defined. */
export function undefinedMetrics(
  task: Pick<Task, 'metrics'> & Partial<Pick<Task, 'labels'>>,
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
): Record<string, string> {
  const names = task.metrics.filter((name) => METRICS[name](predictions, labels) === null);
  const shown = (value: number): string => `${task.labels?.[value] ?? value}`;
  const what = task.labels?.length === 0 ? 'score' : 'class';
  const reasons = [
    ...(isConstant(predictions) ? [`one ${what} predicted (${shown(predictions[0] as number)})`] : []),
    ...(isConstant(labels) ? [`one ${what} in the labels (${shown(labels[0] as number)})`] : []),
  ];
  const reason = reasons.length === 0 ? 'the scores differ too little to be told apart' : reasons.join(', ');
  return Object.fromEntries(names.map((name) => [name, reason]));
}

/** The same in one line: `pearson, spearmanr are undefined: one score in the labels (2.5)`; undefined where all are defined. */
export function describeUndefined(...of: Parameters<typeof undefinedMetrics>): string | undefined {
  const reasons = undefinedMetrics(...of);
  const names = Object.keys(reasons);
  if (names.length === 0) return undefined;
  return `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} undefined: ${Object.values(reasons)[0]}`;
}
