/** `reproduce --full`: every run of the paper's claims on a user's machine, with the time that it will take told beforehand. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseDevice } from '../engine/device.js';
import { UsageError } from '../errors.js';
import { BERT_BASE_ORDER } from '../experiments/evidence-grids.js';
import { expandGrid, readGrid } from '../experiments/grid.js';
import { readLedger } from '../experiments/ledger.js';
import { gridPath, ledgerFolder } from '../experiments/notebook-runs.js';
import { planGrid } from '../experiments/run-grid.js';
import { canonicalJson, type RunSpec } from '../experiments/run-spec.js';
import { measuredSpeed, recordedSpeed, workCounter } from '../experiments/run-time.js';
import { runGridCommand } from './grid.js';
import { duration } from './progress.js';

interface FullFlags {
  readonly model?: string;
  readonly data?: string;
  readonly threads: number;
  readonly device: string;
}

/** Notebooks run in their own folder: a path must not depend on the current one. */
const absolute = (source: string): string => (existsSync(source) ? resolve(source) : source);

/** Makes what is missing of all grids of BERT-base, in their order. @throws UsageError without a model or data */
export async function makeFullRuns({ model, data, threads, device }: FullFlags): Promise<void> {
  if (model === undefined || data === undefined)
    throw new UsageError(
      '--full wants --model and --data: the folder of a BERT-base, and a folder that holds glue/ and squad/',
    );
  const given = { model: absolute(model), data: absolute(data) };
  process.env.PROGTUNING_LEDGER_MODEL = given.model;
  process.env.PROGTUNING_LEDGER_DATA = given.data;
  const engine = { threads, device: parseDevice(device) };
  const specs = new Map<string, { readonly spec: RunSpec; readonly grid: string }>();
  for (const grid of BERT_BASE_ORDER)
    for (const spec of await expandGrid(await readGrid(gridPath(grid)), given)) {
      const known = canonicalJson(spec);
      if (!specs.has(known)) specs.set(known, { spec, grid });
    }
  const all = [...specs.values()].map(({ spec }) => spec);
  const { all: runs, missing } = await planGrid(all, ledgerFolder);
  const [next] = missing;
  if (!next) {
    process.stderr.write(`All ${runs.length} runs are in the ledger.\n`);
    return;
  }
  const workOf = workCounter();
  process.stderr.write(
    `${missing.length} of ${runs.length} runs are missing: reading the data and this machine's pace ...\n`,
  );
  const ledger = await readLedger(ledgerFolder);
  const made = runs.flatMap(({ spec, identity }) => {
    const record = ledger.get(identity.key);
    return record ? [{ spec, record }] : [];
  });
  const { rate, source } =
    (await recordedSpeed(made, workOf, engine)) ?? (await measuredSpeed(next.spec, workOf, engine));
  const seconds = new Map<string, number>();
  const byGrid = new Map<string, { runs: number; seconds: number }>();
  for (const { spec } of missing) {
    const taken = (await workOf(spec)) / rate;
    seconds.set(canonicalJson(spec), taken);
    const grid = specs.get(canonicalJson(spec))?.grid ?? '';
    const sum = byGrid.get(grid) ?? { runs: 0, seconds: 0 };
    byGrid.set(grid, { runs: sum.runs + 1, seconds: sum.seconds + taken });
  }
  const total = [...seconds.values()].reduce((sum, one) => sum + one, 0);
  const lines = [...byGrid].map(
    ([grid, { runs, seconds }]) =>
      `  ${grid.padEnd(24)} ${String(runs).padStart(4)} runs ${duration(seconds).padStart(10)}`,
  );
  process.stderr.write(
    `Training them will take about ${duration(total)} (hours:minutes:seconds; by ${source}), evaluation aside:\n${lines.join('\n')}\nStop with Ctrl-C at any moment: the same command goes on.\n`,
  );
  const weigh = (spec: RunSpec): number => seconds.get(canonicalJson(spec)) ?? 0;
  await runGridCommand(all, { runs: ledgerFolder, ...engine, weigh });
}
