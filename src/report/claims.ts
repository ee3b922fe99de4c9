/** The paper's claims, each judged by a rule from counted parameters and measured runs. Nothing here is typed in. */
import { mean } from 'simple-statistics';
import { numericalVersionOf } from '../experiments/ledger.js';
import type { GridCell } from '../experiments/notebook-runs.js';
import { canonicalJson, type RunSpec } from '../experiments/run-spec.js';
import { type Interval, pairedDifference } from './comparison.js';
import { groupRuns, score } from './run-table.js';

/** What becomes of a claim: see {@link judgeClaims}. */
export type Verdict =
  | 'reproduced'
  | 'not reproduced'
  /** Of what the paper does not claim. */
  | 'holds'
  | 'does not hold'
  | 'undecided'
  | 'not run'
  | 'not testable here';

/** A claim and what the runs say of it. */
export interface Claim {
  readonly claim: string;
  readonly measured: string;
  readonly verdict: Verdict;
  /** Notebook that holds the evidence. */
  readonly where: string;
}

/** Runs by what they are evidence of. */
export interface Evidence {
  /** What the runs were made on, e.g. `generated tasks` or `real data`. */
  readonly name: string;
  readonly glue: readonly GridCell[];
  readonly squad: readonly GridCell[];
  readonly blocks: readonly GridCell[];
  readonly order: readonly GridCell[];
  /** Share of updates saved by counting: BERT-base, T = 3, embeddings in every stage. */
  readonly countedSaving: number;
}

/** Points by which a mean may fall short and still be called equal. */
const MARGIN = 1;

/**
 * What the commonest answer scores on GLUE's development sets (Wang et al. 2019) and on the generated ones (`data/glue/README.md`),
 * where it is not 0. Two models that have learnt nothing are equal, which says nothing: a pair counts when one of it is at least
 * {@link LEARNT} points above.
 */
const FLOOR: Readonly<Record<string, number>> = {
  ...{ sst2: 50.9, mrpc: 68.4, qqp: 63.2, mnli: 35.4, qnli: 50.5, rte: 52.7, wnli: 56.3 },
};
const GENERATED_FLOOR: Readonly<Record<string, number>> = {
  ...{ sst2: 50, mrpc: 50, qqp: 50, mnli: 33.4, qnli: 50, rte: 50, wnli: 50 },
};
const floorOf = ({ task, data }: RunSpec): number =>
  (data === 'embedded' ? GENERATED_FLOOR : FLOOR)[task] ?? 0;

const LEARNT = 2;

/** Fewer decide nothing, however alike they are. */
const LEAST_PAIRS = 3;

/** Below, the bootstrap interval is too narrow: that of three pairs is little more than their range. */
const LEAST_RESAMPLED = 10;

type Decision = (interval: Interval) => Verdict;

/** The mean difference lies above the bound, by its whole interval. */
const above =
  (bound: number): Decision =>
  ([low, high]) =>
    low > bound ? 'reproduced' : high < bound ? 'not reproduced' : 'undecided';

const below =
  (bound: number): Decision =>
  ([low, high]) =>
    above(-bound)([-high, -low]);

interface Comparison {
  readonly claim: string;
  /** What was compared. */
  readonly what: string;
  readonly where: string;
  /** Paired differences. */
  readonly points: readonly number[];
  /** What a difference stands for. Default `pair`. */
  readonly noun?: string;
  /** The runs that the claim rests on: with none made it is not judged. */
  readonly cells: readonly GridCell[];
  readonly decide: Decision;
  /** Said after the difference. */
  readonly more?: string;
  /** The paper does not claim it. */
  readonly ours?: boolean;
}

const OURS: Partial<Record<Verdict, Verdict>> = { reproduced: 'holds', 'not reproduced': 'does not hold' };

/** Paired differences -> their interval (Student's for few, else the bootstrap's) -> the verdict that it gives. */
function judge({ noun = 'pair', more = '', ours = false, ...comparison }: Comparison): Claim {
  const { where, points, cells, decide } = comparison;
  const none = cells.filter(({ record }) => record && !Number.isFinite(score(record))).length;
  const what =
    none === 0 ? comparison.what : `${comparison.what} (${none} of its runs without a defined score)`;
  const claim = ours ? `${comparison.claim} (not in the paper)` : comparison.claim;
  if (points.length < 2) {
    if (!cells.some(({ record }) => record))
      return { claim, measured: `${what}: no runs made`, verdict: 'not run', where };
    const [only = TOO_FEW] = points.map((point) => `${signed(point)} points (one ${noun})`);
    return { claim, measured: `${what}: ${only}`, verdict: 'undecided', where };
  }
  const {
    mean: centre,
    bootstrap,
    student,
  } = pairedDifference(
    points,
    points.map(() => 0),
  );
  const interval = points.length < LEAST_RESAMPLED ? student : bootstrap;
  const [low, high] = interval.map(signed);
  const measured = `${what}: ${signed(centre)} points over ${points.length} ${noun}s (95 % interval ${low} to ${high})${more}`;
  const verdict = points.length < LEAST_PAIRS ? 'undecided' : decide(interval);
  return { claim, measured, verdict: (ours && OURS[verdict]) || verdict, where };
}

