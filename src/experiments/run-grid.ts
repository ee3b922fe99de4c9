/** Runs what is missing of a grid, each run in a process of its own. It can be stopped at any moment without loss. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gpusOf } from '../engine/device.js';
import { DataError, UsageError } from '../errors.js';
import { exists } from '../exists.js';
import { codeFolder } from '../package.js';
import { removeSnapshot } from '../training/resume.js';
import { type Claim, folderTime, takeClaim } from './claim.js';
import type { RunIdentity } from './identity.js';
import { identifier, type LedgerRecord, ledgerRecord, readLedger, writeRecord } from './ledger.js';
import type { RunOptions } from './run.js';
import type { ChildMessage, ChildRequest, ParentMessage } from './run-child.js';
import type { RunRecord } from './run-record.js';
import type { RunSpec } from './run-spec.js';

/** A run of a grid with what it is known by. */
export interface GridRun {
  readonly spec: RunSpec;
  readonly identity: RunIdentity;
}

/** What a grid holds, and what of it is not in the ledger. */
export interface GridPlan {
  readonly all: readonly GridRun[];
  readonly missing: readonly GridRun[];
}

/** What a grid reports while it lasts. A run in progress tells examples `done`, as a share of 1. */
export type GridEvent =
  | { readonly kind: 'start'; readonly run: GridRun }
  | { readonly kind: 'progress'; readonly run: GridRun; readonly done: number }
  | { readonly kind: 'warning'; readonly run: GridRun; readonly text: string }
  | { readonly kind: 'done'; readonly run: GridRun; readonly record: LedgerRecord }
  /** Another process is making the record, on whatever machine; this one leaves it alone, or waits. */
  | { readonly kind: 'held'; readonly run: GridRun; readonly by: string }
  /** Another process has made the record meanwhile. */
  | { readonly kind: 'made'; readonly run: GridRun }
  | { readonly kind: 'failed'; readonly run: GridRun; readonly message: string };

/** Where records are kept, and how runs share the machine. */
export interface GridOptions extends Pick<RunOptions, 'threads' | 'device' | 'strict'> {
  /** Folder of the ledger; unfinished runs lie in its `unfinished`, which is not committed. Several machines may share it. */
  readonly runs: string;
  /** Called while the grid lasts. */
  readonly onEvent?: (event: GridEvent) => void;
  /** Ends the run in hand after its step; it goes on from there next time. */
  readonly signal?: AbortSignal;
  /** Runs at the same time (1). Small models are faster side by side on a thread each than one after the other on several. */
  readonly jobs?: number | undefined;
  /** The caller knows that nothing else runs on this machine: the records' seconds and bytes count. One run at a time. */
  readonly timed?: boolean | undefined;
  /** No run begins after this many minutes. */
  readonly maxMinutes?: number | undefined;
  /** Seconds after which a process that shares the ledger, and was not heard of, counts as dead (300). */
  readonly lease?: number | undefined;
  /** Waits for what others make: it is theirs, or free when they die. Otherwise such runs are passed over. */
  readonly wait?: boolean | undefined;
}

/**
 * What a grid holds and what of it the ledger lacks. @throws DataError for missing data, or a damaged record
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 *
 * const specs = await experiments.expandGrid(await experiments.readGrid('grid.json'));
 * const { all, missing } = await experiments.planGrid(specs, 'empty-ledger');
 * console.log(all.length, missing.length); // 2 2
 * ```
 */
export async function planGrid(specs: readonly RunSpec[], runs: string): Promise<GridPlan> {
  const identify = identifier();
  const ledger = await readLedger(runs);
  const all = await Promise.all(specs.map(async (spec) => ({ spec, identity: await identify(spec) })));
  return { all, missing: all.filter(({ identity }) => !ledger.has(identity.key)) };
}

const CHILD = join(codeFolder, 'experiments/run-child.js');

/** Seconds that a run which is told to end may take for its step and its snapshot. */
const STOP_SECONDS = 60;

interface ChildOptions {
  readonly onProgress: (done: number) => void;
  readonly onWarning: (text: string) => void;
  /** Ends it after its step, with a snapshot. */
  readonly stop: AbortSignal | undefined;
  /** Ends it at once: the run and its snapshot are another's now. */
  readonly kill: AbortSignal;
  /** That this run alone uses. */
  readonly gpu: string | undefined;
}

