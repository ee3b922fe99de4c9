/** A run that survives: snapshots while it trains, and a result that is whole or not there. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, UsageError } from '../errors.js';
import { writeTextAtomically } from '../models/config-file.js';
import { sizeOf } from '../models/parameters.js';
import { type FitProgress, fitProgressSchema } from '../training/fit.js';
import type { FitPlan } from '../training/fit-plan.js';
import { loadSnapshot, removeSnapshot } from '../training/resume.js';
import type { TrainingState } from '../training/state.js';
import { type Result, saveResult } from './adapted-model.js';
import type { RunIdentity } from './identity.js';
import { trainerState } from './log-history.js';
import type { RunOptions } from './run.js';
import { allResults, modelCard } from './run-card.js';
import type { RunRecord } from './run-record.js';
import type { RunSpec } from './run-spec.js';
import { checkRoom, checkWritable, ownSnapshot, RUN_FILE, writeWhole } from './save-folder.js';

export const SAVE_STRATEGIES = ['epoch', 'steps', 'no'] as const;
export type SaveStrategy = (typeof SAVE_STRATEGIES)[number];

/** Undefined: no snapshots are taken. @throws UsageError for steps without a strategy for them, or the reverse */
export function snapshotFolder({
  snapshots,
  save,
  saveStrategy,
  saveSteps,
  saveTotalLimit,
}: RunOptions): string | undefined {
  if (saveSteps !== undefined && saveStrategy !== undefined && saveStrategy !== 'steps')
    throw new UsageError(`--save-steps goes with --save-strategy steps, not with ${saveStrategy}`);
  if (saveSteps === undefined && saveStrategy === 'steps')
    throw new UsageError('--save-strategy steps: after how many? Give --save-steps');
  if (saveTotalLimit !== undefined && (save === undefined || saveStrategy === 'no'))
    throw new UsageError('--save-total-limit goes with --save, and not with --save-strategy no');
  if (saveStrategy === 'no') return undefined;
  return snapshots ?? (save === undefined ? undefined : join(save, 'unfinished'));
}

const BYTES = 4;

/** Bytes of a snapshot: each trained scalar with its two moments, and its best value where that is kept. */
function snapshotBytes({ trained }: TrainingState, keepsBest: boolean): number {
  const scalars = [...trained.values()].reduce((sum, { spec }) => sum + sizeOf(spec.shape), 0);
  return (keepsBest ? 4 : 3) * BYTES * scalars;
}

/**
 * What would end the run after its first epoch, before its first step.
 * @throws DataError for a folder that cannot be written to, is full, or holds the snapshot of another run
 */
async function checkSnapshots(
  folder: string,
  identity: RunIdentity,
  state: TrainingState,
  { save, overwrite = false, saveTotalLimit }: RunOptions,
  keepsBest: boolean,
): Promise<void> {
  let own = false;
  try {
    own = await ownSnapshot(folder, identity);
  } catch (error) {
    if (!overwrite) throw error;
    await removeSnapshot(folder);
  }
  await checkWritable(folder);
  const result = [...state.parameters.values()].reduce((sum, values) => sum + values.byteLength, 0);
  // A new snapshot is whole before the former one goes.
  const snapshots = (own ? 1 : 2) * snapshotBytes(state, keepsBest);
  // Kept models, with the best one and the one that is being written.
  const models = 1 + (saveTotalLimit === undefined ? 0 : saveTotalLimit + 2);
  await checkRoom(folder, snapshots + (save === undefined ? 0 : models * result));
}

/** What the snapshot of this very run holds, put back into `state`; undefined without one. @throws as {@link checkSnapshots} */
export async function checkedProgress(
  folder: string | undefined,
  identity: RunIdentity,
  state: TrainingState,
  { selection }: FitPlan,
  options: RunOptions,
): Promise<FitProgress | undefined> {
  if (folder === undefined) return undefined;
  await checkSnapshots(folder, identity, state, options, selection?.loadBest ?? false);
  return loadSnapshot(folder, identity.key, state, fitProgressSchema);
}

/** When snapshots are due: after each epoch unless so many steps are asked for, and when the run is to end. */
export const savesAt =
  ({ saveSteps, signal }: RunOptions, stepsPerEpoch: number): ((steps: number) => boolean) =>
  (steps) =>
    signal?.aborted === true || steps % (saveSteps ?? stepsPerEpoch) === 0;

const CHECKPOINT = /^checkpoint-(\d+)$/;

/** Writes `checkpoint-<steps>`, whole or not at all, and removes the oldest of this run but the best. */
export async function keepCheckpoint(
  save: string,
  limit: number,
  spec: RunSpec,
  at: { readonly steps: number; readonly best: number | undefined },
  result: Omit<Result, 'files'>,
): Promise<string> {
  const folder = join(save, `checkpoint-${at.steps}`);
  await writeWhole(folder, (staging) => saveResult(spec, staging, { ...result, files: {} }));
  const kept = (await readdir(save))
    .flatMap((name) => CHECKPOINT.exec(name)?.[1] ?? [])
    .map(Number)
    .filter((steps) => steps <= at.steps)
    .sort((a, b) => b - a);
  for (const steps of kept.slice(limit))
    if (steps !== at.best) await rm(join(save, `checkpoint-${steps}`), { recursive: true });
  return folder;
}

/** Writes result and record, then lets the snapshot go. @throws DataError where it cannot; the snapshot is then kept */
export async function saveRun(
  save: string,
  record: RunRecord,
  result: Result,
  snapshots: string | undefined,
): Promise<void> {
  try {
    await writeWhole(save, async (staging) => {
      await saveResult(record.spec, staging, result);
      await writeTextAtomically(join(staging, 'README.md'), modelCard(record));
      const results = JSON.stringify(allResults(record), null, 4);
      await writeTextAtomically(join(staging, 'all_results.json'), `${results}\n`);
      const state = JSON.stringify(trainerState(record), null, 1);
      await writeTextAtomically(join(staging, 'trainer_state.json'), `${state}\n`);
      await writeTextAtomically(join(staging, RUN_FILE), `${JSON.stringify(record)}\n`);
    });
  } catch (cause) {
    const kept =
      snapshots && `; nothing is lost: ${snapshots} holds the trained state, give the command again`;
    throw new DataError(`${save}: the result could not be saved: ${(cause as Error).message}${kept ?? ''}`, {
      cause,
    });
  }
  if (snapshots === join(save, 'unfinished')) await removeSnapshot(snapshots);
}
