/**
 * When to stop making runs: decided before the first one (docs/beyond.md). After 5, 8, 12 and 16 seeds the paired differences are looked at,
 * each time with an interval so wide that all looks together miss the true mean in at most 5 % of cases (Bonferroni over looks and
 * comparisons), so that looking early costs nothing but width. Every decision is right where the interval holds the mean.
 */
import { type Interval, studentInterval } from './comparison.js';

/**
 * Seeds after which the differences are looked at.
 * @example
 * ```ts
 * import { comparison } from 'progtuning';
 *
 * console.log(comparison.LOOKS.join()); // 5,8,12,16
 * ```
 */
export const LOOKS = [5, 8, 12, 16] as const;

/** Margin, and what shares the error rate. */
export interface SequentialOptions {
  /** Points that are as good as nothing. */
  readonly margin: number;
  /** How many comparisons share the error rate: rows of one table. Default 1. */
  readonly comparisons?: number;
  /** Chance of any wrong decision, over all looks and comparisons. Default 0.05. */
  readonly error?: number;
  readonly looks?: readonly number[];
}

/** `next`: how many seeds are wanted before it is looked at again. */
export type Sequential =
  | {
      readonly kind: 'better' | 'worse' | 'equal' | 'undecided';
      /** Looked at when it was decided. */
      readonly seeds: number;
      readonly interval: Interval;
    }
  | { readonly kind: 'go on'; readonly seeds: number; readonly next: number };

/**
 * What the differences say so far. `equal`: the mean is within the margin; `undecided`: the last look is over and said nothing.
 * @param differences in points, one a seed, in the order of the seeds: what comes after a decision is not looked at
 * @example
 * ```ts
 * import { comparison } from 'progtuning';
 *
 * const decision = comparison.sequentialDecision([1.1, 0.9, 1.0, 1.2, 0.8], { margin: 0.5 });
 * console.log(decision.kind, decision.seeds); // better 5
 * ```
 */
export function sequentialDecision(
  differences: readonly number[],
  { margin, comparisons = 1, error = 0.05, looks = LOOKS }: SequentialOptions,
): Sequential {
  const level = 1 - error / (looks.length * comparisons);
  let last: Interval | undefined;
  for (const seeds of looks) {
    if (differences.length < seeds) return { kind: 'go on', seeds: differences.length, next: seeds };
    const interval = studentInterval(differences.slice(0, seeds), level);
    const [low, high] = interval;
    if (low > 0) return { kind: 'better', seeds, interval };
    if (high < 0) return { kind: 'worse', seeds, interval };
    if (low > -margin && high < margin) return { kind: 'equal', seeds, interval };
    last = interval;
  }
  return { kind: 'undecided', seeds: looks.at(-1) as number, interval: last as Interval };
}
