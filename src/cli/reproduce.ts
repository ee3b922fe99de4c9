/** `progtuning reproduce`: every notebook, executed with live runs, then one page: each claim of the paper and what became of it. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type Command, Help } from 'commander';
import { resolveModel, SHIPPED_MODEL } from '../datasets/source.js';
import { DEVICES, parseDevice } from '../engine/device.js';
import { DataError, UsageError } from '../errors.js';
import { type EvidencePart, evidenceRuns, LEDGER_GRIDS, LIVE_GRIDS } from '../experiments/evidence-grids.js';
import { expandGrid, readGrid } from '../experiments/grid.js';
import { hashWeights } from '../experiments/identity.js';
import { readLedger } from '../experiments/ledger.js';
import {
  type GridCell,
  gridPath,
  ledgerFolder,
  ledgerRuns,
  liveFolder,
  liveModel,
  liveRuns,
  packageRoot,
} from '../experiments/notebook-runs.js';
import { hashOf } from '../experiments/run-spec.js';
import { type ModelConfig, PRESETS } from '../models/config.js';
import { countParameters } from '../models/parameters.js';
import { modelSpecs } from '../models/specs.js';
import { countedUpdates, savedFraction } from '../progressive/updates.js';
import { type Claim, judgeClaims } from '../report/claims.js';
import { provenance } from '../report/run-table.js';
import { runGridCommand } from './grid.js';
import { notebooksCommand } from './notebooks.js';
import { wholeNumber } from './numbers.js';
import { duration, progressBar } from './progress.js';

interface ReproduceFlags {
  readonly full?: boolean;
  readonly model?: string;
  readonly data?: string;
  readonly threads: number;
  readonly device: string;
  readonly fresh?: boolean;
}

const EXAMPLES = `
Interrupted at any moment, it goes on where it was when it is called again; --fresh starts over. Results lie in reproduction/.
--full --data FOLDER first makes the runs on real GLUE and SQuAD that the ledger lacks (many hours; stop and go on at will).
The paper's own setting is --full --model bert-base-uncased --data hub --device cuda (a GPU is wanted).

Example:
  Everything on the embedded default, offline, in about 20 minutes:
    progtuning reproduce`;

export function registerReproduce(program: Command): void {
  program
    .command('reproduce')
    .option('--full', 'first make the runs on real data that the ledger lacks')
    .option('--model <folder>', 'for --full: instead of the shipped model; folder or hub id')
    .option('--data <source>', 'for --full: a folder that holds glue/ and squad/, or hub')
    .option('--threads <n>', 'for --full: 0: one per core', wholeNumber('threads', 0), 0)
    .option('--device <name>', `for --full: ${DEVICES.join(', ')}`, 'cpu')
    .option('--fresh', 'forget what an earlier, unfinished reproduction has done')
    .addHelpText('after', EXAMPLES)
    .action(reproduce);
}

function countedSaving(): number {
  const config = PRESETS['bert-base-uncased'] as ModelConfig;
  const specs = modelSpecs(config, { kind: 'classification', numLabels: 2 });
  const schedule = { kind: 'progressive', stages: 3, embeddings: 'always' } as const;
  return savedFraction(countedUpdates(schedule, 3, config, specs), countParameters(specs));
}

/** Columns of the closing page. */
const PAGE_WIDTH = 110;

interface Judged {
  readonly claims: readonly Claim[];
  readonly cells: readonly GridCell[];
}

function judge(name: string, runs: Record<EvidencePart, GridCell[]>): Judged {
  const claims = judgeClaims({ name, ...runs, countedSaving: countedSaving() });
  return { claims, cells: Object.values(runs).flat() };
}

/** One claim below the other, wrapped to the terminal: a table of such sentences would be wider than any. */
function page(title: string, { claims, cells }: Judged): string {
  const help = new Help();
  help.helpWidth = Math.min(process.stdout.columns ?? PAGE_WIDTH, PAGE_WIDTH);
  const width = Math.max(...claims.map(({ verdict }) => verdict.length));
  const items = claims.map(({ verdict, claim, measured, where }) => {
    const heading = where === '-' ? claim : `${claim} (notebook ${where})`;
    return help.formatItem(verdict, width, `${heading}\n${measured}`, help);
  });
  return `${title}\n\n${items.join('\n')}\n\n${help.boxWrap(provenance(cells), help.helpWidth)}\n`;
}

/** Notebooks run in their own folder: a path must not depend on the current one. */
const absolute = (source: string): string => (existsSync(source) ? resolve(source) : source);

async function makeRealRuns({ model, data, threads, device }: ReproduceFlags): Promise<void> {
  if (data === undefined)
    throw new UsageError('--full wants --data: a folder that holds glue/ and squad/, or hub');
  const given = { model: model && absolute(model), data: absolute(data) };
  if (given.model) process.env.PROGTUNING_LEDGER_MODEL = given.model;
  process.env.PROGTUNING_LEDGER_DATA = given.data;
  for (const name of Object.values(LEDGER_GRIDS).flat()) {
    const specs = await expandGrid(await readGrid(gridPath(name)), given);
    await runGridCommand(specs, { runs: ledgerFolder, threads, device: parseDevice(device) });
  }
}

/** What the notebooks show besides what their sources say: a change of it executes them again. */
async function notebookInputs(): Promise<string> {
  const model = await resolveModel(liveModel() ?? SHIPPED_MODEL);
  const sha256 = await hashWeights(model);
  const grids = await readdir(dirname(gridPath('any')));
  const texts = await Promise.all(grids.sort().map((name) => readFile(gridPath(basename(name, '.json')))));
  const { PROGTUNING_LEDGER_MODEL: ledgerModel, PROGTUNING_LEDGER_DATA: ledgerData } = process.env;
  const records = [...(await readLedger(ledgerFolder)).keys()].sort();
  return hashOf({ sha256, grids: texts.map(String), records, ledgerModel, ledgerData });
}

async function reproduce(flags: ReproduceFlags): Promise<void> {
  if (!flags.full && (flags.model ?? flags.data) !== undefined)
    throw new UsageError('--model and --data belong to --full; without it everything runs on what ships');
  const sources = join(packageRoot, 'notebooks/source');
  if (!existsSync(sources))
    throw new UsageError(
      'reproduce executes the notebooks, which the installed package does not have: in a clone of the repository, npm ci && npm run reproduce',
    );
  const start = performance.now();
  const home = liveFolder();
  if (flags.fresh) await rm(home, { recursive: true, force: true });
  if (flags.full) await makeRealRuns(flags);
  const names = (await readdir(sources)).filter((name) => name.endsWith('.md')).sort();
  // The summary comes last: it judges what the others have run.
  const files = [...names.slice(1), ...names.slice(0, 1)].map((name) => join(sources, name));
  await notebooksCommand(files, { outputDir: home, changed: true, inputs: await notebookInputs() });
  // The notebooks have made these runs; those that failed are tried once more.
  const live = judge(
    'generated tasks',
    await evidenceRuns(LIVE_GRIDS, (name) => liveRuns(name, progressBar)),
  );
  const pages = [
    page('On the generated tasks, made just now', live),
    page('On real data, from the ledger', judge('real data', await evidenceRuns(LEDGER_GRIDS, ledgerRuns))),
    `${names.length} notebooks in ${duration((performance.now() - start) / 1000)}: ${home}/*.ipynb\n`,
  ];
  process.stdout.write(pages.join('\n'));
  const failed = live.cells.filter(({ record }) => !record).length;
  if (failed > 0) throw new DataError(`reproduce: ${failed} of ${live.cells.length} runs failed; see above`);
}
