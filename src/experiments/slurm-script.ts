/** A grid as one Slurm job array: what is asked of Slurm, and the text of the script that `sbatch` gets. */

import { UsageError } from '../errors.js';
import * as z from '../schema.js';

/** What stands in a line of the script must not begin another. */
const word = z
  .string()
  .regex(/^[\w.@:,+=[\]&|*-]+$/, 'letters, digits and . , : @ + - = [ ] & | * are taken');
const line = z.string().regex(/^[^\r\n\0]+$/, 'a line of the script, without a line end');

export const slurmSchema = z
  .object({
    partition: word.optional(),
    account: word.optional(),
    qos: word.optional(),
    /** Of nodes, e.g. a kind of processor: on another kind the same run gives other last digits. */
    constraint: word.optional(),
    /** Of a run: Slurm's own forms, `30` (minutes), `2:00:00`, `1-12:00:00`. */
    time: z
      .string()
      .regex(
        /^(\d+-\d{1,2}(:\d{1,2}){0,2}|\d+(:\d{1,2}){0,2})$/,
        'Slurm takes 30 (minutes), 2:00:00, 1-12:00:00',
      )
      .optional(),
    /** Of a run: `4G`. */
    memory: z
      .string()
      .regex(/^\d+[KMGT]?$/, 'Slurm takes 500M, 4G')
      .optional(),
    /** Of a run, and the threads of its matrix products. */
    cores: z.number().int().positive().default(1),
    /** Of a run; given with a device. */
    gpus: z.number().int().positive().optional(),
    /** Runs at the same time. */
    limit: z.number().int().positive().optional(),
    /** Lines of shell before the run: `module load nodejs`, `export HF_HOME=/scratch/hf`. */
    environment: z.array(line).default([]),
  })
  .strict();

/**
 * What a grid asks of Slurm for each of its runs.
 *
 * @interface
 */
export type SlurmSettings = z.infer<typeof slurmSchema>;

/** The settings of a grid's file with those of the command line over them. @throws UsageError that names the field */
export function slurmSettings(ofGrid: object, given: object): SlurmSettings {
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const parsed = slurmSchema.safeParse({ ...ofGrid, ...set });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new UsageError(`slurm: ${issue?.path.join('.')}: ${issue?.message}`);
}

/** Seconds of Slurm's `time`. */
export function secondsOf(time: string): number {
  const [days, rest] = time.includes('-') ? (time.split('-') as [string, string]) : [undefined, time];
  const parts = rest.split(':').map(Number);
  const [a = 0, b = 0, c = 0] = parts;
  if (days !== undefined) return 86_400 * Number(days) + 3600 * a + 60 * b + c;
  if (parts.length === 1) return 60 * a;
  return parts.length === 2 ? 60 * a + b : 3600 * a + 60 * b + c;
}

/** Seconds before the time limit at which a run is told to save itself: at most two minutes, at most a quarter of its time. */
const warning = (time: string | undefined): number =>
  Math.max(1, Math.min(120, time === undefined ? 120 : Math.floor(secondsOf(time) / 4)));

/** In single quotes, so that a shell takes it as it is. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** In a line of `#SBATCH`: in double quotes, and `%` is no pattern there. @throws UsageError for what cannot stand there */
function quotedPath(path: string): string {
  if (/["\\\r\n$`]/.test(path))
    throw new UsageError(
      `${path}: sbatch takes no path with a quote, a backslash, a $ or a line end; give another --runs`,
    );
  return `"${path.replaceAll('%', '%%')}"`;
}

/** What a script is made of besides the settings. */
export interface ArrayPlan {
  /** Shown by `squeue`. */
  readonly title: string;
  /** Runs of the array: tasks 0 to `tasks - 1`. */
  readonly tasks: number;
  /** Absolute path of the array's folder, which every node sees. */
  readonly folder: string;
  /** Program and arguments that make one run; the folder and `--task <n>` are added. */
  readonly command: readonly string[];
}

/** Folder of an array -> where the log of its task `%a` goes. */
export const LOGS = 'logs';

/**
 * The script of an array, each task of which makes one record. `--requeue`: a task whose node fails is begun anew, and goes on from its
 * snapshot. `--signal`: shortly before its time is up a run saves itself, and puts itself in the queue again.
 */
export function arrayScript({ title, tasks, folder, command }: ArrayPlan, slurm: SlurmSettings): string {
  const { partition, account, qos, constraint, time, memory, cores, gpus, limit, environment } = slurm;
  const asked: readonly (readonly [name: string, value: string | number | undefined])[] = [
    ['job-name', title.replace(/[^\w.-]+/g, '-').slice(0, 40)],
    ['array', `0-${tasks - 1}${limit === undefined ? '' : `%${limit}`}`],
    ['output', `${quotedPath(folder).slice(0, -1)}/${LOGS}/%a.log"`],
    ['open-mode', 'append'],
    ['nodes', 1],
    ['ntasks', 1],
    ['cpus-per-task', cores],
    ['mem', memory],
    ['gpus', gpus],
    ['time', time],
    ['partition', partition],
    ['account', account],
    ['qos', qos],
    ['constraint', constraint && `"${constraint}"`],
    ['signal', `B:USR2@${warning(time)}`],
  ];
  const lines = asked.flatMap(([name, value]) => (value === undefined ? [] : [`#SBATCH --${name}=${value}`]));
  return [
    '#!/bin/bash',
    ...lines,
    '#SBATCH --requeue',
    ...environment,
    // The run takes the shell's place, and so its signals.
    `exec ${[...command, folder].map(quoted).join(' ')} --task "$SLURM_ARRAY_TASK_ID"`,
    '',
  ].join('\n');
}
