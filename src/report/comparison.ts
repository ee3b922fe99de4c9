/** Means with their spread over seeds, and paired differences between two settings run with the same seeds. */

import { mean, quantile, sampleStandardDeviation } from 'simple-statistics';
import { DataError } from '../errors.js';
import { fillBits, STREAM } from '../random.js';
import { studentQuantile } from './student.js';

/** Lower and upper end. */
export type Interval = readonly [number, number];

/** Mean and spread of some values, in their unit. */
export interface Summary {
  readonly count: number;
  readonly mean: number;
  /** With n - 1 in the denominator; null for a single value. */
  readonly standardDeviation: number | null;
  /** Student-t interval of the mean; null for a single value. */
  readonly interval: Interval | null;
}

/**
 * @throws DataError without values, or when one is not a number
 * @example
 * ```ts
 * import { comparison } from 'progtuning';
 *
 * const { mean, standardDeviation } = comparison.summarise([70, 72, 74]);
 * console.log(mean, standardDeviation); // 72 2
 * ```
 */
export function summarise(values: readonly number[], level = 0.95): Summary {
  checkNumbers(values);
  const several = values.length > 1;
  return {
    count: values.length,
    mean: mean([...values]),
    standardDeviation: several ? sampleStandardDeviation([...values]) : null,
    interval: several ? studentInterval(values, level) : null,
  };
}

/**
 * `91.2 ± 0.4` (mean and sample standard deviation), `91.2` for a single value.
 * @example
 * ```ts
 * import { comparison } from 'progtuning';
 *
 * console.log(comparison.meanAndSpread([70, 72, 74])); // 72.0 ± 2.0
 * ```
 */
export function meanAndSpread(values: readonly number[], digits = 1): string {
  const { mean: centre, standardDeviation } = summarise(values);
  return standardDeviation === null
    ? centre.toFixed(digits)
    : `${centre.toFixed(digits)} ± ${standardDeviation.toFixed(digits)}`;
}

/**
 * Student-t interval of the mean: right for few values of a normal distribution.
 * @throws DataError for fewer than two values
 * @example
 * ```ts
 * import { comparison } from 'progtuning';
 *
 * console.log(comparison.studentInterval([70, 72, 74]).map((end) => end.toFixed(2)).join(' to ')); // 67.03 to 76.97
 * ```
 */
export function studentInterval(values: readonly number[], level = 0.95): Interval {
  checkNumbers(values, 2);
  const error = sampleStandardDeviation([...values]) / Math.sqrt(values.length);
  const half = studentQuantile(level, values.length - 1) * error;
  const centre = mean([...values]);
  return [centre - half, centre + half];
}

/** A mean difference and its 95 % intervals, in the unit of the values. */
export interface PairedDifference {
  readonly count: number;
  /** Mean of a[i] - b[i]. */
  readonly mean: number;
  /** Percentile interval over resampled pairs. Too narrow below about ten pairs: read the Student interval there. */
  readonly bootstrap: Interval;
  readonly student: Interval;
}

/** How an interval is drawn: `level` (0.95), `resamples` (10,000), `seed` (0). */
export interface BootstrapOptions {
  readonly level?: number;
  readonly resamples?: number;
  readonly seed?: number;
}

/**
 * How much `a` exceeds `b` on the mean, pair by pair (same seed, same data).
 * @throws DataError for unequal lengths, fewer than two pairs, or a value that is not a number
 * @example
 * ```ts
 * import { comparison } from 'progtuning';
 *
 * const { mean, count } = comparison.pairedDifference([71, 72, 75], [70, 72, 73]);
 * console.log(mean, count); // 1 3
 * ```
 */
export function pairedDifference(
  a: readonly number[],
  b: readonly number[],
  options: BootstrapOptions = {},
): PairedDifference {
  if (a.length !== b.length)
    throw new DataError(
      `Paired difference: expected as many values on both sides, found ${a.length} and ${b.length}.`,
    );
  const differences = a.map((value, i) => value - (b[i] as number));
  const bootstrap = bootstrapInterval(differences, options);
  const student = studentInterval(differences, options.level);
  return { count: a.length, mean: mean(differences), bootstrap, student };
}

/**
 * Percentile bootstrap interval of the mean (Efron 1979). The same seed gives the same interval.
 * @throws DataError for fewer than two values, or one that is not a number
 * @param options level, resamples, seed
 * @example
 * ```ts
 * import { comparison } from 'progtuning';
 *
 * const [low, high] = comparison.bootstrapInterval([70, 71, 72, 73, 74], { seed: 1 });
 * console.log(low < 72 && 72 < high); // true
 * ```
 */
export function bootstrapInterval(
  values: readonly number[],
  { level = 0.95, resamples = 10_000, seed = 0 }: BootstrapOptions = {},
): Interval {
  checkNumbers(values, 2);
  const n = values.length;
  const bits = fillBits({ seed, stream: STREAM.sample, step: 0 }, new Uint32Array(n * resamples));
  const means = Array.from({ length: resamples }, (_, r) => {
    let sum = 0;
    for (let i = 0; i < n; i++)
      sum += values[Math.floor(((bits[r * n + i] as number) / 2 ** 32) * n)] as number;
    return sum / n;
  });
  const [low, high] = quantile(means, [(1 - level) / 2, (1 + level) / 2]) as [number, number];
  return [low, high];
}

/** @throws DataError for fewer than `least` values, or one that is not a number */
export function checkNumbers(values: readonly number[], least = 1): void {
  if (values.length < least)
    throw new DataError(
      `Statistics: expected at least ${least} value${least > 1 ? 's' : ''}, found ${values.length}.`,
    );
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0)
    throw new DataError(`Statistics: value ${wrong + 1} is ${values[wrong]}; expected a finite number.`);
}