const TOO_FEW = 'fewer runs above the commonest answer than a verdict needs';

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const signed = (value: number): string => `${value >= 0 ? '+' : ''}${value.toFixed(2)}`;

const savings = (saving: number): Claim => ({
  claim: 'About 25 % fewer updated parameters',
  measured: `${percent(saving)} for BERT-base at T = 3 with the embeddings trained in every stage (counted)`,
  verdict: Math.abs(saving - 0.25) < 0.02 ? 'reproduced' : 'not reproduced',
  where: '02',
});

interface Difference {
  readonly spec: RunSpec;
  /** Score of the run of `spec` minus that of its pair. */
  readonly points: number;
}

/** The run that one is compared with. */
type PairOf = (spec: RunSpec) => RunSpec;

/** All else in the spec is the same. */
const under =
  (kind: 'full' | 'progressive'): PairOf =>
  (spec) => ({ ...spec, schedule: { ...spec.schedule, kind } });

/** Full fine-tuning that ends an epoch earlier, its learning rate with it. */
const fullAndShorter: PairOf = (spec) => {
  const epochs = spec.epochs - 1;
  return { ...spec, epochs, schedule: { ...spec.schedule, kind: 'full', stages: epochs } };
};

/** Scores of the runs of a schedule minus those of their pairs; pairs that have learnt nothing are left out. */
function differences(
  cells: readonly GridCell[],
  kind: 'progressive' | 'growing',
  pairOf: PairOf,
): Difference[] {
  // A run that two grids share counts once.
  const records = new Map(
    cells.flatMap(({ record }) => (record ? [[canonicalJson(record.spec), record] as const] : [])),
  );
  return [...records.values()].flatMap((record) => {
    const { spec } = record;
    if (spec.schedule.kind !== kind || spec.schedule.embeddings !== 'always') return [];
    const pair = records.get(canonicalJson(pairOf(spec)));
    if (!pair || numericalVersionOf(pair) !== numericalVersionOf(record)) return [];
    const points = score(record) - score(pair);
    const learnt = Math.max(score(record), score(pair)) > floorOf(spec) + LEARNT;
    return learnt && Number.isFinite(points) ? [{ spec, points }] : [];
  });
}

const pointsOf = (found: readonly Pick<Difference, 'points'>[]): number[] =>
  found.map(({ points }) => points);

/** Equal or better: the difference is not below the margin; undecided while the interval reaches over it. */
const equalOrBetter = (
  claim: string,
  cells: readonly GridCell[],
  { name, where }: { readonly name: string; readonly where: string },
): Claim =>
  judge({
    ...{ claim, what: name, where, cells },
    points: pointsOf(differences(cells, 'progressive', under('full'))),
    decide: above(-MARGIN),
  });

/** Beyond the paper: ending full fine-tuning earlier saves updates too, and more seconds; the schedule is worth its rules if it does better. */
function betterThanShorter({ glue, order, name }: Evidence): Claim {
  const cells = [...glue, ...order].filter(({ spec }) => spec.method.kind === 'full');
  const shorter = new Set(cells.map(({ spec }) => canonicalJson(fullAndShorter(spec))));
  return judge({
    claim: 'Better than full fine-tuning for an epoch less',
    ours: true,
    what: name,
    points: pointsOf(differences(cells, 'progressive', fullAndShorter)),
    ...{ where: '09', cells: cells.filter(({ spec }) => shorter.has(canonicalJson(spec))), decide: above(0) },
  });
}

const blockOf = ({ schedule }: RunSpec): number => (schedule.kind === 'only-block' ? schedule.block : -1);

/** By seed: mean score of the upper half of the blocks, each trained alone, minus that of the lower half. */
function upperHalfGains(cells: readonly GridCell[]): number[] {
  const alone = cells.filter(({ spec }) => spec.schedule.kind === 'only-block');
  return groupRuns(alone, ({ spec }) => String(spec.seed)).flatMap(({ cells, records }) => {
    if (records.length < cells.length || records.length < 2) return [];
    if (!records.every((record) => Number.isFinite(score(record)))) return [];
    const scores = [...records].sort((a, b) => blockOf(a.spec) - blockOf(b.spec)).map(score);
    const half = Math.floor(scores.length / 2);
    return [mean(scores.slice(-half)) - mean(scores.slice(0, half))];
  });
}

