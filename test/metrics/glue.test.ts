/** GLUE's metrics against scikit-learn and SciPy (test/golden/metrics.py). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricName } from '../../src/datasets/task.js';
import { glueMetrics } from '../../src/metrics/glue.js';
import { goldenJson } from '../golden/golden.js';

interface Case {
  readonly predictions: number[];
  readonly labels: number[];
  readonly metrics: Partial<Record<MetricName, number | null>>;
}

const { cases } = goldenJson<{ cases: Case[] }>('metrics.json');

test('metrics agree with scikit-learn and SciPy to 1e-12, degenerate inputs included', () => {
  assert.ok(cases.length > 20);
  cases.forEach(({ predictions, labels, metrics }, i) => {
    const names = Object.keys(metrics) as MetricName[];
    const ours = glueMetrics({ metrics: names }, predictions, labels);
    for (const name of names) {
      const wanted = metrics[name];
      if (wanted === null)
        assert.ok(Number.isNaN(ours[name]), `case ${i} ${name}: ${ours[name]}, wanted NaN`);
      else
        assert.ok(
          Math.abs((ours[name] as number) - (wanted as number)) <= 1e-12,
          `case ${i} ${name}: ${ours[name]}, wanted ${wanted}`,
        );
    }
  });
});
