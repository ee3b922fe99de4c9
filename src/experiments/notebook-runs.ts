/** Runs as notebooks ask for them: a grid's cells with their records, from the committed ledger or made on the spot. */
import { access, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashFile } from '../datasets/corpus.js';
import { localModel, readSplit } from '../datasets/source.js';
import { TASKS } from '../datasets/task.js';
import { processors } from '../engine/session.js';
import { createModel } from './create-model.js';
import { expandGrid, type GridOverrides, readGrid, runLabel } from './grid.js';
import { type LedgerRecord, namedSpec, readLedger } from './ledger.js';
import { planGrid, runGrid } from './run-grid.js';
import { canonicalJson, type RunSpec } from './run-spec.js';

/** The package's folder, seen from `dist/src/experiments/`. */
export const packageRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

/** One run of a grid; without a record it was not made. */
export interface GridCell {
  readonly spec: RunSpec;
  readonly record?: LedgerRecord | undefined;
}

/** Bars as `report/notebook.ts` and the command line draw them. */
export type OpenProgress = (
  label: string,
  total: number,
  unit: string,
) => { update(done: number, note?: string): void; stop(): void };

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** What a grid's `model` says for {@link liveModel}. */
const LIVE = 'live';

/** Where live runs are kept, so that a notebook that is started again goes on: `PROGTUNING_RUNS`, or `reproduction/` in the package. */
export const liveFolder = (): string => process.env.PROGTUNING_RUNS ?? join(packageRoot, 'reproduction');

/**
 * The model of live runs: `PROGTUNING_MODEL` (`progtuning-bert-6x256` is the checkpoint that ships), else one of 6 blocks, 128 wide, with
 * random weights and a vocabulary of the generated tasks, made once: a fifth of the work, so that all notebooks end in minutes.
 */
export async function liveModel(): Promise<string> {
  if (process.env.PROGTUNING_MODEL) return process.env.PROGTUNING_MODEL;
  const folder = join(liveFolder(), 'random-6x128');
  if (await exists(join(folder, 'model.safetensors'))) return folder;
  const tasks = TASKS.filter(({ trainedOn }) => !trainedOn);
  const splits = await Promise.all(tasks.map((task) => readSplit('embedded', task, 'train')));
  const texts = splits.flatMap(({ examples }) => examples.flatMap((example) => example.texts));
  await rm(`${folder}.partial`, { recursive: true, force: true });
  const shape = { layers: 6, hidden: 128, vocabSize: 800, seed: 1 };
  await createModel({ ...shape, texts, out: `${folder}.partial` });
  await rename(`${folder}.partial`, folder);
  return folder;
}

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
    weights.set(basename(model), (await hashFile(join(folder, 'model.safetensors'))).sha256);
  }
  return weights;
}

/** The cells of a grid with what the committed ledger holds of them. */
export async function ledgerRuns(
  name: string,
  overrides: GridOverrides = ledgerOverrides(),
): Promise<GridCell[]> {
  const specs = await expandGrid(await readGrid(gridPath(name)), overrides);
  const weights = await weightsByName(specs.map(({ model }) => model));
  const ledger = await readLedger(ledgerFolder);
  const records = [...ledger.values()].filter(({ spec, hashes }) => {
    const known = weights.get(spec.model);
    return known === undefined || known === hashes.model;
  });
  const bySpec = new Map(records.map((record) => [canonicalJson(record.spec), record]));
  return specs.map(namedSpec).map((spec) => ({ spec, record: bySpec.get(canonicalJson(spec)) }));
}

/** Makes what is missing of a grid on this machine, and gives all its cells. A run that fails has no record. */
export async function liveRuns(
  name: string,
  openProgress: OpenProgress,
  overrides: GridOverrides = {},
): Promise<GridCell[]> {
  const grid = await readGrid(gridPath(name));
  const isLive = grid.shared.model === LIVE || process.env.PROGTUNING_MODEL !== undefined;
  const model = overrides.model ?? (isLive ? await liveModel() : undefined);
  const specs = await expandGrid(grid, { ...overrides, model });
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
  return plan.all.map(({ identity }) => ({ spec: identity.spec, record: ledger.get(identity.key) }));
}
