/** Where each run of a grid stands: in the ledger, in somebody's hands, in Slurm's queue, or nowhere. */
import { join } from 'node:path';
import { claimedKeys, holder } from './claim.js';
import type { GridPlan, GridRun } from './run-grid.js';
import { lastWords, type StoredArray } from './slurm-array.js';
import type { QueuedTask } from './slurm-queue.js';

export const STATES = ['done', 'running', 'waiting', 'failed', 'missing'] as const;

/** `failed`: a task of an array has ended, and there is no record. `missing`: it was never handed in. */
export type RunState = (typeof STATES)[number];

export interface RunStatus {
  readonly run: GridRun;
  readonly state: RunState;
  /** Where it runs, why it waits, or what it said last. */
  readonly note?: string;
  /** Its task in the queue. */
  readonly queued?: QueuedTask;
}

interface Task {
  readonly array: StoredArray;
  readonly task: number;
}

/** The latest array that has a run is the one that counts. */
function tasksByKey(arrays: readonly StoredArray[]): ReadonlyMap<string, Task> {
  return new Map(arrays.flatMap((array) => array.keys.map((key, task) => [key, { array, task }] as const)));
}

const WAITS = /^(PENDING|REQUEUE|SPECIAL_EXIT|RESV)/;

/** @param queue what Slurm has of the arrays @param lease seconds after which a claim that was not renewed is dead */
export async function statusOf(
  { all, missing }: GridPlan,
  runs: string,
  arrays: readonly StoredArray[],
  queue: readonly QueuedTask[],
  lease?: number,
): Promise<RunStatus[]> {
  const unfinished = join(runs, 'unfinished');
  const open = new Set(missing);
  const tasks = tasksByKey(arrays);
  const claimed = new Set(await claimedKeys(unfinished));
  const inQueue = new Map(queue.map((entry) => [`${entry.job} ${entry.task}`, entry]));
  const one = async (run: GridRun): Promise<RunStatus> => {
    if (!open.has(run)) return { run, state: 'done' };
    const { key } = run.identity;
    const task = tasks.get(key);
    const queued = task && inQueue.get(`${task.array.job} ${task.task}`);
    if (queued)
      return { run, state: WAITS.test(queued.state) ? 'waiting' : 'running', note: queued.place, queued };
    const by = claimed.has(key) ? await holder(unfinished, key, lease) : undefined;
    if (by?.alive) return { run, state: 'running', note: by.name };
    if (!task) return { run, state: 'missing' };
    return { run, state: 'failed', note: await lastWords(task.array, task.task) };
  };
  return Promise.all(all.map(one));
}
