/** The paper's claims, each judged by a rule from counted parameters and measured runs. Nothing here is typed in. */
import type { GridCell } from '../experiments/notebook-runs.js';
import { canonicalJson, type RunSpec } from '../experiments/run-spec.js';
import { pairedDifference } from './comparison.js';
import { groupRuns, type RunGroup, score } from './run-table.js';

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

/** The bootstrap interval of two pairs is their range, which misses the true mean half of the time. */
const LEAST_PAIRS = 3;
const ofPairs = (points: readonly number[], decided: Verdict): Verdict =>
  points.length < LEAST_PAIRS ? 'undecided' : decided;

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

/** Scores of one schedule minus another's, pair by pair: same task, method, seed; pairs that have learnt nothing are left out. */
function differences(cells: readonly GridCell[], kind: string, against: string): number[] {
  // A run that two grids share counts once.
  const once = new Map(cells.map((cell) => [canonicalJson(cell.spec), cell]));
  const groups = groupRuns(
    [...once.values()],
    ({ spec }) =>
      `${spec.task} ${spec.method.kind} ${spec.learningRateSchedule.kind} ${spec.schedule.kind} ${spec.schedule.embeddings}`,
  );
  const find = (name: string): RunGroup | undefined => groups.find((group) => group.name === name);
  return groups.flatMap((group) => {
    const { schedule } = group.cells[0]?.spec ?? {};
    if (schedule?.kind !== kind || schedule.embeddings !== 'always') return [];
    const other = find(group.name.replace(` ${kind} `, ` ${against} `));
    return group.records.flatMap((record) => {
      const pair = other?.records.find(({ spec }) => spec.seed === record.spec.seed);
      if (!pair) return [];
      const learnt = Math.max(score(record), score(pair)) > floorOf(record.spec) + LEARNT;
      return learnt ? [score(record) - score(pair)] : [];
    });
  });
}

/** Equal or better: the mean difference is not below the margin; undecided while the interval reaches over it. */
function equalOrBetter(
  claim: string,
  cells: readonly GridCell[],
  { name, where }: { readonly name: string; readonly where: string },
): Claim {
  const points = differences(cells, 'progressive', 'full').filter(Number.isFinite);
  if (points.length < 2) return { claim, measured: `${name}: ${TOO_FEW}`, verdict: without(cells), where };
  const zeros = points.map(() => 0);
  const { mean, bootstrap } = pairedDifference(points, zeros);
  const measured = `${name}: ${signed(mean)} points over ${points.length} pairs (95 % interval ${signed(bootstrap[0])} to ${signed(bootstrap[1])})`;
  const decided =
    bootstrap[0] > -MARGIN ? 'reproduced' : bootstrap[1] < -MARGIN ? 'not reproduced' : 'undecided';
  return { claim, measured, verdict: ofPairs(points, decided), where };
}

function higherBlocks({ blocks, name }: Evidence): Claim {
  const claim = 'Higher blocks contribute more (figure 1)';
  const groups = groupRuns(
    blocks.filter(({ spec }) => spec.schedule.kind === 'only-block'),
    ({ spec }) => String(spec.schedule.kind === 'only-block' ? spec.schedule.block : ''),
  ).filter(({ records }) => records.length > 0);
  if (groups.length < 2)
    return { claim, measured: `${name}: fewer runs than a verdict needs`, verdict: 'not run', where: '06' };
  const means = groups.map(({ records }) => records.map(score).reduce((a, b) => a + b, 0) / records.length);
  const half = Math.floor(means.length / 2);
  const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const gain = average(means.slice(-half)) - average(means.slice(0, half));
  return {
    claim,
    measured: `${name}: upper half ${signed(gain)} points above the lower half`,
    verdict: gain > MARGIN ? 'reproduced' : gain < -MARGIN ? 'not reproduced' : 'undecided',
    where: '06',
  };
}

function growingIsWorse({ order, name }: Evidence): Claim {
  const claim = 'Growing instead of shrinking is worse';
  const linear = order.filter(({ spec }) => spec.learningRateSchedule.kind === 'linear');
  const points = differences(linear, 'growing', 'progressive').filter(Number.isFinite);
  if (points.length < 2)
    return { claim, measured: `${name}: ${TOO_FEW}`, verdict: without(linear), where: '07' };
  const { mean, bootstrap } = pairedDifference(
    points,
    points.map(() => 0),
  );
  const measured = `${name}, linear decay: ${signed(mean)} points over ${points.length} pairs (95 % interval ${signed(bootstrap[0])} to ${signed(bootstrap[1])})`;
  const decided = bootstrap[1] < 0 ? 'reproduced' : bootstrap[0] > 0 ? 'not reproduced' : 'undecided';
  return { claim, measured, verdict: ofPairs(points, decided), where: '07' };
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
    {
      claim: 'Unstable on BERT-large in some tasks',
      measured: 'needs the pre-trained BERT-large and a GPU',
      verdict: 'not testable here',
      where: '-',
    },
  ];
}
