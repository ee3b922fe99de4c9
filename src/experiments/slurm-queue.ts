/** Slurm's own commands, as they are called and as they answer. */
import { execFile } from 'node:child_process';
import { DataError, UsageError } from '../errors.js';

const ABSENT =
  'is not on the path: give this command where the cluster takes jobs (its login node), or look at the script with --dry-run';

/** What Slurm says, and what helps. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/account/i, 'ask with `sacctmgr show assoc user=$USER` which you have, and give --account'],
  [/partition/i, 'ask with `sinfo` which there are, and give --partition'],
  [/array specification/i, 'the cluster takes no array so long; take parts of the grid with --only'],
  [/qos/i, 'give another qos in the slurm object of the grid, or none'],
  [
    /node configuration|memory specification|cpu count/i,
    'no node has as much: lower --cores, --memory or --gpus',
  ],
  [/time limit/i, 'the partition allows less: lower --time'],
];

/** @throws UsageError where the command is not there, DataError with its last line where it refuses */
function call(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 2 ** 28 }, (error, stdout, stderr) => {
      if (!error) resolve(stdout);
      else if (error.code === 'ENOENT') reject(new UsageError(`${command} ${ABSENT}`));
      else reject(new DataError(refusal(command, stderr, error.message)));
    });
  });
}

function refusal(command: string, stderr: string, message: string): string {
  const lines = stderr.split('\n').flatMap((text) => text.replace(/^\w+: (error: )?/, '').trim() || []);
  const said = lines.at(-1) ?? message.split('\n')[0] ?? '';
  const remedy = REMEDIES.find(([pattern]) => pattern.test(said))?.[1];
  return `${command}: ${said}${remedy ? `; ${remedy}` : ''}`;
}

/** Hands a script in. @returns the array's job id */
export async function submit(script: string): Promise<string> {
  const [id] = (await call('sbatch', ['--parsable', script])).trim().split(';');
  if (!id || !/^\d+$/.test(id)) throw new DataError(`sbatch: answered '${id}' instead of a job id`);
  return id;
}

/** A task of an array that Slurm knows of. */
export interface QueuedTask {
  readonly job: string;
  readonly task: number;
  /** `PENDING`, `RUNNING`, `COMPLETING`, `REQUEUED` ... */
  readonly state: string;
  /** Where it runs; for a pending one why it does not: `(Priority)`. */
  readonly place: string;
}

/** Lines of {@link FORMAT}. */
export function queuedTasks(text: string): QueuedTask[] {
  return text.split('\n').flatMap((line) => {
    const [job, task, state, place] = line.split('|');
    return job && task && /^\d+$/.test(task)
      ? [{ job, task: Number(task), state: state ?? '', place: place ?? '' }]
      : [];
  });
}

const FORMAT = '%F|%K|%T|%R';

/** What of the arrays waits or runs. */
export async function queue(): Promise<QueuedTask[]> {
  return queuedTasks(await call('squeue', ['--me', '--noheader', '--array', `--format=${FORMAT}`]));
}

export async function cancel(job: string, tasks: readonly number[]): Promise<void> {
  await call('scancel', [`${job}_[${tasks.join(',')}]`]);
}

/** Slurm's names of a task's own job. */
export interface OwnJob {
  readonly array: string;
  readonly task: string;
}

/** Undefined outside of an array. */
export function ownJob({
  SLURM_ARRAY_JOB_ID: array,
  SLURM_ARRAY_TASK_ID: task,
}: NodeJS.ProcessEnv): OwnJob | undefined {
  return array && task ? { array, task } : undefined;
}

/** Whether it is for the task to queue again: one that is cancelled, or that Slurm itself puts back, is already `COMPLETING`. */
export async function isRunning({ array, task }: OwnJob): Promise<boolean> {
  const text = await call('scontrol', ['show', 'job', `${array}_${task}`, '--oneliner']);
  return /\bJobState=RUNNING\b/.test(text);
}

/** Puts a task in the queue again. */
export async function requeue({ array, task }: OwnJob): Promise<void> {
  await call('scontrol', ['requeue', `${array}_${task}`]);
}
