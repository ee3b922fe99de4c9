/** Runs what is missing of a grid, each run in a process of its own. It can be stopped at any moment without loss. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataError, UsageError } from '../errors.js';
import { removeSnapshot } from '../training/resume.js';
import type { RunIdentity } from './identity.js';
import { identifier, type LedgerRecord, ledgerRecord, readLedger, writeRecord } from './ledger.js';
import type { RunOptions } from './run.js';
import type { ChildMessage, ChildRequest } from './run-child.js';
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
  | { readonly kind: 'failed'; readonly run: GridRun; readonly message: string };

/** Where records are kept, and how runs share the machine. */
export interface GridOptions extends Pick<RunOptions, 'threads' | 'device' | 'strict'> {
  /** Folder of the ledger; unfinished runs lie in its `unfinished`, which is not committed. */
  readonly runs: string;
  /** Called while the grid lasts. */
  readonly onEvent?: (event: GridEvent) => void;
  /** Ends the run in hand, which goes on from its last whole epoch next time. */
  readonly signal?: AbortSignal;
  /** Runs at the same time (1). Small models are faster side by side on a thread each than one after the other on several. */
  readonly jobs?: number | undefined;
  /** The caller knows that nothing else runs on this machine: the records' seconds and bytes count. One run at a time. */
  readonly timed?: boolean | undefined;
  /** No run begins after this many minutes. */
  readonly maxMinutes?: number | undefined;
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

const CHILD = fileURLToPath(new URL('./run-child.js', import.meta.url));

/** @throws DataError with what the run said, or how its process ended */
function runInChild(
  request: ChildRequest,
  on: { readonly progress: (done: number) => void; readonly warning: (text: string) => void },
  signal: AbortSignal | undefined,
): Promise<RunRecord> {
  return new Promise((resolve, reject) => {
    const child = fork(CHILD, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const stop = (): void => void child.kill();
    signal?.addEventListener('abort', stop);
    child.on('message', (message: ChildMessage) => {
      if (message.kind === 'progress') on.progress(message.done);
      else if (message.kind === 'warning') on.warning(message.text);
      else if (message.kind === 'record') resolve(message.record);
      else reject(new DataError(message.message));
    });
    child.on('error', reject);
    child.on('exit', (code, killed) => {
      signal?.removeEventListener('abort', stop);
      reject(new DataError(`its process ended with ${killed ?? `exit code ${code}`} before it was done`));
    });
    child.send(request);
  });
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
  const make = async (run: GridRun): Promise<void> => {
    onEvent?.({ kind: 'start', run });
    const { spec, identity } = run;
    const snapshots = join(runs, 'unfinished', identity.key);
    try {
      const measured = await runInChild(
        { spec, options: { snapshots, strict, ...engine } },
        {
          progress: (done) => onEvent?.({ kind: 'progress', run, done }),
          warning: (text) => onEvent?.({ kind: 'warning', run, text }),
        },
        signal,
      );
      const record = ledgerRecord(measured, timed);
      await writeRecord(runs, record);
      await removeSnapshot(snapshots);
      onEvent?.({ kind: 'done', run, record });
    } catch (error) {
      if (signal?.aborted) return;
      failures++;
      onEvent?.({ kind: 'failed', run, message: (error as Error).message });
    }
  };
  const queue = missing.values();
  const work = async (): Promise<void> => {
    for (const run of queue) {
      if (signal?.aborted || performance.now() > end) return;
      await make(run);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return failures;
}
