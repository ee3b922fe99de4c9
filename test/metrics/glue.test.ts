/** GLUE's metrics against scikit-learn and SciPy (test/golden/metrics.py). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricName } from '../../src/datasets/task.js';
import { describeUndefined, glueMetrics } from '../../src/metrics/glue.js';
import { goldenJson } from '../golden/golden.js';

interface Case {
  readonly predictions: number[];
  readonly labels: number[];
  readonly metrics: Partial<Record<MetricName, number | null>>;
}

const { cases } = goldenJson<{ cases: Case[] }>('metrics.json');

/** The golden values hold scikit-learn's 0.0 for a Matthews correlation that is 0 / 0. */
const isConstant = (values: readonly number[]): boolean => values.every((value) => value === values[0]);

test('metrics agree with scikit-learn and SciPy to 1e-12; undefined correlations are left out', () => {
  assert.ok(cases.length > 20);
  cases.forEach(({ predictions, labels, metrics }, i) => {
    const names = Object.keys(metrics) as MetricName[];
    const ours = glueMetrics({ metrics: names }, predictions, labels);
    for (const name of names) {
      const wanted = metrics[name];
      const isUndefined =
        wanted === null ||
        (name === 'matthews_correlation' && (isConstant(predictions) || isConstant(labels)));
      if (isUndefined) assert.equal(name in ours, false, `case ${i} ${name}`);
      else
        assert.ok(
          Math.abs((ours[name] as number) - (wanted as number)) <= 1e-12,
          `case ${i} ${name}: ${ours[name]}, wanted ${wanted}`,
        );
    }
  });
});

test('why a metric is undefined', () => {
  const cola = { metrics: ['matthews_correlation'], labels: ['bad', 'good'] } as const;
  const stsb = { metrics: ['pearson', 'spearmanr'], labels: [] } as const;
  const why = (task: Parameters<typeof describeUndefined>[0], ...of: [number[], number[]]) =>
    describeUndefined(task, ...of);
  assert.equal(
    why(cola, [1, 1, 1], [0, 1, 1]),
    'matthews_correlation is undefined: one class predicted (good)',
  );
  assert.equal(
    why(cola, [1, 1], [0, 0]),
    'matthews_correlation is undefined: one class predicted (good), one class in the labels (bad)',
  );
  assert.equal(
    why(stsb, [1, 2, 3], [2.5, 2.5, 2.5]),
    'pearson, spearmanr are undefined: one score in the labels (2.5)',
  );
  assert.equal(why(cola, [0, 1], [0, 1]), undefined);
  assert.equal(why({ metrics: ['accuracy', 'f1'] }, [0, 0], [0, 0]), undefined);
});

test('NaN is no prediction, and nothing is no evaluation', () => {
  const task = { metrics: ['accuracy'] } as const;
  assert.throws(() => glueMetrics(task, [1, Number.NaN], [1, 0]), {
    name: 'DataError',
    message: /prediction 2 is NaN, not a number.*Lower the learning rate/,
  });
  assert.throws(() => glueMetrics(task, [1], [Number.POSITIVE_INFINITY]), /label 1 is Infinity/);
  assert.throws(() => glueMetrics(task, [], []), /0 predictions, 0 labels/);
  assert.throws(() => glueMetrics(task, [1], [1, 1]), /1 predictions, 2 labels/);
});
