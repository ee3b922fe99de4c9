/** One run in a process of its own, so that its peak memory is its own and a crash takes nothing with it. Speaks over Node's IPC. */
import { DataError, UsageError } from '../errors.js';
import { type RunOptions, run } from './run.js';
import type { RunRecord } from './run-record.js';
import type { RunSpec } from './run-spec.js';

export interface ChildRequest {
  readonly kind: 'run';
  readonly spec: RunSpec;
  readonly options: Pick<RunOptions, 'threads' | 'device' | 'snapshots' | 'strict'>;
}

/** What a parent says: what to run, and later perhaps that it is to be left for another time. */
export type ParentMessage = ChildRequest | { readonly kind: 'stop' };

export type ChildMessage =
  /** Share of the run that is done, 0..1, by training examples. */
  | { readonly kind: 'progress'; readonly done: number }
  /** Something about the data that the user should know: one line. */
  | { readonly kind: 'warning'; readonly text: string }
  | { readonly kind: 'record'; readonly record: RunRecord }
  | { readonly kind: 'error'; readonly message: string };

const send = (message: ChildMessage): Promise<void> =>
  new Promise((resolve) => process.send?.(message, () => resolve()));

const stopping = new AbortController();
/** Between its first step and its last snapshot there is something to save. */
let training = false;

async function work({ spec, options }: ChildRequest): Promise<void> {
  let [total, examples, told, steps] = [1, 0, 0, 0];
  const onEvent: RunOptions['onEvent'] = (event) => {
    if (event.kind === 'warning') void send({ kind: 'warning', text: event.text });
    if (event.kind === 'loaded') [total, steps, training] = [event.totalExamples, event.totalSteps, true];
    if (event.kind === 'resumed') [examples, training] = [event.examples, event.steps < steps];
    if (event.kind === 'saved' && event.steps === steps) training = false;
    if (event.kind !== 'step') return;
    examples += event.record.examples;
    if (performance.now() - told < 500) return;
    told = performance.now();
    void send({ kind: 'progress', done: examples / total });
  };
  try {
    const record = await run(spec, { ...options, signal: stopping.signal, onEvent });
    await send({ kind: 'record', record });
  } catch (error) {
    const known = error instanceof UsageError || error instanceof DataError;
    await send({ kind: 'error', message: known ? error.message : String((error as Error).stack) });
  }
  process.disconnect();
}

function stop(): void {
  if (!training) process.exit();
  stopping.abort();
}

// Without its parent a run is of no use. The terminal and Slurm signal both: it is the parent that decides.
process.once('disconnect', () => process.exit());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGUSR2'] as const) process.on(signal, () => undefined);
process.on('message', (message: ParentMessage) => {
  if (message.kind === 'run') void work(message);
  else stop();
});
