/** Paired differences -> an interval, an equivalence test, and the verdict that they give. */
import type { LedgerRecord } from '../experiments/ledger.js';
import type { GridCell } from '../experiments/notebook-runs.js';
import { pairedDifference } from './comparison.js';
import { equivalenceTest, pairsToDecide } from './equivalence.js';
import { collapseText } from './pairs.js';
import { taskName } from './task-name.js';

/** What the runs at hand say of a claim. */
export type Verdict =
  | 'reproduced'
  | 'not reproduced'
  /** Of what the paper does not claim. */
  | 'holds'
  | 'does not hold'
  | 'undecided'
  | 'not run'
  | 'not testable here';

/** A claim with what was measured of it. */
export interface Claim {
  readonly claim: string;
  readonly measured: string;
  readonly verdict: Verdict;
  /** Notebook that holds the evidence. */
  readonly where: string;
  /** Whether both sides are equal within one point, by two one-sided tests. */
  readonly equivalence?: string;
  /** What would decide, where the runs at hand do not. */
  readonly needed?: string;
  /** What was compared. */
  readonly records: readonly LedgerRecord[];
}

/** Points by which a mean may fall short and still be called equal. */
export const MARGIN = 1;

/** Fewer decide nothing, however alike they are. */
const LEAST_PAIRS = 3;
/** Below, the bootstrap interval is too narrow: that of three pairs is little more than their range. */
const LEAST_RESAMPLED = 10;

/** The whole interval of the mean difference has to lie on this side of the bound. */
export interface Rule {
  readonly side: 'above' | 'below';
  readonly bound: number;
}

export interface Measured {
  readonly points: number;
  /** The run, or runs, that it is about, and what they are compared with. */
  readonly records: readonly LedgerRecord[];
}

export interface Comparison {
  readonly claim: string;
  /** What was compared. */
  readonly what: string;
  readonly where: string;
  readonly measured: readonly Measured[];
  /** Measured too, on tasks of which nothing was learnt: told, not counted. */
  readonly unlearnt?: readonly Measured[];
  /** What a difference stands for. Default `pair`. */
  readonly noun?: string;
  /** The runs that the claim rests on: with none made it is not judged. */
  readonly cells: readonly GridCell[];
  readonly rule: Rule;
  /** Said after the difference. */
  readonly more?: string;
  /** The paper does not claim it. */
  readonly ours?: boolean;
}

const OURS: Partial<Record<Verdict, Verdict>> = { reproduced: 'holds', 'not reproduced': 'does not hold' };

export const signed = (value: number): string => `${value >= 0 ? '+' : ''}${value.toFixed(2)}`;

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

function decide({ side, bound }: Rule, [low, high]: readonly [number, number]): Verdict {
  const [holds, fails] = side === 'above' ? [low > bound, high < bound] : [high < bound, low > bound];
  return holds ? 'reproduced' : fails ? 'not reproduced' : 'undecided';
}

/** `p = 0.031`; a p value too small for three digits as `p < 0.001`. */
const pText = (p: number): string => (p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`);

function equivalenceText(points: readonly number[]): string {
  const { p } = equivalenceTest(points, MARGIN);
  const shown = p < 0.05 ? 'equal' : 'not shown to be equal';
  return `${shown} within ${MARGIN} point (two one-sided tests, ${pText(p)})`;
}

const seedsOf = (measured: readonly Measured[]): number =>
  new Set(measured.flatMap(({ records }) => records.map(({ spec }) => spec.seed))).size;

/** How many more seeds of the same runs would decide. */
function neededText(measured: readonly Measured[], { bound }: Rule): string {
  const points = measured.map(({ points }) => points);
  const least = points.length < 2 ? LEAST_PAIRS : pairsToDecide(points, bound);
  if (least === null)
    return 'more seeds would not decide it: the mean lies too near the bound for its spread';
  const seeds = Math.max(1, seedsOf(measured));
  const more =
    (Math.max(least, LEAST_PAIRS, points.length + 1) - points.length) / Math.max(1, points.length / seeds);
  const whole = Math.max(1, Math.ceil(more));
  return points.length < 2
    ? `at least ${plural(whole, 'more seed')} before anything can be said`
    : `about ${plural(whole, 'more seed')} of the same runs would decide`;
}

/** `RTE 5, MRPC 5`: how many pairs of each task. */
function tasksText(measured: readonly Measured[]): string {
  const counts = new Map<string, number>();
  for (const { records } of measured) {
    const [first] = records;
    if (first) counts.set(taskName(first.spec), (counts.get(taskName(first.spec)) ?? 0) + 1);
  }
  return [...counts].map(([task, count]) => `${task} ${count}`).join(', ');
}

/** Paired differences -> their interval (Student's for few, else the bootstrap's) -> the verdict that it gives. */
export function judge(comparison: Comparison): Claim {
  const {
    where,
    what,
    measured,
    unlearnt = [],
    cells,
    rule,
    noun = 'pair',
    more = '',
    ours = false,
  } = comparison;
  const claim = ours ? `${comparison.claim} (not in the paper)` : comparison.claim;
  const records = [...new Set(measured.flatMap(({ records }) => records))];
  const shared = { claim, where, records };
  if (!cells.some(({ record }) => record))
    return {
      ...shared,
      measured: `${what}: no runs made${cells.length > 0 ? ` (${cells.length} wanted)` : ''}`,
      verdict: 'not run',
    };
  const made = cells.filter(({ record }) => record).length;
  const notes = [
    collapseText([...new Set([...measured, ...unlearnt].flatMap(({ records }) => records))]),
    unlearnt.length === 0 ? undefined : `nothing learnt, so not compared: ${tasksText(unlearnt)}`,
    made === cells.length ? undefined : `${made} of ${cells.length} runs made`,
  ].filter((note) => note !== undefined);
  const after = `${more}${notes.map((note) => `; ${note}`).join('')}`;
  const points = measured.map(({ points }) => points);
  if (points.length < 2) {
    const [only = 'no pair that learnt more than the commonest answer'] = points.map(
      (value) => `${signed(value)} points (one ${noun})`,
    );
    const needed = neededText(measured, rule);
    return { ...shared, measured: `${what}: ${only}${after}`, verdict: 'undecided', needed };
  }
  const zeros = points.map(() => 0);
  const { mean: centre, bootstrap, student } = pairedDifference(points, zeros);
  const interval = points.length < LEAST_RESAMPLED ? student : bootstrap;
  const [low, high] = interval.map(signed);
  const given = points.length < LEAST_PAIRS ? 'undecided' : decide(rule, interval);
  const size = `${points.length} ${noun}s (${tasksText(measured)}; 95 % interval ${low} to ${high})`;
  return {
    ...shared,
    measured: `${what}: ${signed(centre)} points over ${size}${after}`,
    equivalence: equivalenceText(points),
    verdict: (ours && OURS[given]) || given,
    ...(given === 'undecided' ? { needed: neededText(measured, rule) } : {}),
  };
}
