/** Records of runs -> groups over seeds -> rows of a table and points of a figure. What was not run stays visible. */

import type { LedgerRecord } from '../experiments/ledger.js';
import { machineText } from '../experiments/machine-text.js';
import type { GridCell } from '../experiments/notebook-runs.js';
import { numericalVersionOf } from '../experiments/record-version.js';
import { canonicalJson, hasGeneratedData } from '../experiments/run-spec.js';
import { meanAndSpread, pairedDifference } from './comparison.js';
import { undefinedText } from './number-text.js';
import type { Row } from './table.js';

/** The metric that a task is judged by (GLUE's first; SQuAD's F1). */
const METRIC: Readonly<Record<string, string>> = {
  cola: 'matthews_correlation',
  stsb: 'pearson',
  squad: 'f1',
  squad_v2: 'f1',
};

/**
 * The metric that a task is judged by, by Hugging Face's name: Matthews correlation for CoLA, Pearson for STS-B, F1 for SQuAD, else accuracy.
 * @example
 * ```ts
 * import { comparison } from 'progtuning';
 *
 * console.log(comparison.metricName('cola')); // matthews_correlation
 * ```
 */
export const metricName = (task: string): string => METRIC[task] ?? 'accuracy';

/**
 * In percent, as GLUE and SQuAD are reported; NaN where the metric is undefined.
 * @param record of a run
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('fewer-epochs');
 * const scores = cells.flatMap(({ record }) => (record ? [comparison.score(record)] : []));
 * console.log(scores.every((percent) => percent <= 100 || Number.isNaN(percent))); // true
 * ```
 */
export function score({ spec, metrics }: LedgerRecord): number {
  const value = metrics[metricName(spec.task)] ?? Number.NaN;
  return spec.task.startsWith('squad') ? value : 100 * value;
}

/**
 * Training only: without reading, tokenising and evaluation.
 * @param record of a run
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const [record] = (await experiments.readLedger('ledger')).values();
 * console.log(comparison.trainingSeconds(record) > 0); // true
 * ```
 */
export const trainingSeconds = ({ secondsPerEpoch }: LedgerRecord): number =>
  secondsPerEpoch.reduce((sum, seconds) => sum + seconds, 0);

/** Runs that differ in nothing but the seed. */
export interface RunGroup {
  readonly name: string;
  readonly cells: readonly GridCell[];
  /** Those that were made, by ascending seed. */
  readonly records: readonly LedgerRecord[];
}

/** A run that several grids hold counts once. */
const onceEach = (cells: readonly GridCell[]): GridCell[] => [
  ...new Map(cells.map((cell) => [canonicalJson(cell.spec), cell])).values(),
];

/**
 * Groups cells by a name that leaves the seed out, in order of first use; a run that several grids hold counts once.
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('fewer-epochs');
 * const groups = comparison.groupRuns(cells, ({ spec }) => spec.task);
 * console.log(groups.every(({ name, records }) => records.every(({ spec }) => spec.task === name))); // true
 * ```
 */
export function groupRuns(cells: readonly GridCell[], nameOf: (cell: GridCell) => string): RunGroup[] {
  const groups = new Map<string, GridCell[]>();
  for (const cell of onceEach(cells)) {
    const name = nameOf(cell);
    groups.set(name, [...(groups.get(name) ?? []), cell]);
  }
  return [...groups].map(([name, ofName]) => ({
    name,
    cells: ofName,
    records: ofName
      .flatMap(({ record }) => (record ? [record] : []))
      .sort((a, b) => a.spec.seed - b.spec.seed),
  }));
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

const NOT_RUN = 'not run';

/** `91.2 ± 0.4`; `91.2 ± 0.4 (1 undefined)`; why, where the metric is undefined in every run. */
function scoreCell(records: readonly LedgerRecord[]): string {
  const [first] = records;
  if (!first) return NOT_RUN;
  const scores = records.map(score).filter(Number.isFinite);
  if (scores.length === 0) return undefinedText(first.undefinedMetrics[metricName(first.spec.task)]);
  const missing = records.length - scores.length;
  return `${meanAndSpread(scores, 1)}${missing > 0 ? ` (${missing} undefined)` : ''}`;
}

/**
 * One row: score over seeds, updated parameters, saving, training time, memory.
 * @param group runs that differ in the seed
 * @example
 * ```ts
 * import { comparison, experiments, report } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('fewer-epochs');
 * const groups = comparison.groupRuns(cells, ({ spec }) => spec.task);
 * report.showTable(groups.map(comparison.runRow), { digits: comparison.RUN_DIGITS });
 * ```
 */
export function runRow({ name, cells, records }: RunGroup): Row {
  return {
    run: name,
    seeds: records.length === cells.length ? records.length : `${records.length} of ${cells.length}`,
    score: scoreCell(records),
    'updated, millions': mean(
      records.map((record) => record.updatedParameters.reduce((sum, count) => sum + count, 0) / 1e6),
    ),
    'saved, %': mean(records.map(({ savedFraction }) => 100 * savedFraction)),
    seconds: mean(records.map(trainingSeconds)),
    'memory, MiB': mean(records.map(({ peakBytes }) => peakBytes / 2 ** 20)),
  };
}

/**
 * Digits behind the point of the columns of {@link runRow}, for `showTable`.
 * @example
 * ```ts
 * import { comparison } from 'progtuning';
 *
 * console.log(comparison.RUN_DIGITS['saved, %']); // 1
 * ```
 */
export const RUN_DIGITS = { 'updated, millions': 2, 'saved, %': 1, seconds: 1, 'memory, MiB': 0 } as const;

/**
 * `+0.4 (-0.3 to 1.1)`: how much `a` is above `b`, seed by seed, with the 95 % bootstrap interval; null below two common seeds.
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('fewer-epochs');
 * const [group] = comparison.groupRuns(cells, ({ spec }) => spec.task);
 * console.log(comparison.differenceText(group, group)); // +0.0 (+0.0 to +0.0)
 * ```
 */
export function differenceText(a: RunGroup, b: RunGroup): string | null {
  const pairs = a.records.flatMap((left) => {
    const right = b.records.find(
      (other) => other.spec.seed === left.spec.seed && numericalVersionOf(other) === numericalVersionOf(left),
    );
    const scores = right ? ([score(left), score(right)] as const) : [];
    return scores.length === 2 && scores.every(Number.isFinite) ? [scores] : [];
  });
  if (pairs.length < 2) return null;
  const { mean: centre, bootstrap } = pairedDifference(
    pairs.map(([left]) => left),
    pairs.map(([, right]) => right),
  );
  const signed = (value: number): string => `${value >= 0 ? '+' : ''}${value.toFixed(1)}`;
  return `${signed(centre)} (${signed(bootstrap[0])} to ${signed(bootstrap[1])})`;
}

/**
 * What {@link differenceText} gives, for a caption.
 * @example
 * ```ts
 * import { comparison } from 'progtuning';
 *
 * console.log(comparison.DIFFERENCE_NOTE.split(' ')[0]); // Mean
 * ```
 */
export const DIFFERENCE_NOTE =
  "Mean paired difference with its 95 % bootstrap interval: for two or three seeds little more than their range, so notebook 00 judges by Student's";

function seedsText(records: readonly LedgerRecord[]): string {
  const seeds = [...new Set(records.map(({ spec }) => spec.seed))].sort((a, b) => a - b);
  return `${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}`;
}

/** Whose numbers these are; a legacy identity does not know its tokenizer and config in full. */
function versionText(records: readonly LedgerRecord[]): string {
  const versions = [...new Set(records.map(numericalVersionOf))].sort((a, b) => a - b);
  const legacy = records.filter(({ identity }) => !identity).length;
  const of = `numerical version${versions.length === 1 ? '' : 's'} ${versions.join(', ')}`;
  return legacy === 0 ? of : `${of} (${legacy === records.length ? '' : `${legacy} of `}legacy identity)`;
}

/**
 * Model, data, seeds and machine of a set of runs: what every figure must say.
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('fewer-epochs');
 * console.log(comparison.provenance(cells).split('; ')[1]); // real data (glue), real data (glue-substitutes)
 * ```
 */
export function provenance(ofGrids: readonly GridCell[]): string {
  const cells = onceEach(ofGrids);
  const records = cells.flatMap(({ record }) => (record ? [record] : []));
  const list = (values: readonly (string | number)[]): string => [...new Set(values)].join(', ');
  const data = (cell: GridCell): string =>
    hasGeneratedData(cell.spec) ? 'generated tasks' : `real data (${cell.spec.data})`;
  if (records.length === 0) return `${list(cells.map(data))}; none of ${cells.length} runs made`;
  const machines = records.map(({ machine }) => machineText(machine));
  const sizes = records.map(({ trainExamples }) => trainExamples);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  return [
    list(records.map(({ spec }) => spec.model)),
    list(cells.map(data)),
    least === most ? `${least} training examples` : `${least} to ${most} training examples`,
    seedsText(records),
    list(machines),
    versionText(records),
    ...(records.length < cells.length ? [`${records.length} of ${cells.length} runs made`] : []),
  ].join('; ');
}
