/** A grid of runs as a file: axes whose product is run, what all share, and what one value of an axis changes. */
import { join } from 'node:path';
import { resolveModel } from '../datasets/source.js';
import { DataError, UsageError } from '../errors.js';
import { exists } from '../exists.js';
import { readJson } from '../json.js';
import { PRESETS } from '../models/config.js';
import { readConfig } from '../models/config-file.js';
import * as z from '../schema.js';
import {
  canonicalJson,
  type RunRequest,
  type RunSpec,
  runSpec,
  runSpecSchema,
  SQUAD_VERSIONS,
} from './run-spec.js';
import { slurmSchema } from './slurm-script.js';

/** Any part of a run's settings but what the axes say. */
const settingsSchema = runSpecSchema.omit({ task: true, schedule: true, seed: true }).partial().strict();

const scheduleSchema = z
  .object({
    kind: z.enum(['full', 'progressive', 'growing', 'random', 'only-block']),
    embeddings: z.enum(['always', 'first-stage', 'never']).optional(),
    stages: z.number().int().positive().optional(),
    block: z.number().int().nonnegative().optional(),
  })
  .strict();

const gridSchema = z
  .object({
    title: z.string(),
    /** Its runs are made to be timed: one at a time. */
    timed: z.boolean().default(false),
    /** What every run has: `model`, `data`, `epochs` ... */
    shared: settingsSchema,
    /** Task -> what differs for it. */
    tasks: z.record(z.string(), settingsSchema),
    /** A name of one's own -> `method` and what differs with it. */
    methods: z.record(z.string(), settingsSchema),
    schedules: z.array(scheduleSchema).nonempty(),
    /** Further settings to try, e.g. learning-rate schedules. */
    variants: z.array(settingsSchema).nonempty().default([{}]),
    seeds: z.array(z.number().int().nonnegative()).nonempty(),
    /** What its runs ask of a cluster: partition, time, memory ... */
    slurm: slurmSchema.partial().optional(),
  })
  .strict();

/**
 * A grid as its JSON file holds it: axes whose product is run, what all share, and what one value of an axis changes.
 *
 * @interface
 */
export type Grid = z.infer<typeof gridSchema>;

/**
 * Reads a grid's JSON file. @throws DataError that names the field
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 * import { writeFile } from 'node:fs/promises';
 *
 * const settings = { method: { kind: 'full' }, batchSize: 16, maxTrainExamples: 32, maxEvalExamples: 32, maxLength: 32 };
 * await writeFile('grid.json', JSON.stringify({
 *   title: 'two seeds',
 *   shared: { model: 'models/tiny', data: 'embedded', epochs: 1 },
 *   tasks: { sst2: {} },
 *   methods: { full: settings },
 *   schedules: [{ kind: 'full' }],
 *   seeds: [1, 2],
 * }));
 * console.log((await experiments.readGrid('grid.json')).variants.length); // 1
 * ```
 */
export async function readGrid(path: string): Promise<Grid> {
  const value = await readJson(path);
  const parsed = gridSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new DataError(`${path}: ${issue?.path.join('.')}: ${issue?.message}`);
}

/** Model and data instead of the grid's own. */
export interface GridOverrides {
  readonly model?: string | undefined;
  /** A folder with the tasks' folders, or one that holds `glue/` and `squad/`; `embedded`; `hub`. */
  readonly data?: string | undefined;
}

/** The folder of a task's files: inside `data`, the one that the grid names, else `glue` or `squad`; else `data` itself. */
export async function dataOf(data: string, task: string, named: string | undefined): Promise<string> {
  for (const name of [named, SQUAD_VERSIONS.has(task) ? 'squad' : 'glue']) {
    if (name !== undefined && (await exists(join(data, name)))) return join(data, name);
  }
  return data;
}

/** LoRA and adapters leave the embeddings frozen, so their readings are one run. */
const readsEmbeddings = ({ method }: RunSpec): boolean => method.kind === 'full' || method.kind === 'bitfit';

type ScheduleRequest = Grid['schedules'][number];

/** A grid that goes through the blocks goes through those of the model at hand, however many it has. */
async function eachBlock(schedules: readonly ScheduleRequest[], model: string): Promise<ScheduleRequest[]> {
  const [first, ...more] = schedules.filter(({ kind }) => kind === 'only-block');
  if (!first || more.length === 0) return [...schedules];
  const { numHiddenLayers } = PRESETS[model] ?? (await readConfig(await resolveModel(model)));
  const blocks = Array.from({ length: numHiddenLayers }, (_, block) => ({ ...first, block }));
  return [...blocks, ...schedules.filter(({ kind }) => kind !== 'only-block')];
}

/**
 * The runs of a grid, seed by seed, so that a grid that is cut short has whole seeds. @throws UsageError that names the run
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 *
 * const grid = await experiments.readGrid('grid.json');
 * const specs = await experiments.expandGrid(grid, { model: 'models/tiny' });
 * console.log(specs.length); // 2
 * ```
 */
export async function expandGrid(grid: Grid, overrides: GridOverrides = {}): Promise<RunSpec[]> {
  const specs = new Map<string, RunSpec>();
  const { model: other } = overrides;
  const schedules = other === undefined ? grid.schedules : await eachBlock(grid.schedules, other);
  for (const seed of grid.seeds)
    for (const [task, ofTask] of Object.entries(grid.tasks))
      for (const [label, ofMethod] of Object.entries(grid.methods))
        for (const variant of grid.variants)
          for (const schedule of schedules) {
            const settings = { ...grid.shared, ...ofTask, ...ofMethod, ...variant };
            const model = overrides.model ?? settings.model;
            const data = overrides.data ? await dataOf(overrides.data, task, settings.data) : settings.data;
            if (model === undefined || data === undefined)
              throw new UsageError(`grid: ${task}, ${label}: no ${model === undefined ? 'model' : 'data'}`);
            const drawn = schedule.kind === 'random' ? { seed } : {};
            const request = { ...settings, task, seed, model, data, schedule: { ...schedule, ...drawn } };
            const spec = withoutReading(runSpec(request as RunRequest));
            specs.set(canonicalJson(spec), spec);
          }
  return [...specs.values()];
}

const withoutReading = (spec: RunSpec): RunSpec =>
  readsEmbeddings(spec) ? spec : { ...spec, schedule: { ...spec.schedule, embeddings: 'always' } };
