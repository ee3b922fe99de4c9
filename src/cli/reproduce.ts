/** `progtuning reproduce`: every notebook, executed with live runs, then one page: each claim of the paper and what became of it. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { expandGrid, readGrid } from '../experiments/grid.js';
import { ledgerRuns, liveRuns, packageRoot } from '../experiments/notebook-runs.js';
import { type ModelConfig, PRESETS } from '../models/config.js';
import { countParameters } from '../models/parameters.js';
import { modelSpecs } from '../models/specs.js';
import { countedUpdates, savedFraction } from '../progressive/updates.js';
import { type Claim, judgeClaims } from '../report/claims.js';
import { provenance } from '../report/run-table.js';
import { tableText } from '../report/table.js';
import { runGridCommand } from './grid.js';
import { notebooksCommand } from './notebooks.js';
import { duration, progressBar } from './progress.js';

interface ReproduceFlags {
  readonly full?: boolean;
  readonly model?: string;
  readonly data?: string;
  readonly fresh?: boolean;
}

const EXAMPLES = `
Interrupted at any moment, it goes on where it was when it is called again; --fresh starts over. Results lie in reproduction/.

Examples:
  Everything on the embedded default, offline, in about twenty minutes:
    progtuning reproduce
  With the runs on real GLUE and SQuAD that the ledger lacks (many hours; stop and go on at will):
    progtuning reproduce --full --data /data
  The paper's own setting (a GPU is wanted):
    progtuning reproduce --full --model bert-base-uncased --data hub`;

/** Grids on real data. */
const REAL = ['glue', 'squad', 'block-contribution', 'order'] as const;

export function registerReproduce(program: Command): void {
  program
    .command('reproduce')
    .description('Execute every notebook with live runs and judge the claims of the paper.')
    .option('--full', 'first make the runs on real data that the ledger lacks')
    .option('--model <folder>', 'for --full: instead of the shipped model; folder or hub id')
    .option('--data <source>', 'for --full: a folder that holds glue/ and squad/, or hub')
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

async function liveClaims(): Promise<{ claims: Claim[]; caption: string }> {
  const glue = [
    ...(await liveRuns('embedded-glue', progressBar)),
    ...(await liveRuns('embedded-peft', progressBar)),
  ];
  const squad = await liveRuns('embedded-squad', progressBar);
  const blocks = await liveRuns('embedded-blocks', progressBar);
  const order = await liveRuns('embedded-order', progressBar);
  const evidence = { name: 'generated tasks', glue, squad, blocks, order, countedSaving: countedSaving() };
  return { claims: judgeClaims(evidence), caption: provenance([...glue, ...squad, ...blocks, ...order]) };
}

async function realClaims(): Promise<{ claims: Claim[]; caption: string }> {
  const [glue, squad, blocks, order] = await Promise.all([
    ledgerRuns('glue'),
    ledgerRuns('squad'),
    ledgerRuns('block-contribution'),
    ledgerRuns('order'),
  ]);
  const evidence = { name: 'real data', glue, squad, blocks, order, countedSaving: countedSaving() };
  return { claims: judgeClaims(evidence), caption: provenance([...glue, ...squad, ...blocks, ...order]) };
}

const page = (title: string, { claims, caption }: { claims: Claim[]; caption: string }): string =>
  `${title}\n\n${tableText(
    claims.map(({ verdict, claim, measured, where }) => ({ verdict, claim, measured, notebook: where })),
    { caption },
  )}\n`;

async function makeRealRuns({ model, data }: ReproduceFlags): Promise<void> {
  if (data === undefined)
    throw new UsageError('--full wants --data: a folder that holds glue/ and squad/, or hub');
  for (const name of REAL) {
    const file = join(packageRoot, 'data/grids', `${name}.json`);
    const specs = await expandGrid(await readGrid(file), { model, data });
    await runGridCommand(specs, { runs: join(packageRoot, 'data/runs'), threads: 0, device: 'cpu' });
  }
}

async function reproduce(flags: ReproduceFlags): Promise<void> {
  if (!flags.full && (flags.model ?? flags.data) !== undefined)
    throw new UsageError('--model and --data belong to --full; without it everything runs on what ships');
  const start = performance.now();
  const home = join(packageRoot, 'reproduction');
  if (flags.fresh) await rm(home, { recursive: true, force: true });
  if (flags.full) await makeRealRuns(flags);
  const sources = join(packageRoot, 'notebooks/source');
  const names = (await readdir(sources)).filter((name) => name.endsWith('.md')).sort();
  // The summary comes last: it judges what the others have run.
  const files = [...names.slice(1), ...names.slice(0, 1)].map((name) => join(sources, name));
  await notebooksCommand(files, { outputDir: home, changed: true });
  const seconds = (performance.now() - start) / 1000;
  process.stdout.write(
    [
      page('On the generated tasks, made just now', await liveClaims()),
      page('On real data, from the ledger', await realClaims()),
      `${names.length} notebooks in ${duration(seconds)}: ${home}/*.ipynb\n`,
    ].join('\n'),
  );
}