const higherBlocks = ({ blocks, name }: Evidence): Claim =>
  judge({
    claim: 'Higher blocks contribute more (figure 1)',
    what: `${name}, upper half above the lower half of the blocks`,
    ...{ where: '06', cells: blocks, points: upperHalfGains(blocks), noun: 'seed', decide: above(0) },
  });

/** Growing against shrinking, wherever both orders ran; and whether the decay is why: all else the same, the gap then closes under a constant rate. */
function orderClaims({ glue, order, name }: Evidence): Claim[] {
  const cells = [...order, ...glue].filter(({ spec }) => spec.method.kind === 'full');
  const gaps = differences(cells, 'growing', under('progressive'));
  const decaying = (kind: 'linear' | 'constant'): Difference[] =>
    gaps.filter(({ spec }) => spec.learningRateSchedule.kind === kind);
  const asLinear = ({ learningRateSchedule, ...spec }: RunSpec): string =>
    canonicalJson({ ...spec, learningRateSchedule: { ...learningRateSchedule, kind: 'linear' } });
  const linear = new Map(decaying('linear').map(({ spec, points }) => [asLinear(spec), points]));
  const both = decaying('constant').flatMap(({ spec, points }) => {
    const other = linear.get(asLinear(spec));
    return other === undefined ? [] : [{ points, closed: points - other }];
  });
  const growing = cells.filter(({ spec }) => spec.schedule.kind === 'growing');
  return [
    judge({
      claim: 'Growing instead of shrinking is worse',
      what: `${name}, linear decay`,
      ...{ where: '07', cells: growing, points: [...linear.values()], decide: below(0) },
    }),
    judge({
      claim: 'Linear decay is one reason why growing is worse',
      what: `${name}, growing minus shrinking under a constant rate, less the same under linear decay`,
      ...{ where: '07', cells: growing.filter(({ spec }) => spec.learningRateSchedule.kind === 'constant') },
      ...{ points: both.map(({ closed }) => closed), decide: above(0) },
      more: both.length > 0 ? `; under the constant rate ${signed(mean(pointsOf(both)))}` : '',
    }),
  ];
}

/**
 * The paper's ablation under a method that it leaves out: growing against shrinking, over all tasks that are learnt.
 * @param evidence runs on GLUE
 * @example
 * ```ts
 * import { comparison } from 'progtuning';
 *
 * console.log(comparison.growingUnder('lora', { name: 'real data', glue: [] }).verdict); // not run
 * ```
 */
export function growingUnder(
  method: 'adapter' | 'bitfit' | 'lora',
  { name, glue }: Pick<Evidence, 'name' | 'glue'>,
): Claim {
  const cells = glue.filter(({ spec }) => spec.method.kind === method);
  return judge({
    claim: `Growing instead of shrinking is worse with ${method}`,
    ...{ ours: true, what: name, where: '03', decide: below(0) },
    points: pointsOf(differences(cells, 'growing', under('progressive'))),
    cells: cells.filter(({ spec }) => spec.schedule.kind === 'growing'),
  });
}

/**
 * Every claim of the paper on one set of evidence.
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const order = await experiments.ledgerRuns('order');
 * const evidence = { name: 'real data', glue: [], squad: [], blocks: [], order, countedSaving: 0.259 };
 * for (const { claim, verdict } of comparison.judgeClaims(evidence)) console.log(`${claim}: ${verdict}`);
 * ```
 */
export function judgeClaims(evidence: Evidence): Claim[] {
  const { name, glue, squad, countedSaving } = evidence;
  const of = (method: string): GridCell[] => glue.filter(({ spec }) => spec.method.kind === method);
  return [
    savings(countedSaving),
    equalOrBetter('Equal or better on GLUE', of('full'), { name, where: '04' }),
    equalOrBetter('Equal or better on SQuAD', squad, { name, where: '05' }),
    ...['adapter', 'bitfit', 'lora'].map((method) =>
      equalOrBetter(`Combines with ${method} without loss`, of(method), { name, where: '03' }),
    ),
    {
      claim: 'Up to 67 % saved with Adapter tuning (secondary source)',
      measured:
        'impossible as a saving over a run: at T equal stages at least (T + 1) / (2 T) of the updates remain; two thirds is what remains at T = 3',
      verdict: 'not reproduced',
      where: '02',
    },
    higherBlocks(evidence),
    ...orderClaims(evidence),
    betterThanShorter(evidence),
    {
      claim: 'Unstable on BERT-large in some tasks',
      measured: 'needs the pre-trained BERT-large and a GPU',
      verdict: 'not testable here',
      where: '-',
    },
  ];
}
