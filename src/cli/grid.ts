/** `progtuning grid`: the runs of a grid that the ledger lacks. */

import { type Command, Option } from 'commander';
import { DEVICES, type Device, parseDevice } from '../engine/device.js';
import { DataError, UsageError } from '../errors.js';
import { expandGrid, readGrid } from '../experiments/grid.js';
import { type GridEvent, type GridPlan, type GridRun, planGrid, runGrid } from '../experiments/run-grid.js';
import { runLabel } from '../experiments/run-label.js';
import type { RunSpec } from '../experiments/run-spec.js';
import { scoresText } from '../report/number-text.js';
import { STRICT } from './data-options.js';
import { costText } from './grid-cost.js';
import { positiveNumber, wholeNumber } from './numbers.js';
import { duration, isInteractive, type Progress, progressBar } from './progress.js';
import { addSlurmOptions, asksSlurm, runTask, type SlurmFlags, slurmCommand } from './slurm.js';

interface GridFlags extends SlurmFlags {
  readonly runs: string;
  readonly model?: string;
  readonly data?: string;
  readonly only?: string;
  readonly list?: boolean;
  readonly maxMinutes?: number;
  readonly jobs: number;
  readonly threads: number;
  readonly device: string;
  readonly strict?: boolean;
  readonly timed?: boolean;
  readonly lease?: number;
  readonly task?: number;
  readonly cost?: number;
}

const EXAMPLES = `
A run that is in the ledger is not made again; one that was cut off goes on from its last whole epoch, one that was told to end from its
last step. Stop with Ctrl-C at any moment. Several machines or shells may share a ledger and work on one grid: none makes what another makes.

Examples:
  What a grid holds, and what of it is missing:
    progtuning grid data/grids/glue.json --data glue/ --list
  Only one task's runs with one method:
    progtuning grid data/grids/glue.json --data glue/ --only "rte, lora"
  Run what is missing, and begin no run after a minute (for a night: 480):
    progtuning grid data/grids/glue.json --data glue/ --max-minutes 1
  Small models are faster side by side, each on a thread of its own (a fifth more on two cores):
    progtuning grid data/grids/glue.json --data glue/ --max-minutes 1 --jobs 2 --threads 1
  On a cluster: the script of one Slurm array, a run a task (without --dry-run it is handed in; then --status, --retry, --cancel):
    progtuning grid data/grids/glue.json --data glue/ --runs shared/runs --on slurm --time 2:00:00 --memory 4G --cores 2 --limit 50 --dry-run`;

export function registerGrid(program: Command): void {
  const command = program
    .command('grid')
    .argument('<file>', 'the grid: JSON, see data/grids/')
    .option('--runs <folder>', 'the ledger', 'data/runs')
    .option('--model <folder>', "instead of the grid's: folder, shipped name or hub id")
    .option(
      '--data <source>',
      "instead of the grid's: a folder with the tasks' folders, or with glue/ and squad/; embedded; plain; hub",
    )
    .option('--only <text>', 'only runs whose name holds this, e.g. "rte, lora"')
    .option('--list', 'print the runs and whether they are done, run nothing')
    .option(
      '--cost <seconds>',
      'print how long the runs take, by simulation from a measured step of BERT-base (8 x 128, full fine-tuning; docs/speed.md has some), run nothing',
      positiveNumber('cost'),
    )
    .option('--max-minutes <n>', 'begin no run after this', positiveNumber('max-minutes'))
    .option('--jobs <n>', 'runs at the same time', wholeNumber('jobs', 1), 1)
    .option(
      '--threads <n>',
      'of each run; 0: one per core; results do not depend on it',
      wholeNumber('threads', 0),
      0,
    )
    .option('--device <name>', DEVICES.join(', '), 'cpu')
    .option(
      '--timed',
      'nothing else runs on this machine: the records say so, and tables show their seconds and memory',
    )
    .option('--strict', STRICT)
    .option(
      '--lease <seconds>',
      'of processes that share the ledger: one that was not heard of for so long is dead (default: 300)',
      positiveNumber('lease'),
    )
    .addOption(
      new Option('--task <n>', 'what the script of an array calls')
        .hideHelp()
        .argParser(wholeNumber('task', 0)),
    );
  addSlurmOptions(command).addHelpText('after', EXAMPLES).action(grid);
}

function list({ all, missing }: GridPlan): string {
  const open = new Set(missing);
  const lines = all.map(
    (run) => `${open.has(run) ? 'missing' : 'done   '} ${run.identity.key} ${runLabel(run.spec)}`,
  );
  return `${lines.join('\n')}\n${all.length - missing.length} of ${all.length} runs done\n`;
}

/** How much of the whole a run is: one each, or what it will take by an estimate. */
type Weigh = (spec: RunSpec) => number;

