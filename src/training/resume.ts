/**
 * A snapshot of a run between two epochs, so that an interrupted run goes on with the same numbers, bit for bit. Dropout and order
 * depend on (seed, step) alone, so parameters, moments and step counts are all there is to keep.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeTextAtomically } from '../models/checkpoint.js';
import { type NamedTensor, readSafetensors, writeSafetensors } from '../models/safetensors.js';
import type { FitProgress } from './fit.js';
import type { TrainingState } from './state.js';

const stepSchema = z.object({
  step: z.number(),
  epoch: z.number(),
  stage: z.number(),
  examples: z.number(),
  loss: z.number(),
  learningRate: z.number(),
  gradientNorm: z.number(),
});

const snapshotSchema = z.object({
  /** Identifies the run: only the same spec may resume it. */
  key: z.string(),
  tensors: z.string(),
  optimiserSteps: z.record(z.string(), z.number()),
  steps: z.array(stepSchema),
  secondsPerEpoch: z.array(z.number()),
  updatedParameters: z.array(z.number()),
});

const MANIFEST = 'snapshot.json';

/** Writes tensors first, then the manifest that names them: a snapshot is whole or absent. */
export async function saveSnapshot(
  folder: string,
  key: string,
  state: TrainingState,
  progress: FitProgress,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const tensors = `epoch-${progress.secondsPerEpoch.length}.safetensors`;
  const entries: [string, NamedTensor][] = [];
  for (const [name, { spec, arrays }] of state.trained) {
    for (const part of ['p', 'm', 'v'] as const)
      entries.push([`${part} ${name}`, { shape: spec.shape, data: arrays[part] }]);
  }
  await writeSafetensors(join(folder, tensors), entries);
  const optimiserSteps = Object.fromEntries([...state.trained].map(([name, { steps }]) => [name, steps]));
  await writeTextAtomically(
    join(folder, MANIFEST),
    JSON.stringify({ key, tensors, optimiserSteps, ...progress }),
  );
  const former = `epoch-${progress.secondsPerEpoch.length - 1}.safetensors`;
  await rm(join(folder, former), { force: true });
}

/** Puts a run's snapshot back into `state`; undefined when there is none, or one of another run. */
export async function loadSnapshot(
  folder: string,
  key: string,
  state: TrainingState,
): Promise<FitProgress | undefined> {
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = snapshotSchema.safeParse(parseJson(text));
  if (!parsed.success || parsed.data.key !== key) return undefined;
  const tensors = await readSafetensors(join(folder, parsed.data.tensors));
  for (const [name, trained] of state.trained) {
    for (const part of ['p', 'm', 'v'] as const) {
      const stored = tensors.get(`${part} ${name}`);
      if (stored?.data.length !== trained.arrays[part].length) return undefined;
      trained.arrays[part].set(stored.data);
    }
    trained.steps = parsed.data.optimiserSteps[name] ?? 0;
  }
  const { steps, secondsPerEpoch, updatedParameters } = parsed.data;
  return { steps, secondsPerEpoch, updatedParameters };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const removeSnapshot = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });
