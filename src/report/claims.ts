/** The paper's claims, each judged by a rule from counted parameters and measured runs. Nothing here is typed in. */
import { mean } from 'simple-statistics';
import type { GridCell } from '../experiments/notebook-runs.js';
import { canonicalJson, type RunSpec } from '../experiments/run-spec.js';
import { countedScore, type Difference, differences, fullAndShorter, type PairOf, under } from './pairs.js';
import { groupRuns } from './run-table.js';
import { taskName } from './task-name.js';
import { type Claim, type Comparison, judge, MARGIN, type Measured, signed } from './verdict.js';

export type { Claim, Verdict } from './verdict.js';

/** Runs by what they are evidence of. */
export interface Evidence {
  /** What the runs were made on, e.g. `generated tasks` or `real data`. */
  readonly name: string;
  readonly glue: readonly GridCell[];
  readonly squad: readonly GridCell[];
  readonly blocks: readonly GridCell[];
  readonly order: readonly GridCell[];
  /** Share of updates saved by counting: BERT-base, T = 3, embeddings in every stage. Without it the claims that no run decides are left out. */
  readonly countedSaving?: number;
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

const savings = (saving: number): Claim => ({
  claim: 'About 25 % fewer updated parameters',
  measured: `${percent(saving)} for BERT-base at T = 3 with the embeddings trained in every stage (counted)`,
  verdict: Math.abs(saving - 0.25) < 0.02 ? 'reproduced' : 'not reproduced',
  where: '02',
  records: [],
});

const ABOVE_NOTHING = { side: 'above', bound: 0 } as const;
const BELOW_NOTHING = { side: 'below', bound: 0 } as const;

const pointsOf = (found: readonly { readonly points: number }[]): number[] =>
  found.map(({ points }) => points);

const measuredOf = (found: readonly Difference[]): Measured[] =>
  found.map(({ points, record, pair }) => ({ points, records: [record, pair] }));

/** What {@link judge} takes of the pairs of a schedule. */
function pairs(
  cells: readonly GridCell[],
  kind: 'progressive' | 'growing',
  pairOf: PairOf,
): Pick<Comparison, 'measured' | 'unlearnt'> {
  const { found, unlearnt } = differences(cells, kind, pairOf);
  return { measured: measuredOf(found), unlearnt: measuredOf(unlearnt) };
}

/** Equal or better: the difference is not below the margin; undecided while the interval reaches over it. */
const equalOrBetter = (
  claim: string,
  cells: readonly GridCell[],
  { name, where }: { readonly name: string; readonly where: string },
): Claim =>
  judge({
    ...{ claim, what: name, where, cells },
    ...pairs(cells, 'progressive', under('full')),
    rule: { side: 'above', bound: -MARGIN },
  });

/**
 * The claim on GLUE task by task: where a pooled verdict comes from.
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('order');
 * for (const { claim, verdict } of comparison.equalOrBetterByTask({ name: 'stand-in', glue: cells })) console.log(`${claim}: ${verdict}`);
 * ```
 */
export const equalOrBetterByTask = ({ name, glue }: Pick<Evidence, 'name' | 'glue'>): Claim[] =>
  groupRuns(
    glue.filter(({ spec }) => spec.method.kind === 'full'),
    ({ spec }) => taskName(spec),
  ).map((group) => equalOrBetter(group.name, group.cells, { name, where: '04' }));

/** Beyond the paper: ending full fine-tuning earlier saves updates too, and more seconds; the schedule is worth its rules if it does better. */
function betterThanShorter({ glue, order, name }: Evidence): Claim {
  const cells = [...glue, ...order].filter(({ spec }) => spec.method.kind === 'full');
  const shorter = new Set(cells.map(({ spec }) => canonicalJson(fullAndShorter(spec))));
  return judge({
    claim: 'Better than full fine-tuning for an epoch less',
    ours: true,
    what: name,
    ...pairs(cells, 'progressive', fullAndShorter),
    ...{
      where: '09',
      cells: cells.filter(({ spec }) => shorter.has(canonicalJson(spec))),
      rule: ABOVE_NOTHING,
    },
  });
}

const blockOf = ({ schedule }: RunSpec): number => (schedule.kind === 'only-block' ? schedule.block : -1);

/** By task and seed: mean score of the upper half of the blocks, each trained alone, minus that of the lower half. */
function upperHalfGains(cells: readonly GridCell[]): Measured[] {
  const alone = cells.filter(({ spec }) => spec.schedule.kind === 'only-block');
  return groupRuns(alone, ({ spec }) => `${spec.task}, ${spec.seed}`).flatMap(({ cells, records }) => {
    if (records.length < cells.length || records.length < 2) return [];
    const ordered = [...records].sort((a, b) => blockOf(a.spec) - blockOf(b.spec));
    const scores = ordered.map(countedScore);
    const half = Math.floor(scores.length / 2);
    return [{ points: mean(scores.slice(-half)) - mean(scores.slice(0, half)), records: ordered }];
  });
}

const higherBlocks = ({ blocks, name }: Evidence): Claim =>
  judge({
    claim: 'Higher blocks contribute more (figure 1)',
    what: `${name}, upper half above the lower half of the blocks`,
    ...{ where: '06', cells: blocks, measured: upperHalfGains(blocks), noun: 'seed', rule: ABOVE_NOTHING },
  });

/** Growing against shrinking, wherever both orders ran; and whether the decay is why: all else the same, the gap then closes under a constant rate. */
function orderClaims({ glue, order, name }: Evidence): Claim[] {
  const cells = [...order, ...glue].filter(({ spec }) => spec.method.kind === 'full');
  const { found, unlearnt } = differences(cells, 'growing', under('progressive'));
  const decaying = (kind: 'linear' | 'constant', of = found): Difference[] =>
    of.filter(({ record }) => record.spec.learningRateSchedule.kind === kind);
  const asLinear = ({ learningRateSchedule, ...spec }: RunSpec): string =>
    canonicalJson({ ...spec, learningRateSchedule: { ...learningRateSchedule, kind: 'linear' } });
  const linear = new Map(decaying('linear').map((one) => [asLinear(one.record.spec), one]));
  const both = decaying('constant').flatMap((one) => {
    const other = linear.get(asLinear(one.record.spec));
    const records = [one, other].flatMap((each) => (each ? [each.record, each.pair] : []));
    return other ? [{ points: one.points, closed: one.points - other.points, records }] : [];
  });
  const growing = cells.filter(({ spec }) => spec.schedule.kind === 'growing');
  return [
    judge({
      claim: 'Growing instead of shrinking is worse',
      what: `${name}, linear decay`,
      measured: measuredOf([...linear.values()]),
      unlearnt: measuredOf(decaying('linear', unlearnt)),
      ...{ where: '07', cells: growing, rule: BELOW_NOTHING },
    }),
    judge({
      claim: 'Linear decay is one reason why growing is worse',
      what: `${name}, growing minus shrinking under a constant rate, less the same under linear decay`,
      ...{ where: '07', cells: growing.filter(({ spec }) => spec.learningRateSchedule.kind === 'constant') },
      measured: both.map(({ closed, records }) => ({ points: closed, records })),
      rule: ABOVE_NOTHING,
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
    ...{ ours: true, what: name, where: '03', rule: BELOW_NOTHING },
    ...pairs(cells, 'growing', under('progressive')),
    cells: cells.filter(({ spec }) => spec.schedule.kind === 'growing'),
  });
}

const SIXTY_SEVEN: Claim = {
  claim: 'Up to 67 % saved with Adapter tuning (secondary source)',
  measured:
    'impossible as a saving over a run: at T equal stages at least (T + 1) / (2 T) of the updates remain; two thirds is what remains at T = 3',
  verdict: 'not reproduced',
  where: '02',
  records: [],
};

const LARGE: Claim = {
  claim: 'Unstable on BERT-large in some tasks',
  measured: 'needs the pre-trained BERT-large and a GPU',
  verdict: 'not testable here',
  where: '-',
  records: [],
};

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
    ...(countedSaving === undefined ? [] : [savings(countedSaving)]),
    equalOrBetter('Equal or better on GLUE', of('full'), { name, where: '04' }),
    equalOrBetter('Equal or better on SQuAD', squad, { name, where: '05' }),
    ...['adapter', 'bitfit', 'lora'].map((method) =>
      equalOrBetter(`Combines with ${method} without loss`, of(method), { name, where: '03' }),
    ),
    ...(countedSaving === undefined ? [] : [SIXTY_SEVEN]),
    higherBlocks(evidence),
    ...orderClaims(evidence),
    betterThanShorter(evidence),
    ...(countedSaving === undefined ? [] : [LARGE]),
  ];
}
