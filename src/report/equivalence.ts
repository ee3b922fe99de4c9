/** Whether two settings do alike, and how many more pairs it would take to know. */
import { mean, sampleStandardDeviation } from 'simple-statistics';
import { UsageError } from '../errors.js';
import { checkNumbers } from './comparison.js';
import { studentProbability, studentQuantile } from './student.js';

export interface Equivalence {
  /** Larger of the two one-sided p values: below 0.05 the mean difference lies within the margin. */
  readonly p: number;
  /** Of the mean difference being at -margin or below. */
  readonly pLower: number;
  /** Of the mean difference being at +margin or above. */
  readonly pUpper: number;
}

/**
 * Two one-sided paired t tests (TOST; Schuirmann 1987) of the mean difference lying within -margin..margin.
 * @param differences of pairs @throws DataError for fewer than two, UsageError for a margin that is not positive
 */
export function equivalenceTest(differences: readonly number[], margin: number): Equivalence {
  checkNumbers(differences, 2);
  if (!(margin > 0)) throw new UsageError(`margin: expected a number above 0, found ${margin}.`);
  const centre = mean([...differences]);
  const error = sampleStandardDeviation([...differences]) / Math.sqrt(differences.length);
  const beyond = (distance: number): number =>
    error === 0 ? Number(distance <= 0) : studentProbability(-distance / error, differences.length - 1);
  const [pLower, pUpper] = [beyond(centre + margin), beyond(margin - centre)];
  return { p: Math.max(pLower, pUpper), pLower, pUpper };
}

/** Beyond this, more of the same runs is no way to know. */
const MOST_PAIRS = 1000;
const POWER = 0.8;
const LEVEL = 0.95;

/**
 * Pairs in all, at which the 95 % interval of the mean lies on one side of `bound` with a power of 80 %, if mean and spread stay what they
 * are: the least n with n >= ((t(0.975, n - 1) + t(0.8, n - 1)) s / |d - bound|)^2, with d and s of the differences at hand (Julious 2004).
 * @returns null where a thousand would not do @throws DataError for fewer than two differences
 */
export function pairsToDecide(differences: readonly number[], bound: number): number | null {
  checkNumbers(differences, 2);
  const distance = Math.abs(mean([...differences]) - bound);
  const spread = sampleStandardDeviation([...differences]);
  for (let n = 2; n <= MOST_PAIRS; n++) {
    // Two-sided: within -t..t lie 95 %, and 60 % where 80 % lie below t.
    const t = studentQuantile(LEVEL, n - 1) + studentQuantile(2 * POWER - 1, n - 1);
    if (n >= ((t * spread) / distance) ** 2) return n;
  }
  return null;
}

/** The rule of {@link pairsToDecide}, for a caption. */
export const POWER_NOTE =
  'seeds that would decide: the least n of pairs with n >= ((t(0.975, n-1) + t(0.8, n-1)) s / |d - bound|)^2, for a power of 80 % if mean d and spread s stay what they are';
