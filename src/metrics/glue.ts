/**
 * GLUE's metrics, as scikit-learn and SciPy compute them, degenerate inputs included. Own code because no JavaScript library agrees
 * with both on those (constant predictions, one class only, ties).
 */
import type { MetricName, Task } from '../datasets/task.js';

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

/** Matthews correlation of class ids, of any number of classes; 0 when undefined (sklearn `matthews_corrcoef`). */
export function matthews(predictions: ArrayLike<number>, labels: ArrayLike<number>): number {
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
  return spread === 0 ? 0 : covariance / Math.sqrt(spread);
}

/** Pearson's r; NaN for a constant input (SciPy `pearsonr`). */
export function pearson(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const n = x.length;
  const mean = (values: ArrayLike<number>): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[i] as number;
    return sum / n;
  };
  const constant = (values: ArrayLike<number>): boolean => count(n, (i) => values[i] === values[0]) === n;
  if (n < 2 || constant(x) || constant(y)) return Number.NaN;
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [dx, dy] = [(x[i] as number) - mx, (y[i] as number) - my];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return Math.max(-1, Math.min(1, xy / Math.sqrt(xx) / Math.sqrt(yy)));
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

/** Spearman's rho: Pearson's r of average ranks (SciPy `spearmanr`). */
export const spearman = (x: ArrayLike<number>, y: ArrayLike<number>): number =>
  pearson(averageRanks(x), averageRanks(y));

const METRICS: Record<MetricName, (predictions: ArrayLike<number>, labels: ArrayLike<number>) => number> = {
  accuracy,
  f1,
  matthews_correlation: matthews,
  pearson,
  spearmanr: spearman,
};

/** The task's metrics by Hugging Face's names. `predictions`: class ids, or scores for regression. */
export const glueMetrics = (
  task: Pick<Task, 'metrics'>,
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
): Record<string, number> =>
  Object.fromEntries(task.metrics.map((name) => [name, METRICS[name](predictions, labels)]));
