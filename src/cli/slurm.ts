/** `progtuning grid --on slurm`: a grid's runs as one job array, what became of them, and what a task of it does. */

import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Device } from '../engine/device.js';
import { DataError, UsageError } from '../errors.js';
import { exists } from '../exists.js';
import { hostName } from '../experiments/claim.js';
import type { Grid } from '../experiments/grid.js';
import { type GridEvent, type GridPlan, runGrid } from '../experiments/run-grid.js';
import { runLabel } from '../experiments/run-label.js';
import {
  type ArrayRequest,
  arrayTask,
  BEGUN,
  newArrayFolder,
  type StoredArray,
  scriptOf,
  storeArray,
  storedArrays,
} from '../experiments/slurm-array.js';
import {
  cancel,
  isRunning,
  ownJob,
  type QueuedTask,
  queue,
  requeue,
  submit,
} from '../experiments/slurm-queue.js';
import { type SlurmSettings, slurmSettings } from '../experiments/slurm-script.js';
import { type RunStatus, STATES, statusOf } from '../experiments/slurm-status.js';
import { codeFolder } from '../package.js';
import { wholeNumber } from './numbers.js';

export interface SlurmFlags {
  readonly on?: string;
  readonly dryRun?: boolean;
  readonly status?: boolean;
  readonly cancel?: boolean;
  readonly retry?: boolean;
  readonly partition?: string;
  readonly account?: string;
  readonly time?: string;
  readonly memory?: string;
  readonly cores?: number;
  readonly gpus?: number;
  readonly limit?: number;
  readonly environment?: string[];
}

export function addSlurmOptions(command: Command): Command {
  return command
    .option('--on <engine>', 'slurm: hand what is missing in as one job array, instead of running it here')
    .option('--dry-run', 'with --on or --retry: print the script, and hand nothing in')
    .option(
      '--status',
      'how many runs are done, run, wait or failed; of failed ones the last line of their log',
    )
    .option('--cancel', "take the grid's runs from Slurm's queue")
    .option('--retry', 'hand in the failed runs again, with the settings of their array')
    .option('--partition <name>', 'this and the next: of the array; also as the slurm object of the grid')
    .option('--account <name>')
    .option('--time <limit>', 'of a run: 30 (minutes), 2:00:00, 1-12:00:00; one that is cut off goes on')
    .option('--memory <size>', 'of a run: 4G')
    .option('--cores <n>', 'of a run, and its threads', wholeNumber('cores', 1))
    .option('--gpus <n>', 'of a run; with --device', wholeNumber('gpus', 1))
    .option('--limit <n>', 'runs of the array at the same time', wholeNumber('limit', 1))
    .option('--environment <lines...>', 'lines of shell before the run, e.g. "module load nodejs"');
}

/** A grid, its runs, and how they are to be made. */
export interface SlurmRequest {
  readonly file: string;
  readonly grid: Grid;
  readonly plan: GridPlan;
  readonly runs: string;
  readonly device: Device;
  readonly strict: boolean;
  readonly lease: number | undefined;
}

/** @throws UsageError for flags that do not go together */
export function asksSlurm(flags: SlurmFlags): boolean {
  if (flags.on !== undefined && flags.on !== 'slurm')
    throw new UsageError(`--on takes slurm, not '${flags.on}'`);
  const asked = [flags.on, flags.retry, flags.status, flags.cancel].filter(Boolean).length;
  if (asked === 0 && flags.dryRun) throw new UsageError('--dry-run goes with --on slurm, or with --retry');
  if (asked > 1) throw new UsageError('give one of --on slurm, --status, --cancel and --retry');
  return asked === 1;
}

/** Does the one thing that the flags ask for. */
export async function slurmCommand(request: SlurmRequest, flags: SlurmFlags): Promise<void> {
  if (flags.status) await status(request);
  else if (flags.cancel) await cancelRuns(request);
  else await handIn(request, flags);
}

interface Standing {
  readonly runs: readonly RunStatus[];
  /** Of this ledger, those that have runs of this grid. */
  readonly arrays: readonly StoredArray[];
}

/** @param ask for the queue; called only where there are arrays */
async function standing(
  { plan, runs, lease }: SlurmRequest,
  ask: () => Promise<QueuedTask[]>,
): Promise<Standing> {
  const keys = new Set(plan.all.map(({ identity }) => identity.key));
  const arrays = (await storedArrays(runs)).filter((array) => array.keys.some((key) => keys.has(key)));
  const queued = arrays.length === 0 ? [] : await ask();
  return { runs: await statusOf(plan, runs, arrays, queued, lease), arrays };
}

const SHOWN = 20;

/** Why runs wait, by Slurm: some reasons are for the user to mend. */
function waiting(runs: readonly RunStatus[]): string[] {
  const reasons = new Map<string, number>();
  for (const { state, note = '' } of runs)
    if (state === 'waiting') reasons.set(note, (reasons.get(note) ?? 0) + 1);
  return [...reasons].map(([reason, count]) => `waiting ${count} ${reason}`);
}