/** A bar over the whole grid, and a line for each run that is done. @param weigh seconds of a run, where they are known beforehand */
function display(
  missing: readonly GridRun[],
  weigh: Weigh | undefined,
): { onEvent: (event: GridEvent) => void; stop: () => void } {
  const minutes = (spec: RunSpec): number => (weigh ? weigh(spec) / 60 : 1);
  const total = missing.reduce((sum, { spec }) => sum + minutes(spec), 0);
  const tenths = (value: number): number => (weigh ? Math.round(10 * value) / 10 : value);
  const bar: Progress = progressBar('grid', tenths(total), weigh ? 'minutes by estimate' : 'runs');
  const begun = new Map<string, number>();
  const start = performance.now();
  let [finished, done] = [0, 0];
  const say = (text: string): void => {
    process.stderr.write(`${isInteractive() ? '\r\u001b[K' : ''}${text}\n`);
  };
  const left = (): string => {
    if (!weigh || done === 0) return '';
    const pace = (performance.now() - start) / 1000 / done;
    return `, about ${duration((total - done) * pace)} left`;
  };
  return {
    stop: () => bar.stop(),
    onEvent(event) {
      const { spec, identity } = event.run;
      const label = runLabel(spec);
      if (event.kind === 'start') begun.set(identity.key, 0);
      else if (event.kind === 'progress') begun.set(identity.key, event.done * minutes(spec));
      else if (event.kind === 'warning') say(`${label}: ${event.text}`);
      else {
        begun.delete(identity.key);
        finished++;
        done += minutes(spec);
        const place = `[${finished}/${missing.length}] ${label}`;
        if (event.kind === 'failed') say(`${place}: FAILED: ${event.message}`);
        else if (event.kind === 'held') say(`${place}: left to ${event.by}, which is at it`);
        else if (event.kind === 'made') say(`${place}: another process has made it meanwhile`);
        else say(`${place}: ${scoresText(event.record, 2)} in ${duration(event.record.seconds)}${left()}`);
      }
      bar.update(tenths(done + [...begun.values()].reduce((sum, share) => sum + share, 0)), label);
    },
  };
}

export interface GridCommandOptions {
  readonly runs: string;
  readonly jobs?: number;
  readonly threads: number;
  readonly device: Device;
  readonly maxMinutes?: number | undefined;
  readonly strict?: boolean | undefined;
  readonly timed?: boolean | undefined;
  readonly lease?: number | undefined;
  /** Seconds that a run will take, by an estimate: the bar then goes by them. */
  readonly weigh?: Weigh;
}

/** Runs what is missing, with a bar; Ctrl-C ends it between two epochs' worth of loss. @throws DataError when runs failed */
export async function runGridCommand(specs: readonly RunSpec[], options: GridCommandOptions): Promise<void> {
  const plan = await planGrid(specs, options.runs);
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  process.once('SIGINT', abort).once('SIGTERM', abort);
  const shown = display(plan.missing, options.weigh);
  const failures = await runGrid(plan, { ...options, signal: stop.signal, onEvent: shown.onEvent }).finally(
    () => {
      shown.stop();
      process.off('SIGINT', abort).off('SIGTERM', abort);
    },
  );
  if (stop.signal.aborted) process.exit(130);
  if (failures > 0) throw new DataError(`grid: ${failures} of ${plan.missing.length} runs failed; see above`);
}

/** What an array's own settings take the place of. @throws UsageError where both are given */
function checkOneMachine({ jobs, threads, maxMinutes, timed }: GridFlags): void {
  const given = [
    ...(jobs === 1 ? [] : ['--jobs (an array has --limit)']),
    ...(threads === 0 ? [] : ['--threads (an array has --cores)']),
    ...(maxMinutes === undefined ? [] : ['--max-minutes (an array has --time)']),
    ...(timed ? ['--timed (nothing says that a node is idle)'] : []),
  ];
  if (given.length > 0) throw new UsageError(`grid: of one machine: ${given.join(', ')}`);
}

async function grid(file: string, flags: GridFlags): Promise<void> {
  if (flags.task !== undefined) return runTask(file, flags.task);
  const { runs, model, data, only, maxMinutes, jobs, threads, strict = false, timed, lease } = flags;
  const device = parseDevice(flags.device);
  const parsed = await readGrid(file);
  const all = await expandGrid(parsed, { model, data });
  const specs = all.filter((spec) => runLabel(spec).includes(only ?? ''));
  if (flags.cost !== undefined) {
    process.stdout.write(await costText(specs, flags.cost, flags.limit ?? parsed.slurm?.limit));
    return;
  }
  if (asksSlurm(flags)) {
    checkOneMachine(flags);
    const plan = await planGrid(specs, runs);
    return slurmCommand({ file, grid: parsed, plan, runs, device, strict, lease }, flags);
  }
  if (flags.list) process.stdout.write(list(await planGrid(specs, runs)));
  else await runGridCommand(specs, { runs, device, jobs, threads, maxMinutes, strict, timed, lease });
}
