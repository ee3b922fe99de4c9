/** The paper's claims, each judged by a rule from counted parameters and measured runs. Nothing here is typed in. */
import type { GridCell } from '../experiments/notebook-runs.js';
import { canonicalJson, type RunSpec } from '../experiments/run-spec.js';
import { type Interval, pairedDifference } from './comparison.js';
import { groupRuns, score } from './run-table.js';

export type Verdict = 'reproduced' | 'not reproduced' | 'undecided' | 'not run' | 'not testable here';

export interface Claim {
  readonly claim: string;
  readonly measured: string;
  readonly verdict: Verdict;
  /** Notebook that holds the evidence. */
  readonly where: string;
}

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

interface Measured {
  /** Mean and 95 % interval of the differences, as text. */
  readonly text: string;
  readonly verdict: Verdict;
}

/** Paired differences -> their interval (Student's for few, else the bootstrap's) -> the verdict that it gives. */
function judge(points: readonly number[], noun: string, decide: (interval: Interval) => Verdict): Measured {
  const { mean, bootstrap, student } = pairedDifference(
    points,
    points.map(() => 0),
  );
  const interval = points.length < LEAST_RESAMPLED ? student : bootstrap;
  const [low, high] = interval.map(signed);
  return {
    text: `${signed(mean)} points over ${points.length} ${noun} (95 % interval ${low} to ${high})`,
    verdict: points.length < LEAST_PAIRS ? 'undecided' : decide(interval),
  };
}

const TOO_FEW = 'fewer runs above the commonest answer than a verdict needs';

/** The verdict where nothing can be compared. */
const without = (cells: readonly GridCell[]): Verdict =>
  cells.some(({ record }) => record) ? 'undecided' : 'not run';

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const signed = (value: number): string => `${value >= 0 ? '+' : ''}${value.toFixed(2)}`;

const savings = (saving: number): Claim => ({
  claim: 'About 25 % fewer updated parameters',
  measured: `${percent(saving)} for BERT-base at T = 3 with the embeddings trained in every stage (counted)`,
  verdict: Math.abs(saving - 0.25) < 0.02 ? 'reproduced' : 'not reproduced',
  where: '02',
});

type Kind = RunSpec['schedule']['kind'];

interface Difference {
  readonly spec: RunSpec;
  /** Score of the run of `spec` minus that of its pair. */
  readonly points: number;
}

/** Scores of one schedule minus another's, pair by pair: all else in the spec is the same; pairs that have learnt nothing are left out. */
function differences(cells: readonly GridCell[], kind: Kind, against: Kind): Difference[] {
  const keyOf = (spec: RunSpec, kind: Kind): string =>
    canonicalJson({ ...spec, schedule: { ...spec.schedule, kind } });
  // A run that two grids share counts once.
  const records = new Map(
    cells.flatMap(({ spec, record }) => (record ? [[keyOf(spec, spec.schedule.kind), record] as const] : [])),
  );
  return [...records.values()].flatMap((record) => {
    const { spec } = record;
    if (spec.schedule.kind !== kind || spec.schedule.embeddings !== 'always') return [];
    const pair = records.get(keyOf(spec, against));
    if (!pair) return [];
    const points = score(record) - score(pair);
    const learnt = Math.max(score(record), score(pair)) > floorOf(spec) + LEARNT;
    return learnt && Number.isFinite(points) ? [{ spec, points }] : [];
  });
}

/** Equal or better: the mean difference is not below the margin; undecided while the interval reaches over it. */
function equalOrBetter(
  claim: string,
  cells: readonly GridCell[],
  { name, where }: { readonly name: string; readonly where: string },
): Claim {
  const points = differences(cells, 'progressive', 'full').map(({ points }) => points);
  if (points.length < 2) return { claim, measured: `${name}: ${TOO_FEW}`, verdict: without(cells), where };
  const { text, verdict } = judge(points, 'pairs', ([low, high]) =>
    low > -MARGIN ? 'reproduced' : high < -MARGIN ? 'not reproduced' : 'undecided',
  );
  return { claim, measured: `${name}: ${text}`, verdict, where };
}

