/** A run that survives: snapshots while it trains, and a result that is whole or not there. */
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { writeTextAtomically } from '../models/config-file.js';
import { sizeOf } from '../models/parameters.js';
import { type FitPlan, type FitProgress, fit, fitProgressSchema, type StepRecord } from '../training/fit.js';
import type { Model } from '../training/model.js';
import { loadSnapshot, removeSnapshot, saveSnapshot } from '../training/resume.js';
import type { TrainingState } from '../training/state.js';
import { type Result, saveResult } from './adapted-model.js';
import type { RunIdentity } from './identity.js';
import type { RunOptions } from './run.js';
import { allResults, modelCard } from './run-card.js';
import type { RunRecord } from './run-record.js';
import { checkRoom, checkWritable, ownSnapshot, RUN_FILE, writeWhole } from './save-folder.js';

export const snapshotFolder = ({ snapshots, save }: RunOptions): string | undefined =>
  snapshots ?? (save === undefined ? undefined : join(save, 'unfinished'));

const BYTES = 4;

/** Bytes of a snapshot: each trained scalar with its two moments. */
function snapshotBytes({ trained }: TrainingState): number {
  const scalars = [...trained.values()].reduce((sum, { spec }) => sum + sizeOf(spec.shape), 0);
  return 3 * BYTES * scalars;
}

/**
 * What would end the run after its first epoch, before its first step.
 * @throws DataError for a folder that cannot be written to, is full, or holds the snapshot of another run
 */
export async function checkSnapshots(
  folder: string,
  identity: RunIdentity,
  state: TrainingState,
  { save, overwrite = false }: RunOptions,
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
  const snapshots = (own ? 1 : 2) * snapshotBytes(state);
  await checkRoom(folder, snapshots + (save === undefined ? 0 : result));
}

/** Trains; with a folder for snapshots, from the last whole epoch of an interrupted run of the same identity. */
export async function trainResumably(
  identity: RunIdentity,
  model: Model,
  state: TrainingState,
  plan: FitPlan,
  folder: string | undefined,
  options: RunOptions,
): Promise<FitProgress> {
  const onStep = (record: StepRecord): void => options.onEvent?.({ kind: 'step', record });
  if (folder === undefined) return fit(model, state, plan, options, { onStep });
  const former = await loadSnapshot(folder, identity.key, state, fitProgressSchema);
  if (former && former.secondsPerEpoch.length > 0) {
    const examples = former.steps.reduce((sum, step) => sum + step.examples, 0);
    options.onEvent?.({ kind: 'resumed', epochs: former.secondsPerEpoch.length, examples });
  }
  const onEpoch = (progress: FitProgress): Promise<void> =>
    saveSnapshot(folder, identity, progress.secondsPerEpoch.length, state, progress);
  return fit(model, state, plan, options, { onStep, onEpoch }, former);
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
