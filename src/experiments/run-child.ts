/** One run in a process of its own, so that its peak memory is its own and a crash takes nothing with it. Speaks over Node's IPC. */
import { DataError, UsageError } from '../errors.js';
import { type RunOptions, run } from './run.js';
import type { RunRecord } from './run-record.js';
import type { RunSpec } from './run-spec.js';

export interface ChildRequest {
  readonly spec: RunSpec;
  readonly options: Pick<RunOptions, 'threads' | 'device' | 'snapshots' | 'strict'>;
}

export type ChildMessage =
  /** Share of the run that is done, 0..1, by training examples. */
  | { readonly kind: 'progress'; readonly done: number }
  /** Something about the data that the user should know: one line. */
  | { readonly kind: 'warning'; readonly text: string }
  | { readonly kind: 'record'; readonly record: RunRecord }
  | { readonly kind: 'error'; readonly message: string };

const send = (message: ChildMessage): Promise<void> =>
  new Promise((resolve) => process.send?.(message, () => resolve()));

async function work({ spec, options }: ChildRequest): Promise<void> {
  let [total, examples, told] = [1, 0, 0];
  const onEvent: RunOptions['onEvent'] = (event) => {
    if (event.kind === 'warning') void send({ kind: 'warning', text: event.text });
    if (event.kind === 'loaded') total = event.totalExamples;
    if (event.kind === 'resumed') examples = event.examples;
    if (event.kind !== 'step') return;
    examples += event.record.examples;
    if (performance.now() - told < 500) return;
    told = performance.now();
    void send({ kind: 'progress', done: examples / total });
  };
  try {
    await send({ kind: 'record', record: await run(spec, { ...options, onEvent }) });
  } catch (error) {
    const known = error instanceof UsageError || error instanceof DataError;
    await send({ kind: 'error', message: known ? error.message : String((error as Error).stack) });
  }
  process.disconnect();
}

// Without its parent a run is of no use.
process.once('disconnect', () => process.exit());
process.once('message', (request: ChildRequest) => void work(request));
