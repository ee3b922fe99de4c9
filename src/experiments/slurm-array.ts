/**
 * An array as files: `<runs>/unfinished/slurm/<id>/` holds what was planned, a file per task that its node reads, the script, the logs, and
 * once Slurm has taken it the job's id.
 */

import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DEVICES } from '../engine/device.js';
import { DataError } from '../errors.js';
import { exists } from '../exists.js';
import { readJson } from '../json.js';
import { writeTextAtomically } from '../models/config-file.js';
import * as z from '../schema.js';
import { hostName } from './claim.js';
import { codeHash } from './code-hash.js';
import { changesBetween } from './identity.js';
import { identifier } from './ledger.js';
import type { GridRun } from './run-grid.js';
import { runLabel } from './run-label.js';
import { runSpecSchema } from './run-spec.js';
import { arrayScript, LOGS, slurmSchema } from './slurm-script.js';

const arraySchema = z.object({
  title: z.string(),
  /** Absolute path of the ledger. */
  runs: z.string(),
  /** Of the runs, in the order of the tasks. */
  keys: z.array(z.string()),
  slurm: slurmSchema,
  device: z.enum(DEVICES),
  strict: z.boolean(),
  lease: z.number().optional(),
  /** Of the program that planned it. */
  code: z.string(),
});

type ArraySettings = z.infer<typeof arraySchema>;

/** What an array is made of. */
export interface ArrayRequest extends Omit<ArraySettings, 'keys' | 'code'> {
  readonly tasks: readonly GridRun[];
  /** Program and arguments that make one run. */
  readonly command: readonly string[];
}

/** An array that Slurm was given. */
export interface StoredArray extends ArraySettings {
  readonly folder: string;
  /** Slurm's id. */
  readonly job: string;
}

const FILES = { plan: 'plan.json', job: 'job.json', script: 'array.sh', tasks: 'tasks' };
const jobSchema = z.object({ job: z.string() });
const taskSchema = z.object({
  key: z.string(),
  spec: runSpecSchema,
  /** What the key is the hash of, so that a node can say what differs there. */
  parts: z.record(z.string(), z.unknown()),
});

const home = (runs: string): string => join(resolve(runs), 'unfinished/slurm');

/** A folder for an array, not made yet. */
export const newArrayFolder = (runs: string): string => join(home(runs), randomUUID().slice(0, 8));

/** The script that {@link storeArray} writes. */
export const scriptOf = ({ title, tasks, command, slurm }: ArrayRequest, folder: string): string =>
  arrayScript({ title, tasks: tasks.length, folder, command }, slurm);

/**
 * Writes an array's files and hands its script in.
 * @param submit script -> Slurm's job id @returns the job id @throws as `submit` does; nothing is left then
 */
export async function storeArray(
  request: ArrayRequest,
  folder: string,
  submit: (script: string) => Promise<string>,
): Promise<string> {
  const { tasks, command: _command, ...settings } = request;
  const keys = tasks.map(({ identity }) => identity.key);
  const array: ArraySettings = { ...settings, keys, code: await codeHash() };
  try {
    await mkdir(join(folder, LOGS), { recursive: true });
    await mkdir(join(folder, FILES.tasks));
    await writeTextAtomically(join(folder, FILES.plan), JSON.stringify(array));
    await writeTextAtomically(join(folder, FILES.script), scriptOf(request, folder));
    for (const [i, { spec, identity }] of tasks.entries())
      await writeTextAtomically(taskPath(folder, i), JSON.stringify({ ...identity, spec }));
    const job = await submit(join(folder, FILES.script));
    await writeTextAtomically(join(folder, FILES.job), JSON.stringify({ job }));
    return job;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

const taskPath = (folder: string, task: number): string => join(folder, FILES.tasks, `${task}.json`);

async function read<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(await readJson(path));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new DataError(
    `${path}: ${issue?.path.join('.')}: ${issue?.message}; delete its folder, and plan the array again`,
  );
}

/** Every array that was handed in for a ledger, in the order of their job ids. */
export async function storedArrays(runs: string): Promise<StoredArray[]> {
  const names = await readdir(home(runs)).catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => {
      const folder = join(home(runs), name);
      // Between its first file and its job id an array is somebody's that is just handing it in.
      if (!(await exists(join(folder, FILES.job)))) return [];
      const { job } = await read(join(folder, FILES.job), jobSchema);
      return [{ ...(await read(join(folder, FILES.plan), arraySchema)), folder, job }];
    }),
  );
  return found.flat().sort((a, b) => Number(a.job) - Number(b.job));
}

/** A task as its node finds it. */
export interface ArrayTask extends Omit<ArraySettings, 'keys'> {
  readonly run: GridRun;
}

/**
 * What a task has to make, checked against what this node has.
 * @throws DataError of one line: the folder is not seen here, or this node has other code, weights, data ...
 */
export async function arrayTask(folder: string, task: number): Promise<ArrayTask> {
  const host = hostName();
  const path = taskPath(folder, task);
  if (!(await exists(path)))
    throw new DataError(
      `${host}: ${path} is not seen here: the ledger's folder is not shared with this node; give --runs on a file system that every node has`,
    );
  const [{ keys: _keys, ...array }, { key, spec, parts }] = await Promise.all([
    read(join(folder, FILES.plan), arraySchema),
    read(path, taskSchema),
  ]);
  const code = await codeHash();
  if (code !== array.code)
    throw new DataError(
      `${host}: ${runLabel(spec)}: this node's progtuning is other code (${code}) than planned the array (${array.code}); install and build the same on both`,
    );
  const identity = await identifier()(spec);
  if (identity.key !== key)
    throw new DataError(
      `${host}: ${runLabel(spec)}: this node has other ${changesBetween(parts, identity.parts)}; give every node the same files`,
    );
  return { ...array, run: { spec, identity } };
}

/** Written to the log when a task begins: a log that ends with it tells of a process that was killed. */
export const BEGUN = 'begun on';

const TAIL = 4096;

/** What a task's log says last, in words. */
export async function lastWords({ folder, job }: StoredArray, task: number): Promise<string> {
  const path = join(folder, LOGS, `${task}.log`);
  const file = await open(path).catch(() => undefined);
  if (!file)
    return `no log at ${path}: the task was cancelled before it began, or its node does not see that folder`;
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL), 0, TAIL, Math.max(0, size - TAIL));
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    const last = lines
      .map((text) => text.trim())
      .filter(Boolean)
      .at(-1);
    if (last === undefined) return `an empty log, ${path}; ask with scontrol show job ${job}_${task}`;
    return last.startsWith(BEGUN) ? `ended without a word; ${last}` : last.replace(/^progtuning: /, '');
  } finally {
    await file.close();
  }
}
