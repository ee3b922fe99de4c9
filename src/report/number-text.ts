/** Numbers as a reader sees them: never rounded to a nought that they are not. */
import type { Metrics } from '../metrics/metrics.js';

const SIGNIFICANT = 4;

/**
 * With so many digits behind the point and `,` between thousands; as `2e-5` where that would leave fewer than two digits of the
 * value, as of learning rates. @param digits 1 or more
 */
export function numberText(value: number, digits: number): string {
  const tooSmall = value !== 0 && Math.abs(value) < 10 ** (1 - digits);
  return tooSmall ? Number(value.toPrecision(SIGNIFICANT)).toExponential() : roundedText(value, digits);
}

/** By digits: to make one takes longer than to format a hundred numbers. */
const FORMATS = new Map<number, Intl.NumberFormat>();

function formatOf(digits: number): Intl.NumberFormat {
  const known = FORMATS.get(digits);
  if (known) return known;
  const made = new Intl.NumberFormat('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    signDisplay: 'negative',
  });
  FORMATS.set(digits, made);
  return made;
}

/** Rounded to so many digits, without a sign on a nought. */
export const roundedText = (value: number, digits: number): string =>
  Number.isFinite(value) ? formatOf(digits).format(value) : String(value);

/** Of a metric that has no value for its predictions and labels. @param reason e.g. `one class predicted` */
export const undefinedText = (reason = 'one class predicted'): string => `undefined: ${reason}`;

/** `0.9128`; `872` for counts; null: a metric that is undefined (see metrics/glue.ts). */
export function scoreText(value: number | null): string {
  if (value === null) return undefinedText();
  return Number.isInteger(value) && value > 1 ? String(value) : numberText(value, 4);
}

/** Metrics by name, as text: those that are undefined first, with the reason. */
export const scoreEntries = ({
  metrics,
  undefinedMetrics = {},
}: {
  readonly metrics: Metrics;
  readonly undefinedMetrics?: Readonly<Record<string, string>>;
}): [string, string][] => [
  ...Object.entries(undefinedMetrics).map(([name, reason]): [string, string] => [
    name,
    undefinedText(reason),
  ]),
  ...Object.entries(metrics).map(([name, value]): [string, string] => [name, scoreText(value)]),
];

/** `accuracy 0.9128, loss 0.2345`. @param most so many of them */
export const scoresText = (scores: Parameters<typeof scoreEntries>[0], most = Infinity): string =>
  scoreEntries(scores)
    .slice(0, most)
    .map(([name, text]) => `${name} ${text}`)
    .join(', ');