/** @throws DataError with what the run said, or how its process ended */
function runInChild(
  request: Omit<ChildRequest, 'kind'>,
  { onProgress, onWarning, stop, kill, gpu }: ChildOptions,
): Promise<RunRecord> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...(gpu === undefined ? {} : { CUDA_VISIBLE_DEVICES: gpu }) };
    const child = fork(CHILD, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env });
    const say = (message: ParentMessage): void => void child.send(message);
    let patience: NodeJS.Timeout | undefined;
    const onKill = (): void => void child.kill('SIGKILL');
    const onStop = (): void => {
      if (child.connected) say({ kind: 'stop' });
      patience = setTimeout(onKill, 1000 * STOP_SECONDS);
    };
    stop?.addEventListener('abort', onStop);
    kill.addEventListener('abort', onKill);
    child.on('message', (message: ChildMessage) => {
      if (message.kind === 'progress') onProgress(message.done);
      else if (message.kind === 'warning') onWarning(message.text);
      else if (message.kind === 'record') resolve(message.record);
      else reject(new DataError(message.message));
    });
    child.on('error', reject);
    child.on('exit', (code, killed) => {
      stop?.removeEventListener('abort', onStop);
      clearTimeout(patience);
      reject(new DataError(`its process ended with ${killed ?? `exit code ${code}`} before it was done`));
    });
    say({ kind: 'run', ...request });
    if (stop?.aborted) onStop();
  });
}

/** How often a run that another makes is looked at. */
const LOOK_MILLISECONDS = 2000;

/** Waits, if so asked, until the claim is ours or the record is there. @returns undefined where it is not ours to make */
async function claimed(run: GridRun, options: GridOptions): Promise<Claim | undefined> {
  const { runs, lease, wait = false, signal, onEvent } = options;
  const { key } = run.identity;
  const folder = join(runs, 'unfinished');
  for (let told = false; !signal?.aborted; ) {
    const claim = await takeClaim(folder, key, lease);
    // A machine may remember for a while that a file was not there: not after it has written in that folder.
    await folderTime(runs);
    const isMade = await exists(join(runs, `${key}.json`));
    if (isMade) {
      if (claim.kind === 'ours') await claim.finish();
      onEvent?.({ kind: 'made', run });
      return undefined;
    }
    if (claim.kind === 'ours') return claim;
    if (!told) onEvent?.({ kind: 'held', run, by: claim.by });
    if (!wait) return undefined;
    told = true;
    await sleep(LOOK_MILLISECONDS);
  }
  return undefined;
}

/**
 * @returns how many runs failed
 * @throws UsageError for timed runs side by side
 * @param plan of {@link planGrid} @param options ledger, jobs, time
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 *
 * const specs = await experiments.expandGrid(await experiments.readGrid('grid.json'));
 * const plan = await experiments.planGrid(specs, 'ledger');
 * const failed = await experiments.runGrid(plan, { runs: 'ledger', jobs: 2, threads: 1 });
 * console.log(failed); // 0
 * ```
 */
export async function runGrid({ missing }: GridPlan, options: GridOptions): Promise<number> {
  const { runs, onEvent, signal, jobs = 1, maxMinutes = Number.POSITIVE_INFINITY } = options;
  const { threads, device, strict, timed = false } = options;
  if (timed && jobs > 1) throw new UsageError(`timed: runs are timed one at a time, not ${jobs}`);
  const end = performance.now() + maxMinutes * 60_000;
  const engine = { ...(threads === undefined ? {} : { threads }), ...(device ? { device } : {}) };
  let failures = 0;
  const make = async (run: GridRun, gpu: string | undefined): Promise<void> => {
    let claim: Claim | undefined;
    try {
      claim = await claimed(run, options);
      if (!claim) return;
      onEvent?.({ kind: 'start', run });
      const { spec, identity } = run;
      const snapshots = join(runs, 'unfinished', identity.key);
      const measured = await runInChild(
        { spec, options: { snapshots, strict, ...engine } },
        {
          onProgress: (done) => onEvent?.({ kind: 'progress', run, done }),
          onWarning: (text) => onEvent?.({ kind: 'warning', run, text }),
          ...{ stop: signal, kill: claim.lost, gpu },
        },
      );
      const record = ledgerRecord(measured, timed);
      if (!(await claim.holds())) throw new DataError(LOST);
      await writeRecord(runs, record);
      await removeSnapshot(snapshots);
      await claim.finish();
      onEvent?.({ kind: 'done', run, record });
    } catch (error) {
      await claim?.release();
      if (signal?.aborted) return;
      failures++;
      const message = claim?.lost.aborted ? LOST : (error as Error).message;
      onEvent?.({ kind: 'failed', run, message });
    }
  };
  const queue = missing.values();
  const gpus = device === undefined || device === 'cpu' ? [] : gpusOf(process.env);
  const work = async (_: unknown, worker: number): Promise<void> => {
    for (const run of queue) {
      if (signal?.aborted || performance.now() > end) return;
      await make(run, gpus[worker % gpus.length]);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return failures;
}

const LOST =
  'this process was not heard of for longer than a lease, and another has taken the run over; nothing is lost';
