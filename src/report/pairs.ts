/** Runs that differ in one thing, and by how many points. A run that learnt nothing counts: it is what the setting gave. */

import type { LedgerRecord } from '../experiments/ledger.js';
import type { GridCell } from '../experiments/notebook-runs.js';
import { numericalVersionOf } from '../experiments/record-version.js';
import { canonicalJson, hasGeneratedData, type RunSpec } from '../experiments/run-spec.js';
import { score } from './run-table.js';

/**
 * What the commonest answer scores on GLUE's development sets (Wang et al. 2019) and on the generated ones (`data/glue/README.md`),
 * where it is not 0.
 */
const FLOOR: Readonly<Record<string, number>> = {
  ...{ sst2: 50.9, mrpc: 68.4, qqp: 63.2, mnli: 35.4, qnli: 50.5, rte: 52.7, wnli: 56.3 },
};
const GENERATED_FLOOR: Readonly<Record<string, number>> = {
  ...{ sst2: 50, mrpc: 50, qqp: 50, mnli: 33.4, qnli: 50, rte: 50, wnli: 50 },
};
/** QQP's subset has a development set of its own, of 1,324 duplicates in 3,497 rows. */
const SUBSET_FLOOR: Readonly<Record<string, number>> = { qqp: 62.1 };

const floorOf = ({ task, data }: RunSpec): number => {
  const own = hasGeneratedData({ data }) ? GENERATED_FLOOR : data.startsWith('glue-') ? SUBSET_FLOOR : {};
  return own[task] ?? FLOOR[task] ?? 0;
};

/** Points above the commonest answer from which something has been learnt. */
const LEARNT = 2;

/** Half of the last digit of a floor. */
const ROUNDING = 0.05;

/** {@link score}; 0 for a correlation that is undefined: predictions of one class agree with the labels no more than chance does. */
export function countedScore(record: LedgerRecord): number {
  const points = score(record);
  return Number.isFinite(points) ? points : 0;
}

/** Whether a run ended with one answer to everything: a correlation undefined or 0, or the share of one of two classes right. */
export function collapsed(record: LedgerRecord): boolean {
  const points = countedScore(record);
  const floor = floorOf(record.spec);
  const answers = floor === 0 ? [0] : [floor, 100 - floor];
  return answers.some((answer) => Math.abs(points - answer) < (floor === 0 ? 1e-9 : ROUNDING));
}

/** `2 of 10 collapsed`; undefined where none did. */
export function collapseText(records: readonly LedgerRecord[]): string | undefined {
  const failed = records.filter(collapsed).length;
  return failed === 0 ? undefined : `${failed} of ${records.length} collapsed`;
}

export interface Difference {
  readonly record: LedgerRecord;
  readonly pair: LedgerRecord;
  /** Score of `record` minus that of its pair. */
  readonly points: number;
}

export interface Differences {
  readonly found: readonly Difference[];
  /** Pairs of tasks on which no run of the method learnt anything: that both are equal says nothing there. */
  readonly unlearnt: readonly Difference[];
}

/** The run that one is compared with. */
export type PairOf = (spec: RunSpec) => RunSpec;

/** All else in the spec is the same; full fine-tuning has a stage an epoch, whatever T is. */
export const under =
  (kind: 'full' | 'progressive'): PairOf =>
  (spec) => {
    const stages = kind === 'full' ? spec.epochs : spec.schedule.stages;
    return { ...spec, schedule: { ...spec.schedule, partition: undefined, kind, stages } };
  };

/** Full fine-tuning that ends an epoch earlier, its learning rate with it. */
export const fullAndShorter: PairOf = (spec) => {
  const epochs = spec.epochs - 1;
  return { ...spec, epochs, schedule: { ...spec.schedule, kind: 'full', stages: epochs } };
};

/** Scores of the runs of a schedule minus those of their pairs. A run that two grids share counts once. */
export function differences(
  cells: readonly GridCell[],
  kind: 'progressive' | 'growing',
  pairOf: PairOf,
): Differences {
  const records = new Map(
    cells.flatMap(({ record }) => (record ? [[canonicalJson(record.spec), record] as const] : [])),
  );
  const all = [...records.values()].flatMap((record): Difference[] => {
    const { spec } = record;
    if (spec.schedule.kind !== kind || spec.schedule.embeddings !== 'always') return [];
    const pair = records.get(canonicalJson(pairOf(spec)));
    if (!pair || numericalVersionOf(pair) !== numericalVersionOf(record)) return [];
    return [{ record, pair, points: countedScore(record) - countedScore(pair) }];
  });
  const groupOf = ({ record: { spec } }: Difference): string =>
    [spec.model, spec.data, spec.task, spec.method.kind].join();
  const learnt = new Set(
    all
      .filter(({ record, pair }) =>
        [record, pair].some((one) => countedScore(one) > floorOf(one.spec) + LEARNT),
      )
      .map(groupOf),
  );
  return {
    found: all.filter((one) => learnt.has(groupOf(one))),
    unlearnt: all.filter((one) => !learnt.has(groupOf(one))),
  };
}
