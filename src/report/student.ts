/** Student's t distribution, for a whole number of degrees of freedom. */
import { bisect } from 'simple-statistics';
import { UsageError } from '../errors.js';

/**
 * The t for which a Student variable lies within -t..t with probability `level`.
 * @throws UsageError for a level outside 0..1 or a number of degrees of freedom that is not whole and positive
 */
export function studentQuantile(level: number, degreesOfFreedom: number): number {
  if (!(level > 0 && level < 1))
    throw new UsageError(`level: expected a number between 0 and 1, found ${level}.`);
  checkDegrees(degreesOfFreedom);
  const angle = bisect((theta) => studentWithin(theta, degreesOfFreedom) - level, 0, Math.PI / 2, 200, 1e-15);
  return Math.sqrt(degreesOfFreedom) * Math.tan(angle as number);
}

/** P(T < t) of a Student variable. @throws UsageError as {@link studentQuantile} */
export function studentProbability(t: number, degreesOfFreedom: number): number {
  checkDegrees(degreesOfFreedom);
  const within = studentWithin(Math.atan(Math.abs(t) / Math.sqrt(degreesOfFreedom)), degreesOfFreedom);
  return t >= 0 ? (1 + within) / 2 : (1 - within) / 2;
}

/** P(-t < T < t) with t = sqrt(n) tan(theta), as a finite sum (Abramowitz and Stegun 26.7.3 and 26.7.4). */
function studentWithin(theta: number, n: number): number {
  const cosine = Math.cos(theta);
  const odd = n % 2 === 1;
  let term = odd ? cosine : 1;
  let sum = n === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k <= n - 2; k += 2) {
    term *= ((k - 1) / k) * cosine ** 2;
    sum += term;
  }
  return odd ? (2 / Math.PI) * (theta + Math.sin(theta) * sum) : Math.sin(theta) * sum;
}

function checkDegrees(degreesOfFreedom: number): void {
  if (!Number.isInteger(degreesOfFreedom) || degreesOfFreedom < 1)
    throw new UsageError(`degrees of freedom: expected a whole number from 1, found ${degreesOfFreedom}.`);
}
