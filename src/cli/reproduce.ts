/** `progtuning reproduce`: every notebook, executed with live runs, then one page: each claim of the paper and what became of it. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Command } from 'commander';
import { resolveModel, SHIPPED_MODEL } from '../datasets/source.js';
import { DEVICES } from '../engine/device.js';
import { DataError, UsageError } from '../errors.js';
import { evidenceRuns, LIVE_GRIDS } from '../experiments/evidence-grids.js';
import { hashWeights } from '../experiments/identity.js';
import { readLedger } from '../experiments/ledger.js';
import { gridPath, ledgerFolder, liveFolder, liveModel, liveRuns } from '../experiments/notebook-runs.js';
import { hashOf } from '../experiments/run-spec.js';
import { packageRoot } from '../package.js';
import { livePage, recordedPage } from './claims-page.js';
import { makeFullRuns } from './full-runs.js';
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
  readonly recorded?: boolean;
}

const EXAMPLES = `
Interrupted at any moment, it goes on where it was when it is called again; --fresh starts over. Results lie in reproduction/.
The page that it ends with says of every part whether it is LIVE (run just now, on this machine) or RECORDED, and on which machine.
--full --model FOLDER --data FOLDER first makes the runs of BERT-base on real GLUE and SQuAD that the ledger lacks: how long that will take is
told before it begins (days on two cores; stop and go on at will). FOLDER for the data holds glue/ and squad/, and for what is no whole task
glue-subset/QQP and glue-derived/QNLI; where these are missing glue/ is taken.

Examples:
  Everything on the embedded default, offline; the claims on BERT-base are judged from the records:
    progtuning reproduce
  Only what the records say, in seconds:
    progtuning reproduce --recorded`;

export function registerReproduce(program: Command): void {
  program
    .command('reproduce')
    .option('--recorded', 'judge the claims from the records, and run nothing')
    .option('--full', 'first make the runs of BERT-base on real data that the ledger lacks')
    .option('--model <folder>', 'for --full: a BERT-base; folder or hub id')
    .option('--data <source>', 'for --full: a folder that holds glue/ and squad/, or hub')
    .option('--threads <n>', 'for --full: 0: one per core', wholeNumber('threads', 0), 0)
    .option('--device <name>', `for --full: ${DEVICES.join(', ')}`, 'cpu')
    .option('--fresh', 'forget what an earlier, unfinished reproduction has done')
    .addHelpText('after', EXAMPLES)
    .action(reproduce);
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
  const start = performance.now();
  const home = liveFolder();
  if (flags.fresh) await rm(home, { recursive: true, force: true });
  if (flags.full) await makeFullRuns(flags);
  if (flags.recorded) {
    process.stdout.write(await recordedPage());
    return;
  }
  const sources = join(packageRoot, 'notebooks/source');
  if (!existsSync(sources))
    throw new UsageError(
      'reproduce executes the notebooks, which the installed package does not have: in a clone of the repository, npm ci && npm run reproduce',
    );
  const names = (await readdir(sources)).filter((name) => name.endsWith('.md')).sort();
  // The summary comes last: it judges what the others have run.
  const files = [...names.slice(1), ...names.slice(0, 1)].map((name) => join(sources, name));
  await notebooksCommand(files, { outputDir: home, changed: true, inputs: await notebookInputs() });
  // The notebooks have made these runs; those that failed are tried once more.
  const live = await evidenceRuns(LIVE_GRIDS, (name) => liveRuns(name, progressBar));
  const pages = [
    await recordedPage(),
    livePage(live),
    `${names.length} notebooks in ${duration((performance.now() - start) / 1000)}: ${home}/*.ipynb\n`,
  ];
  process.stdout.write(pages.join('\n'));
  const cells = Object.values(live).flat();
  const failed = cells.filter(({ record }) => !record).length;
  if (failed > 0) throw new DataError(`reproduce: ${failed} of ${cells.length} runs failed; see above`);
}