async function status(request: SlurmRequest): Promise<void> {
  const { runs, arrays } = await standing(request, queue);
  const failed = runs.filter(({ state }) => state === 'failed');
  const lines = [
    ...failed.slice(0, SHOWN).map(({ run, note }) => `failed  ${runLabel(run.spec)}: ${note}`),
    ...(failed.length > SHOWN ? [`failed  ${failed.length - SHOWN} more`] : []),
    ...runs
      .filter(({ state }) => state === 'running')
      .slice(0, SHOWN)
      .map(({ run, note }) => `running ${runLabel(run.spec)}: ${note}`),
    ...waiting(runs),
    STATES.map((state) => `${runs.filter((one) => one.state === state).length} ${state}`).join(', '),
    ...arrays.map(({ job, folder, keys }) => `array ${job}: ${keys.length} runs, ${folder}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function cancelRuns(request: SlurmRequest): Promise<void> {
  const { runs } = await standing(request, queue);
  const byJob = new Map<string, number[]>();
  for (const { queued } of runs)
    if (queued) byJob.set(queued.job, [...(byJob.get(queued.job) ?? []), queued.task]);
  for (const [job, tasks] of byJob) await cancel(job, tasks);
  const count = [...byJob.values()].flat().length;
  process.stdout.write(
    `${count} run${count === 1 ? '' : 's'} taken from the queue; what they have done is kept\n`,
  );
}

/** What an array is asked of the command line. */
const given = ({
  partition,
  account,
  time,
  memory,
  cores,
  gpus,
  limit,
  environment,
}: SlurmFlags): object => ({
  ...{ partition, account, time, memory, cores, gpus, limit, environment },
});

const CLI = join(codeFolder, 'cli.js');

function checkGpus({ gpus }: SlurmSettings, device: Device): void {
  if (gpus !== undefined && device === 'cpu')
    throw new UsageError(`gpus: ${gpus} asked for, but --device is cpu; give --device cuda or webgpu`);
}

async function handIn(request: SlurmRequest, flags: SlurmFlags): Promise<void> {
  const { file, grid, runs, device, strict, lease } = request;
  // A script can be looked at on a machine without Slurm.
  const none = async (): Promise<QueuedTask[]> => [];
  const { runs: all, arrays } = await standing(request, flags.dryRun ? none : queue);
  const wanted = flags.retry ? ['failed'] : ['failed', 'missing'];
  const tasks = all.filter(({ state }) => wanted.includes(state));
  const formerly = flags.retry ? arrays.at(-1)?.slurm : undefined;
  const slurm = slurmSettings(formerly ?? grid.slurm ?? {}, given(flags));
  checkGpus(slurm, device);
  if (flags.retry)
    for (const { run, note } of tasks) process.stderr.write(`failed  ${runLabel(run.spec)}: ${note}\n`);
  if (tasks.length === 0) {
    process.stdout.write(`nothing to hand in: no run is ${wanted.join(' or ')}\n`);
    return;
  }
  const array: ArrayRequest = {
    ...{ title: grid.title, runs: resolve(runs), slurm, device, strict },
    ...(lease === undefined ? {} : { lease }),
    tasks: tasks.map(({ run }) => run),
    command: [process.execPath, CLI, 'grid'],
  };
  const folder = newArrayFolder(runs);
  if (flags.dryRun) {
    process.stdout.write(scriptOf(array, folder));
    return;
  }
  const job = await storeArray(array, folder, submit);
  process.stdout.write(
    `array ${job}: ${tasks.length} run${tasks.length === 1 ? '' : 's'}; look with: progtuning grid ${file} --runs ${runs} --status\n`,
  );
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function tell(event: GridEvent): void {
  if (event.kind === 'warning') say(event.text);
  if (event.kind === 'held') say(`waits for ${event.by}, which makes this run`);
  if (event.kind === 'made') say('another process has made the record');
  if (event.kind === 'done') say(`done: ${event.run.identity.key} in ${event.record.seconds.toFixed(1)} s`);
}

/** Time that Slurm gives for saving is short: what is said first counts. */
type Ended = 'time' | 'terminated';

/**
 * A task of an array: one run, on a node. Told that its time is up (SIGUSR2), or that its place is wanted (SIGTERM), it saves itself and
 * queues again; one that Slurm ends anyway, as it is cancelled or put back, only saves itself.
 * @param folder of the array @throws DataError of one line, which is then the last of its log
 */
export async function runTask(folder: string, task: number): Promise<void> {
  const own = ownJob(process.env);
  const { run, runs, slurm, device, strict, lease } = await arrayTask(folder, task);
  say(`${BEGUN} ${hostName()}${own ? ` as ${own.array}_${own.task}` : ''}: ${runLabel(run.spec)}`);
  const stop = new AbortController();
  const why = new Set<Ended>();
  const end = (reason: Ended) => (): void => {
    why.add(reason);
    stop.abort();
  };
  process.on('SIGUSR2', end('time')).on('SIGTERM', end('terminated'));
  let [failure, steps] = ['', false];
  await runGrid(
    { all: [run], missing: [run] },
    {
      ...{ runs, device, strict, threads: slurm.cores, lease, wait: true, signal: stop.signal },
      onEvent(event) {
        tell(event);
        if (event.kind === 'progress') steps = true;
        if (event.kind === 'failed') failure = event.message;
      },
    },
  );
  if (failure) throw new DataError(`${hostName()}: ${runLabel(run.spec)}: ${failure}`);
  if (!stop.signal.aborted || (await exists(join(runs, `${run.identity.key}.json`)))) return;
  if (why.has('time') && !steps)
    throw new DataError(
      `${hostName()}: ${runLabel(run.spec)}: no step was done within its time; raise --time`,
    );
  if (own && (await isRunning(own))) {
    say('saved; queues again');
    await requeue(own);
  } else say('saved; it goes on when it runs again');
  process.exitCode = 143;
}
