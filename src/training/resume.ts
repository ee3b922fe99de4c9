/**
 * A snapshot of a run between two steps, so that an interrupted run goes on with the same numbers, bit for bit. Dropout and order
 * depend on (seed, step) alone, so parameters, moments and step counts are all there is to keep.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeTextAtomically } from '../models/config-file.js';
import { type NamedTensor, readSafetensors, writeSafetensors } from '../models/safetensors.js';
import type { TrainingState } from './state.js';

const manifestSchema = z.object({
  /** Identifies the run: only the same spec may resume it. */
  key: z.string(),
  tensors: z.string(),
  optimiserSteps: z.record(z.string(), z.number()),
  progress: z.unknown(),
});

const MANIFEST = 'snapshot.json';

/**
 * Writes tensors first, then the manifest that names them: a snapshot is whole or absent. The one before it is then removed.
 * @param at how far the run is: names the file @param progress what `loadSnapshot` gives back
 */
export async function saveSnapshot(
  folder: string,
  key: string,
  at: number,
  state: TrainingState,
  progress: unknown,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const tensors = `at-${at}.safetensors`;
  const entries: [string, NamedTensor][] = [];
  for (const [name, { spec, arrays }] of state.trained) {
    for (const part of ['p', 'm', 'v'] as const)
      entries.push([`${part} ${name}`, { shape: spec.shape, data: arrays[part] }]);
  }
  await writeSafetensors(join(folder, tensors), entries);
  const optimiserSteps = Object.fromEntries([...state.trained].map(([name, { steps }]) => [name, steps]));
  await writeTextAtomically(
    join(folder, MANIFEST),
    JSON.stringify({ key, tensors, optimiserSteps, progress }),
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
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const manifest = manifestSchema.safeParse(parseJson(text)).data;
  const progress = progressSchema.safeParse(manifest?.progress).data;
  if (manifest?.key !== key || progress === undefined) return undefined;
  const tensors = await readSafetensors(join(folder, manifest.tensors));
  for (const [name, trained] of state.trained) {
    for (const part of ['p', 'm', 'v'] as const) {
      const stored = tensors.get(`${part} ${name}`);
      if (stored?.data.length !== trained.arrays[part].length) return undefined;
      trained.arrays[part].set(stored.data);
    }
    trained.steps = manifest.optimiserSteps[name] ?? 0;
  }
  return progress;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const removeSnapshot = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });
