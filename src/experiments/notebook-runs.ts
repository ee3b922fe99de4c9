/** Runs as notebooks ask for them: a grid's cells with their records, from the committed ledger or made on the spot. */

import { basename, join } from 'node:path';
import { localModel } from '../datasets/source.js';
import { processors } from '../engine/session.js';
import { packageRoot } from '../package.js';
import { expandGrid, type GridOverrides, readGrid } from './grid.js';
import { hashWeights } from './identity.js';
import { type LedgerRecord, namedSpec, readLedger } from './ledger.js';
import { numericalVersionOf } from './record-version.js';
import { planGrid, runGrid } from './run-grid.js';
import { runLabel } from './run-label.js';
import { canonicalJson, type RunSpec } from './run-spec.js';

/** One run of a grid; without a record it was not made. */
export interface GridCell {
  readonly spec: RunSpec;
  readonly record?: LedgerRecord | undefined;
}

/** A line on the screen that is kept up to date. */
export interface ProgressLine {
  /** Draws it anew. @param done of the total @param note shown behind */
  update(done: number, note?: string): void;
  /** Leaves the line as it is. */
  stop(): void;
}

/** Bars as `report/notebook.ts` and the command line draw them. */
export type OpenProgress = (label: string, total: number, unit: string) => ProgressLine;

/** Where live runs are kept, so that a notebook that is started again goes on: `PROGTUNING_RUNS`, or `reproduction/` in the package. */
export const liveFolder = (): string => process.env.PROGTUNING_RUNS ?? join(packageRoot, 'reproduction');

/** The model of all live runs, where it is not their grid's own (the checkpoint that ships): folder or hub id. */
export const liveModel = (): string | undefined => process.env.PROGTUNING_MODEL;

export const gridPath = (name: string): string => join(packageRoot, 'data/grids', `${name}.json`);

/** Model and data of the real runs to be shown, where they are not the grid's own: `reproduce --full` says so. */
const ledgerOverrides = (): GridOverrides => ({
  model: process.env.PROGTUNING_LEDGER_MODEL,
  data: process.env.PROGTUNING_LEDGER_DATA,
});

/** Live runs at the same time: beyond this the memory of an ordinary machine is the limit. */
const MOST_JOBS = 4;

/** The committed ledger. */
export const ledgerFolder = join(packageRoot, 'data/runs');

/** SHA-256 of the weights that stand on this machine under each name: records of other weights under that name do not count. */
async function weightsByName(models: Iterable<string>): Promise<ReadonlyMap<string, string>> {
  const weights = new Map<string, string>();
  for (const model of new Set(models)) {
    const folder = await localModel(model);
    if (folder === undefined) continue;
    weights.set(basename(model), await hashWeights(folder));
  }
  return weights;
}

/**
 * The cells of a grid with what the committed ledger holds of them.
 * @param name of a file in `data/grids/`, without its ending @throws DataError for no such grid, or a damaged record
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('fewer-epochs');
 * console.log(cells.some(({ record }) => record !== undefined)); // true
 * ```
 */
export async function ledgerRuns(name: string): Promise<GridCell[]> {
  const specs = await expandGrid(await readGrid(gridPath(name)), ledgerOverrides());
  const weights = await weightsByName(specs.map(({ model }) => model));
  const ledger = await readLedger(ledgerFolder);
  const records = [...ledger.values()].filter(({ spec, hashes }) => {
    const known = weights.get(spec.model);
    return known === undefined || known === hashes.model;
  });
  const bySpec = new Map<string, LedgerRecord[]>();
  for (const record of records) {
    const spec = canonicalJson(record.spec);
    bySpec.set(spec, [...(bySpec.get(spec) ?? []), record]);
  }
  return ofOneVersion(
    specs.map(namedSpec).map((spec) => ({ spec, records: bySpec.get(canonicalJson(spec)) ?? [] })),
  );
}

/** Numbers of two versions of the engine are not compared: that which made most of the cells is shown, the newer of two that made as many. */
export function ofOneVersion(
  cells: readonly { readonly spec: RunSpec; readonly records: readonly LedgerRecord[] }[],
): GridCell[] {
  const made = new Map<number, number>();
  for (const { records } of cells)
    for (const version of new Set(records.map(numericalVersionOf)))
      made.set(version, (made.get(version) ?? 0) + 1);
  const [best] = [...made].sort(([a, ofA], [b, ofB]) => ofB - ofA || b - a);
  return cells.map(({ spec, records }) => ({
    spec,
    record: records.find((record) => numericalVersionOf(record) === best?.[0]),
  }));
}

/**
 * Makes what is missing of a grid on this machine, and gives all its cells. A run that fails has no record.
 * @param name of a file in `data/grids/`, without its ending @throws DataError for no such grid, or a damaged record
 * @example
 * ```ts
 * import { experiments, report } from 'progtuning';
 *
 * // Not executed by the tests: it makes runs for minutes.
 * const cells = await experiments.liveRuns('embedded-glue', report.showProgress);
 * console.log(cells.length);
 * ```
 */
export async function liveRuns(name: string, openProgress: OpenProgress): Promise<GridCell[]> {
  const grid = await readGrid(gridPath(name));
  const specs = await expandGrid(grid, { model: liveModel() });
  const runs = join(liveFolder(), 'runs');
  const plan = await planGrid(specs, runs);
  const bar = openProgress(name, plan.all.length, 'runs');
  let done = plan.all.length - plan.missing.length;
  const begun = new Map<string, number>();
  const show = (note?: string): void => {
    bar.update(done + [...begun.values()].reduce((sum, share) => sum + share, 0), note);
  };
  show();
  await runGrid(plan, {
    runs,
    ...(grid.timed ? { jobs: 1 } : { jobs: Math.min(MOST_JOBS, processors()), threads: 1 }),
    onEvent: (event) => {
      const { spec, identity } = event.run;
      if (event.kind === 'progress') begun.set(identity.key, event.done);
      if (event.kind === 'done' || event.kind === 'failed') {
        begun.delete(identity.key);
        done++;
      }
      show(runLabel(spec));
      if (event.kind === 'failed') process.stderr.write(`${runLabel(spec)}: failed: ${event.message}\n`);
    },
  });
  bar.stop();
  const ledger = await readLedger(runs);
  return plan.all.map(({ spec, identity }) => ({ spec: namedSpec(spec), record: ledger.get(identity.key) }));
}
