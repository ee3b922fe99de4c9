/** Before the first step: the folder that a run is saved in is writable, has room, and holds nobody else's work. */
import { mkdir, readdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DataError, UsageError } from '../errors.js';
import { exists } from '../exists.js';
import { parseJson } from '../json.js';
import { ADAPTER_CLASSES } from '../models/config-file.js';
import { partialOf } from '../partial.js';
import * as z from '../schema.js';
import { TOKENIZER_FILES } from '../tokenizers/files.js';
import { snapshotIdentity } from '../training/resume.js';
import { changesBetween, type RunIdentity } from './identity.js';
import { SQUAD_SETTINGS_FILE } from './squad-settings.js';

/** A saved run's record: spec, identity, metrics, losses. */
export const RUN_FILE = 'run.json';

/** Names of files that make a folder a model's or an adapter's. */
export const WEIGHTS = /\.safetensors(\.index\.json)?$/;
/** What a former result would still say of the new one. */
const STALE: ReadonlySet<string> = new Set([
  'adapter_config.json',
  'config.json',
  ADAPTER_CLASSES,
  RUN_FILE,
  SQUAD_SETTINGS_FILE,
  'confusion_validation.svg',
  'confusion_test.svg',
  ...TOKENIZER_FILES,
]);

const REMEDY = 'give another folder, or --overwrite to lose it';

const runFileSchema = z.object({
  identity: z.object({ key: z.string(), parts: z.record(z.string(), z.unknown()) }),
});

/** As `mkdir` with `recursive`, which never returns where a parent exists that takes no folders (`/proc`). */
async function makeFolder(folder: string): Promise<void> {
  if (await exists(folder)) return;
  await makeFolder(dirname(folder));
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

/** @throws DataError where files cannot be made in the folder */
export async function checkWritable(folder: string): Promise<void> {
  const probe = partialOf(join(folder, 'probe'));
  try {
    await makeFolder(resolve(folder));
    await writeFile(probe, 'x');
    await rm(probe);
  } catch (cause) {
    throw new DataError(`${folder}: cannot be written to: ${(cause as Error).message}; give another folder`, {
      cause,
    });
  }
}

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 3 : 1)} GiB`;

/** @param bytes that will be written @throws DataError where the disk has not as many left */
export async function checkRoom(folder: string, bytes: number, free = freeBytes): Promise<void> {
  const left = await free(folder);
  if (left < bytes)
    throw new DataError(
      `${folder}: ${gibibytes(left)} free, about ${gibibytes(bytes)} wanted for snapshots and the result; make room, or give another folder`,
    );
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

const differs = (former: object, now: object): string =>
  changesBetween(former, now) || 'settings of an older version';

/** The refusal of an unfinished run's folder, naming what differs. */
export const anothersSnapshot = (folder: string, former: object, now: object): DataError =>
  new DataError(`${folder}: holds an unfinished run with other ${differs(former, now)}; ${REMEDY}`);

/**
 * Whether the folder holds a snapshot of this very run.
 * @throws DataError for a snapshot of another run, naming what differs
 */
export async function ownSnapshot(folder: string, { key, parts }: RunIdentity): Promise<boolean> {
  const found = await snapshotIdentity(folder);
  if (found === undefined) return false;
  if (found.key === key) return true;
  throw anothersSnapshot(folder, found.parts, parts);
}

/** @throws DataError for a folder that holds the result of another run, naming what differs */
async function checkResult(folder: string, { key, parts }: RunIdentity): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  const path = join(folder, RUN_FILE);
  if (names.includes(RUN_FILE)) {
    const former = runFileSchema.safeParse(parseJson(await readFile(path, 'utf8'), path)).data?.identity;
    if (former?.key === key) return;
    const what = former ? `with other ${differs(former.parts, parts)}` : 'of another version';
    throw new DataError(`${folder}: holds a finished run ${what}; ${REMEDY}`);
  }
  const weights = names.find((name) => WEIGHTS.test(name));
  if (weights !== undefined)
    throw new DataError(`${folder}: holds a model (${weights}) that this run did not make; ${REMEDY}`);
}

/** @throws UsageError for a folder that is the model's own */
export function checkNotModel(folder: string, model: string): void {
  if (resolve(folder) === resolve(model))
    throw new UsageError(`${folder}: a model is not saved over the one it was made from`);
}

/** @throws DataError for a folder with weights whose `pretraining.json` tells of another spec */
export async function checkPretrained(folder: string, spec: object): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  const weights = names.find((name) => WEIGHTS.test(name));
  if (weights === undefined) return;
  const path = join(folder, 'pretraining.json');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const former = text && z.object({ spec: z.looseObject({}) }).safeParse(parseJson(text, path)).data?.spec;
  const what = former ? changesBetween({ settings: former }, { settings: spec }) : 'settings';
  if (what !== '')
    throw new DataError(`${folder}: holds a model (${weights}) made with other ${what}; ${REMEDY}`);
}

/** @throws DataError for a folder that holds another run */
export async function checkSave(folder: string, identity: RunIdentity, overwrite: boolean): Promise<void> {
  if (!overwrite) await checkResult(folder, identity);
}

/**
 * Writes files beside the folder's own first, then moves them in: what fails on the way leaves the folder as it was. Weights come last
 * but for the record, so that a folder with weights is complete and one with a record is finished.
 * @param write what writes them into the folder it is given
 */
export async function writeWhole(folder: string, write: (staging: string) => Promise<void>): Promise<void> {
  const staging = partialOf(join(folder, 'saving'));
  try {
    await mkdir(staging, { recursive: true });
    await write(staging);
    const former = await readdir(folder);
    const isResult = former.some((name) => WEIGHTS.test(name) || name === RUN_FILE);
    for (const name of isResult ? former : [])
      if (WEIGHTS.test(name) || STALE.has(name)) await rm(join(folder, name));
    const order = (name: string): number => (name === RUN_FILE ? 2 : WEIGHTS.test(name) ? 1 : 0);
    const names = (await readdir(staging)).sort((a, b) => order(a) - order(b));
    for (const name of names) await rename(join(staging, name), join(folder, name));
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
