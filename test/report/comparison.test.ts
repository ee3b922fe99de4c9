/** Statistics against SciPy and statsmodels (test/golden/statistics.py). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DataError, UsageError } from '../../src/errors.js';
import {
  bootstrapInterval,
  type Interval,
  meanAndSpread,
  pairedDifference,
  studentInterval,
  summarise,
} from '../../src/report/comparison.js';
import { equivalenceTest, pairsToDecide } from '../../src/report/equivalence.js';
import { studentProbability, studentQuantile } from '../../src/report/student.js';

interface Golden {
  quantiles: [number, number, number][];
  summaries: { values: number[]; mean: number; standardDeviation: number; interval: Interval }[];
  pairs: {
    a: number[];
    b: number[];
    mean: number;
    student: Interval;
    bootstrap: Interval;
    spread: number;
  }[];
  probabilities: [number, number, number][];
  equivalence: { a: number[]; b: number[]; margin: number; p: number; pLower: number; pUpper: number }[];
  power: { distance: number; spread: number; pairs: number }[];
}

const golden = JSON.parse(
  readFileSync(new URL('../../../test/golden/statistics.json', import.meta.url), 'utf8'),
) as Golden;

function near(given: number | null | undefined, wanted: number, tolerance = 1e-9): void {
  const distance = Math.abs((given ?? Number.NaN) - wanted);
  assert.ok(distance <= tolerance * Math.max(1, Math.abs(wanted)), `${given} is ${distance} from ${wanted}`);
}

test('Student quantiles are SciPy`s', () => {
  for (const [level, n, wanted] of golden.quantiles) near(studentQuantile(level, n), wanted);
});

test('Student probabilities are SciPy`s', () => {
  for (const [t, n, wanted] of golden.probabilities) near(studentProbability(t, n), wanted);
});

test('two one-sided tests are those of statsmodels', () => {
  for (const { a, b, margin, ...wanted } of golden.equivalence) {
    const given = equivalenceTest(
      a.map((value, i) => value - (b[i] as number)),
      margin,
    );
    for (const name of ['p', 'pLower', 'pUpper'] as const) near(given[name], wanted[name], 1e-8);
  }
  assert.deepEqual(equivalenceTest([0.5, 0.5], 1), { p: 0, pLower: 0, pUpper: 0 });
  assert.equal(equivalenceTest([1.5, 1.5], 1).p, 1);
  assert.throws(() => equivalenceTest([1, 2], 0), UsageError);
});

test('pairs that would decide: within one of statsmodels, which has the exact power', () => {
  for (const { distance, spread, pairs } of golden.power) {
    // Two values with this mean and sample standard deviation.
    const half = spread / Math.SQRT2;
    const given = pairsToDecide([distance - half, distance + half], 0);
    assert.ok(Math.abs((given ?? 0) - Math.ceil(pairs)) <= 1, `${given} for ${pairs}`);
  }
  assert.equal(pairsToDecide([-1, 1], 0), null, 'no number of runs tells a difference of nothing');
  assert.equal(pairsToDecide([2, 2], 0), 2);
});

test('mean, sample standard deviation and Student interval are SciPy`s', () => {
  for (const { values, mean, standardDeviation, interval } of golden.summaries) {
    const given = summarise(values);
    near(given.mean, mean, 1e-13);
    near(given.standardDeviation, standardDeviation, 1e-12);
    near(given.interval?.[0], interval[0]);
    near(given.interval?.[1], interval[1]);
  }
});

test('paired differences: Student exactly, bootstrap close to the enumerated distribution', () => {
  for (const { a, b, mean, student, bootstrap, spread } of golden.pairs) {
    const given = pairedDifference(a, b, { resamples: 40_000 });
    near(given.mean, mean, 1e-12);
    near(given.student[0], student[0]);
    near(given.student[1], student[1]);
    for (const end of [0, 1] as const)
      assert.ok(Math.abs(given.bootstrap[end] - bootstrap[end]) < 0.05 * spread);
  }
});

test('a bootstrap repeats with its seed and changes with another', () => {
  const values = [0.3, 0.1, -0.2, 0.5, 0.25, 0.07];
  assert.deepEqual(bootstrapInterval(values, { seed: 1 }), bootstrapInterval(values, { seed: 1 }));
  assert.notDeepEqual(
    bootstrapInterval(values, { seed: 1, resamples: 999 }),
    bootstrapInterval(values, { seed: 2, resamples: 999 }),
  );
});

test('a single value has no spread', () => {
  assert.deepEqual(summarise([3]), { count: 1, mean: 3, standardDeviation: null, interval: null });
  assert.equal(meanAndSpread([91.25]), '91.3');
  assert.equal(meanAndSpread([90, 92]), '91.0 ± 1.4');
});

test('wrong material is named', () => {
  assert.throws(() => summarise([]), new DataError('Statistics: expected at least 1 value, found 0.'));
  assert.throws(
    () => summarise([1, Number.NaN]),
    new DataError('Statistics: value 2 is NaN; expected a finite number.'),
  );
  assert.throws(() => studentInterval([1]), /at least 2 values, found 1/);
  assert.throws(() => pairedDifference([1, 2], [1]), /as many values on both sides, found 2 and 1/);
  assert.throws(() => studentQuantile(1.5, 3), UsageError);
  assert.throws(() => studentQuantile(0.95, 0), UsageError);
});
