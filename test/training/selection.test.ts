/** Best model and early stopping decide as Hugging Face's `Trainer` and `EarlyStoppingCallback`, from the evaluations alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definedMetrics } from '../../src/metrics/metrics.js';
import { type Selection, selected } from '../../src/training/selection.js';

/** null: undefined. */
const of = (...values: (number | null)[]) =>
  values.map((value, i) => ({ step: i + 1, metrics: definedMetrics({ metric: value }) }));
const with_ = (more: Partial<Selection>): Selection => ({
  ...{ metric: 'metric', greaterIsBetter: true, loadBest: true, threshold: 0 },
  ...more,
});

test('the best: highest or lowest, the first of equals, never an undefined one', () => {
  assert.deepEqual(selected(of(1, 3, 2, 3), with_({})).best, { step: 2, value: 3 });
  assert.deepEqual(selected(of(1, 0.5, 2), with_({ greaterIsBetter: false })).best, { step: 2, value: 0.5 });
  assert.deepEqual(selected(of(null, 0, null), with_({})).best, { step: 2, value: 0 });
  assert.equal(selected(of(null), with_({})).best, undefined);
  assert.equal(selected([], with_({ patience: 1 })).stops, false);
});

test('patience counts evaluations in a row that are no better than the best', () => {
  const patience = with_({ patience: 2 });
  assert.equal(selected(of(1, 2, 2), patience).stops, false);
  assert.equal(selected(of(1, 2, 2, 1), patience).stops, true);
  assert.equal(selected(of(2, 1, 3, 1), patience).stops, false);
  assert.deepEqual(
    selected(of(2, 1, 1, 9), patience).best,
    { step: 1, value: 2 },
    'nothing counts after the end',
  );
});

test('a threshold counts for patience, not for the best', () => {
  const strict = with_({ patience: 2, threshold: 0.1 });
  const { best, stops } = selected(of(1, 1.05, 1.09), strict);
  assert.deepEqual({ best, stops }, { best: { step: 3, value: 1.09 }, stops: true });
  assert.equal(selected(of(1, 1.05, 1.2), strict).stops, false);
});
