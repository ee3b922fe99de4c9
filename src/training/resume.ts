/**
 * A snapshot of a run between two steps, so that an interrupted run goes on with the same numbers, bit for bit. Dropout and order
 * depend on (seed, step) alone, so parameters, moments and step counts are all there is to keep.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { exists } from '../exists.js';
import { parseJson } from '../json.js';
import { writeTextAtomically } from '../models/config-file.js';
import { type NamedTensor, readSafetensors, writeSafetensors } from '../models/safetensors.js';
import * as z from '../schema.js';
import type { TrainingState } from './state.js';

const manifestSchema = z.object({
  /** Identifies the run: only the same may resume it. */
  key: z.string(),
  /** What `key` is the hash of, so that a refusal can name what changed. */
  parts: z.record(z.string(), z.unknown()).default({}),
  tensors: z.string(),
  optimiserSteps: z.record(z.string(), z.number()),
  progress: z.unknown(),
});

const MANIFEST = 'snapshot.json';

/** Of AdamW. What trains no more has none. */
const MOMENTS = ['m', 'v'] as const;
/** A value at the best evaluation so far. */
const bestName = (name: string): string => `best ${name}`;

export interface SnapshotIdentity {
  readonly key: string;
  /** What `key` is the hash of, as plain JSON. */
  readonly parts: object;
}

async function readManifest(folder: string): Promise<z.infer<typeof manifestSchema> | undefined> {
  const path = join(folder, MANIFEST);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const manifest = manifestSchema.safeParse(parseJson(text, path)).data;
  if (!manifest) throw new DataError(`${path}: not a snapshot; delete the folder to begin anew`);
  return manifest;
}

/** Whose snapshot lies in a folder; undefined where there is none. @throws DataError for a damaged one */
export const snapshotIdentity = (folder: string): Promise<SnapshotIdentity | undefined> =>
  readManifest(folder);

/**
 * Writes tensors first, then the manifest that names them: a snapshot is whole or absent. The one before it is then removed.
 * @param at how far the run is: names the file @param progress what `loadSnapshot` gives back
 * @throws DataError where it cannot be written; the one before it is then still there
 */
export async function saveSnapshot(
  folder: string,
  identity: SnapshotIdentity,
  at: number,
  state: TrainingState,
  progress: unknown,
): Promise<void> {
  const former = await readManifest(folder);
  try {
    await writeSnapshot(folder, identity, at, state, progress);
  } catch (cause) {
    const tensors = tensorsAt(at);
    if (former?.tensors !== tensors) await rm(join(folder, tensors), { force: true });
    const kept = former
      ? 'the snapshot before it is kept: make room and give the command again'
      : 'make room';
    throw new DataError(`${(cause as Error).message}; ${kept}`, { cause });
  }
}

const tensorsAt = (at: number): string => `at-${at}.safetensors`;

async function writeSnapshot(
  folder: string,
  { key, parts }: SnapshotIdentity,
  at: number,
  state: TrainingState,
  progress: unknown,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const tensors = tensorsAt(at);
  const entries: [string, NamedTensor][] = [];
  for (const { name, shape } of state.everTrained)
    entries.push([`p ${name}`, { shape, data: state.parameters.get(name) as Float32Array }]);
  for (const [name, { spec, arrays }] of state.trained) {
    for (const part of MOMENTS) entries.push([`${part} ${name}`, { shape: spec.shape, data: arrays[part] }]);
  }
  for (const { name, shape } of state.best ? state.everTrained : [])
    entries.push([bestName(name), { shape, data: state.best?.get(name) as Float32Array }]);
  await writeSafetensors(join(folder, tensors), entries);
  const optimiserSteps = Object.fromEntries([...state.trained].map(([name, { steps }]) => [name, steps]));
  await writeTextAtomically(
    join(folder, MANIFEST),
    JSON.stringify({ key, parts, tensors, optimiserSteps, progress }),
  );
  for (const name of await readdir(folder)) {
    if (name.endsWith('.safetensors') && name !== tensors) await rm(join(folder, name), { force: true });
  }
}

/**
 * Puts a run's snapshot back into `state`.
 * @param progressSchema of what was saved as `progress` @returns it; undefined when there is no snapshot, or one of another run
 */
export async function loadSnapshot<P>(
  folder: string,
  key: string,
  state: TrainingState,
  progressSchema: z.ZodType<P>,
): Promise<P | undefined> {
  const manifest = await readManifest(folder);
  const progress = progressSchema.safeParse(manifest?.progress).data;
  if (manifest?.key !== key || progress === undefined) return undefined;
  const path = join(folder, manifest.tensors);
  // Two that wrote at once, as one does that was away for longer than its claim held, may have removed each other's.
  if (!(await exists(path))) return undefined;
  const tensors = await readSafetensors(path);
  for (const [name, trained] of state.trained) {
    const steps = manifest.optimiserSteps[name];
    for (const part of steps === undefined ? (['p'] as const) : (['p', ...MOMENTS] as const)) {
      const stored = tensors.get(`${part} ${name}`);
      if (stored?.data.length !== trained.arrays[part].length) return undefined;
      trained.arrays[part].set(stored.data);
    }
    trained.steps = steps ?? 0;
  }
  const best = new Map<string, Float32Array>();
  for (const { name } of state.everTrained) {
    const stored = tensors.get(bestName(name));
    if (stored) best.set(name, stored.data as Float32Array);
  }
  if (best.size > 0) state.keepBest(best);
  return progress;
}

export const removeSnapshot = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });
