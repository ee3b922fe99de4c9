/** Runs as notebooks ask for them: a grid's cells with their records, from the committed ledger or made on the spot. */
import { access, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSplit } from '../datasets/source.js';
import { TASKS } from '../datasets/task.js';
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

/** The committed ledger. */
export const ledgerFolder = join(packageRoot, 'data/runs');

/** The cells of a grid with what the committed ledger holds of them. */
export async function ledgerRuns(
  name: string,
  overrides: GridOverrides = ledgerOverrides(),
): Promise<GridCell[]> {
  const specs = (await expandGrid(await readGrid(gridPath(name)), overrides)).map(namedSpec);
  const ledger = await readLedger(ledgerFolder);
  const bySpec = new Map([...ledger.values()].map((record) => [canonicalJson(record.spec), record]));
  return specs.map((spec) => ({ spec, record: bySpec.get(canonicalJson(spec)) }));
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
  bar.update(done);
  await runGrid(plan, {
    runs,
    onEvent: (event) => {
      if (event.kind === 'progress') bar.update(done + event.done, runLabel(event.run.spec));
      if (event.kind === 'done' || event.kind === 'failed') bar.update(++done);
      if (event.kind === 'failed')
        process.stderr.write(`${runLabel(event.run.spec)}: failed: ${event.message}\n`);
    },
  });
  bar.stop();
  const ledger = await readLedger(runs);
  return plan.all.map(({ identity }) => ({ spec: identity.spec, record: ledger.get(identity.key) }));
}
