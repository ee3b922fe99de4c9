/** Numbers as a reader sees them: never rounded to a nought that they are not. */

const SIGNIFICANT = 4;

/**
 * With so many digits behind the point and `,` between thousands; as `2e-5` where that would leave fewer than two digits of the
 * value, as of learning rates. @param digits 1 or more
 */
export function numberText(value: number, digits: number): string {
  const tooSmall = value !== 0 && Math.abs(value) < 10 ** (1 - digits);
  return tooSmall ? Number(value.toPrecision(SIGNIFICANT)).toExponential() : roundedText(value, digits);
}

/** Rounded to so many digits, without a sign on a nought. */
export function roundedText(value: number, digits: number): string {
  if (!Number.isFinite(value)) return String(value);
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    signDisplay: 'negative',
  });
}

/** Of a metric that has no value for its predictions and labels. @param reason e.g. `one class predicted` */
export const undefinedText = (reason = 'one class predicted'): string => `undefined: ${reason}`;

/** `0.9128`; `872` for counts; `undefined: one class predicted` for a metric that is (see metrics/glue.ts). */
export function scoreText(value: number | null, reason?: string): string {
  if (value === null) return undefinedText(reason);
  return Number.isInteger(value) && value > 1 ? String(value) : numberText(value, 4);
}