const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** By seed: mean score of the upper half of the blocks, each trained alone, minus that of the lower half. */
function upperHalfGains(cells: readonly GridCell[]): number[] {
  const alone = cells.filter(({ spec }) => spec.schedule.kind === 'only-block');
  return groupRuns(alone, ({ spec }) => String(spec.seed)).flatMap(({ cells, records }) => {
    if (records.length < cells.length || records.length < 2) return [];
    const scores = [...records].sort((a, b) => blockOf(a.spec) - blockOf(b.spec)).map(score);
    const half = Math.floor(scores.length / 2);
    return [average(scores.slice(-half)) - average(scores.slice(0, half))];
  });
}

const blockOf = ({ schedule }: RunSpec): number => (schedule.kind === 'only-block' ? schedule.block : -1);

function higherBlocks({ blocks, name }: Evidence): Claim {
  const claim = 'Higher blocks contribute more (figure 1)';
  const gains = upperHalfGains(blocks);
  const measured = `${name}, upper half above the lower half of the blocks`;
  if (gains.length < 2) {
    const [gain] = gains;
    const text = gain === undefined ? 'fewer runs than a verdict needs' : `${signed(gain)} points (one seed)`;
    return { claim, measured: `${measured}: ${text}`, verdict: without(blocks), where: '06' };
  }
  const { text, verdict } = judge(gains, 'seeds', ([low, high]) =>
    low > 0 ? 'reproduced' : high < 0 ? 'not reproduced' : 'undecided',
  );
  return { claim, measured: `${measured}: ${text}`, verdict, where: '06' };
}

/** Growing minus shrinking, wherever both orders ran. */
const growingGaps = ({ glue, order }: Evidence): Difference[] =>
  differences(
    [...order, ...glue].filter(({ spec }) => spec.method.kind === 'full'),
    'growing',
    'progressive',
  );

/** The verdict where no order can be compared. */
const withoutOrder = ({ glue, order }: Evidence): Verdict =>
  without([...order, ...glue].filter(({ spec }) => spec.schedule.kind === 'growing'));

const underDecay = (gaps: readonly Difference[], kind: 'linear' | 'constant'): Difference[] =>
  gaps.filter(({ spec }) => spec.learningRateSchedule.kind === kind);

function growingIsWorse(evidence: Evidence): Claim {
  const claim = 'Growing instead of shrinking is worse';
  const points = underDecay(growingGaps(evidence), 'linear').map(({ points }) => points);
  const measured = `${evidence.name}, linear decay`;
  if (points.length < 2)
    return { claim, measured: `${measured}: ${TOO_FEW}`, verdict: withoutOrder(evidence), where: '07' };
  const { text, verdict } = judge(points, 'pairs', ([low, high]) =>
    high < 0 ? 'reproduced' : low > 0 ? 'not reproduced' : 'undecided',
  );
  return { claim, measured: `${measured}: ${text}`, verdict, where: '07' };
}

/** If the decay is why, growing falls less short of shrinking when the learning rate stays constant, all else the same. */
function decayIsWhy(evidence: Evidence): Claim {
  const claim = 'Linear decay is one reason why growing is worse';
  const gaps = growingGaps(evidence);
  const restOf = ({ learningRateSchedule, ...spec }: RunSpec): string =>
    canonicalJson({ ...spec, learningRateSchedule: { ...learningRateSchedule, kind: 'linear' } });
  const constant = new Map(underDecay(gaps, 'constant').map(({ spec, points }) => [restOf(spec), points]));
  const both = underDecay(gaps, 'linear').flatMap(({ spec, points }) => {
    const other = constant.get(restOf(spec));
    return other === undefined ? [] : [{ linear: points, constant: other }];
  });
  const measured = `${evidence.name}, growing minus shrinking under a constant rate, less the same under linear decay`;
  if (both.length < 2)
    return { claim, measured: `${measured}: ${TOO_FEW}`, verdict: withoutOrder(evidence), where: '07' };
  const closed = both.map(({ linear, constant }) => constant - linear);
  const { text, verdict } = judge(closed, 'pairs', ([low, high]) =>
    low > 0 ? 'reproduced' : high < 0 ? 'not reproduced' : 'undecided',
  );
  const left = signed(average(both.map(({ constant }) => constant)));
  return { claim, measured: `${measured}: ${text}; under the constant rate ${left}`, verdict, where: '07' };
}

/** Every claim of the paper on one set of evidence. */
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
    growingIsWorse(evidence),
    decayIsWhy(evidence),
    {
      claim: 'Unstable on BERT-large in some tasks',
      measured: 'needs the pre-trained BERT-large and a GPU',
      verdict: 'not testable here',
      where: '-',
    },
  ];
}
