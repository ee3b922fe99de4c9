/** Per-class scores against scikit-learn (test/golden/head_losses.py). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClassMetrics, classMetrics, multiLabelMetrics } from '../../src/metrics/classes.js';
import { goldenJson } from '../golden/golden.js';

interface Scores<T> {
  readonly labels: T[];
  readonly predictions: T[];
  readonly report: { precision: number; recall: number; f1: number; support: number }[];
  readonly accuracy: number;
  readonly f1_macro: number;
  readonly f1_micro: number;
  readonly confusion?: number[][];
}

const golden = goldenJson<{ scores: Scores<number>; multiLabelScores: Scores<number[]> }>('head_losses.json');

function same({ metrics, report }: ClassMetrics, wanted: Scores<unknown>): void {
  for (const name of ['accuracy', 'f1_macro', 'f1_micro'] as const)
    assert.ok(Math.abs(metrics[name] - wanted[name]) < 1e-12, name);
  wanted.report.forEach((row, id) => {
    for (const name of ['precision', 'recall', 'f1', 'support'] as const)
      assert.ok(Math.abs((report.classes[id]?.[name] as number) - row[name]) < 1e-12, `${name} of ${id}`);
  });
}

test('one class at a time; a class that never occurs is not in the macro mean', () => {
  const { scores } = golden;
  const found = classMetrics(scores.predictions, scores.labels, ['a', 'b', 'c', 'd']);
  same(found, scores);
  assert.deepEqual(found.report.confusion, scores.confusion);
});

test('any number of classes at once', () => {
  const { multiLabelScores: scores } = golden;
  same(multiLabelMetrics(scores.predictions, scores.labels, ['a', 'b', 'c']), scores);
});
