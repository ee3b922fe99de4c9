/**
 * The ledger: one small file per measured run, named by the hash of everything its numbers depend on. Where a run was made and how
 * long it took stand in the record, not in its name: the same spec on the same files is the same run on any machine.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { hashFile } from '../datasets/corpus.js';
import { localFile } from '../datasets/hub-dataset.js';
import { isShippedData, readSplit, resolveModel, shippedDataName } from '../datasets/source.js';
import { readSquadSplit } from '../datasets/squad-source.js';
import { findTask } from '../datasets/task.js';
import { DataError } from '../errors.js';
import { readJson } from '../json.js';
import { definedMetrics } from '../metrics/metrics.js';
import { readConfig, writeTextAtomically } from '../models/config-file.js';
import { packageVersion, runtimeVersion } from '../package.js';
import * as z from '../schema.js';
import { loadTokenizer } from '../tokenizers/tokenizer.js';
import {
  type ModelIdentity,
  modelIdentity,
  type RunIdentity,
  recordedIdentitySchema,
  runIdentity,
} from './identity.js';
import { machineSchema, type RunRecord } from './run-record.js';
import { ownKind, type RunSpec, runSpecSchema, SQUAD_VERSIONS } from './run-spec.js';

const hashes = z.record(z.string(), z.string());
const numbers = z.record(z.string(), z.number());

const ledgerRecordSchema = z.object({
  /** 16 hex digits; also the file's name. */
  key: z.string().regex(/^[0-9a-f]{16}$/),
  /** `model` and `data` by name, without the folders of the machine that ran it. */
  spec: runSpecSchema,
  /** sha256 of the weights and of each split. */
  hashes,
  /** With spec and hashes all that the key is made of; absent in a record whose model is not known in full: a legacy identity. */
  identity: recordedIdentitySchema.optional(),
  metrics: z.record(z.string(), z.number().nullable()).transform(definedMetrics),
  /** Why a metric is undefined, as of predictions of one class: it is not among `metrics`. */
  undefinedMetrics: z.record(z.string(), z.string()).default({}),
  trainExamples: z.number(),
  dataReport: numbers,
  totalParameters: z.number(),
  trainableParameters: z.number(),
  headParameters: z.number(),
  updatedParameters: z.array(z.number()),
  savedFraction: z.number(),
  /** Where parts are by measured contribution. */
  contributions: z.array(z.number()).optional(),
  /** How many low blocks were frozen after each stage, where they freeze for what is measured. */
  frozenBlocks: z.array(z.number()).optional(),
  steps: z.number(),
  /** Mean loss of consecutive steps, up to each `step`: at most 60 points. */
  losses: z.array(z.object({ step: z.number(), loss: z.number() })),
  seconds: z.number(),
  secondsPerEpoch: z.array(z.number()),
  peakBytesPerEpoch: z.array(z.number()).optional(),
  /** Peak resident memory of the run's own process. */
  peakBytes: z.number(),
  machine: machineSchema,
  versions: z.record(z.string(), z.string()),
  /** Made while nothing else ran on its machine: only then are seconds and bytes anything to show. */
  timed: z.literal(true).optional(),
});

/**
 * A run as the ledger keeps it: a {@link RunRecord} without folders of a machine, its losses thinned to 60 points. Seconds, bytes.
 *
 * @interface
 */
export type LedgerRecord = z.infer<typeof ledgerRecordSchema>;

/** The data files of a run on data of one's own, by split, as the run itself names their hashes. */
const ownFiles = ({ data, validationFile, testFile }: RunSpec): [string, string][] =>
  Object.entries({ train: data, validation: validationFile, test: testFile }).flatMap(([split, path]) =>
    path === undefined ? [] : [[split, path] as [string, string]],
  );

async function dataHashes(spec: RunSpec): Promise<Record<string, string>> {
  const { task, data } = spec;
  if (ownKind(task) !== undefined) {
    const found = ownFiles(spec).map(async ([split, path]) => [
      split,
      (await hashFile(await localFile(path))).sha256,
    ]);
    return Object.fromEntries(await Promise.all(found));
  }
  const version = SQUAD_VERSIONS.get(task);
  if (version) {
    const [train, dev] = await Promise.all([
      readSquadSplit(data, version, 'train', {}),
      readSquadSplit(data, version, 'dev', {}),
    ]);
    return { train: train.hash, dev: dev.hash };
  }
  const glue = findTask(task);
  const splits = ['train', ...glue.evaluation.map(({ file }) => file)];
  const found = await Promise.all(splits.map((split) => readSplit(data, glue, split)));
  return Object.fromEntries(splits.map((split, i) => [split, found[i]?.hash ?? '']));
}

/**
 * A folder of data by what it holds; what ships with the package is `embedded` by any path. `glue-substitutes` and the like keep their
 * name: such files stand in for a task's own, and must not be taken for them.
 */
function dataName({ task, data }: RunSpec): string {
  if (ownKind(task) !== undefined) return fileName(data);
  if (data === 'hub' || isShippedData(data)) return data;
  const shipped = shippedDataName(data);
  if (shipped !== undefined) return shipped;
  const kind = SQUAD_VERSIONS.has(task) ? 'squad' : 'glue';
  return basename(data).startsWith(`${kind}-`) ? basename(data) : kind;
}

/** A file with the folder that it lies in: `imdb/train.tsv`. */
const fileName = (path: string): string => path.split(/[\\/]/).slice(-2).join('/');

const namedFile = (name: 'validationFile' | 'testFile', path: string | undefined): Partial<RunSpec> =>
  path === undefined ? {} : { [name]: fileName(path) };

/** A spec without the folders of this machine: model and data by name. A hub id keeps its owner. */
export const namedSpec = (spec: RunSpec): RunSpec => ({
  ...spec,
  model: existsSync(spec.model) ? basename(spec.model) : spec.model,
  data: dataName(spec),
  ...namedFile('validationFile', spec.validationFile),
  ...namedFile('testFile', spec.testFile),
});

/** Identifies specs; each model and data set is read once. */
export function identifier(): (spec: RunSpec) => Promise<RunIdentity> {
  const models = new Map<string, Promise<ModelIdentity>>();
  const data = new Map<string, Promise<Record<string, string>>>();
  return async (spec) => {
    const folder = await resolveModel(spec.model);
    const model = once(models, folder, async () =>
      modelIdentity(folder, (await loadTokenizer(folder, (await readConfig(folder)).vocabSize)).hash),
    );
    const files = [spec.data, spec.validationFile, spec.testFile, spec.task].join(' ');
    const splits = once(data, files, () => dataHashes(spec));
    return runIdentity(spec, await model, await splits);
  };
}

function once<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? make();
  known.set(key, found);
  return found;
}

/** The key that a record's content has; undefined for a legacy identity. */
function keyOf({ spec, hashes, identity }: LedgerRecord): string | undefined {
  if (!identity) return undefined;
  const { model: _weights, ...data } = hashes;
  return runIdentity(spec, identity, data, identity.numericalVersion).key;
}

const POINTS = 60;

/** Means over consecutive steps. */
function thinned(steps: RunRecord['steps']): LedgerRecord['losses'] {
  const width = Math.max(1, Math.ceil(steps.length / POINTS));
  return Array.from({ length: Math.ceil(steps.length / width) }, (_, i) => {
    const part = steps.slice(i * width, (i + 1) * width);
    const mean = part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
    return { step: i * width + part.length, loss: Number(mean.toPrecision(5)) };
  });
}

/**
 * A run as the ledger keeps it: without the folders of this machine. @param timed whether nothing else ran meanwhile
 * @throws DataError for a record that is not whole
 */
export function ledgerRecord(record: RunRecord, timed = false): LedgerRecord {
  const { spec, identity, steps, initialised: _initialised, ...measured } = record;
  const { settings: _settings, data: _data, ...recorded } = identity.parts;
  const parsed = ledgerRecordSchema.safeParse({
    key: identity.key,
    spec: namedSpec(spec),
    identity: recorded,
    ...measured,
    steps: steps.length,
    losses: thinned(steps),
    ...(timed ? { timed } : {}),
    versions: {
      progtuning: packageVersion(),
      'onnxruntime-node': runtimeVersion(),
    },
  });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new DataError(`the run's record: ${issue?.path.join('.')}: ${issue?.message}`);
}

/** Adds a record to the ledger, whole or not at all. */
export async function writeRecord(folder: string, record: LedgerRecord): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeTextAtomically(join(folder, `${record.key}.json`), `${JSON.stringify(record)}\n`);
}

/** One record of a folder. @throws DataError for a damaged or altered file */
export async function readRecord(path: string): Promise<LedgerRecord> {
  const value = await readJson(path).catch((cause: Error) => {
    throw new DataError(`${cause.message} If not, delete it and run its grid again.`, { cause });
  });
  const parsed = ledgerRecordSchema.safeParse(value);
  if (parsed.success && `${parsed.data.key}.json` === basename(path)) return checked(parsed.data, path);
  const issue = parsed.success ? undefined : parsed.error.issues[0];
  const what = issue ? `${issue.path.join('.')}: ${issue.message}` : 'its key is not the file name';
  throw new DataError(`${path}: not a record of this version (${what}); delete it and run its grid again`);
}

/** @throws DataError for a record whose content is not what its name says: it was altered */
function checked(record: LedgerRecord, path: string): LedgerRecord {
  const key = keyOf(record) ?? record.key;
  if (key === record.key) return record;
  throw new DataError(
    `${path}: spec, hashes and identity give the key ${key}: the record was altered; delete it and run its grid again`,
  );
}

/**
 * Every record of a folder, by key; none where there is no folder. @throws DataError for a damaged file
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 *
 * const ledger = await experiments.readLedger('ledger');
 * console.log(ledger.size); // 2
 * ```
 */
export async function readLedger(folder: string): Promise<ReadonlyMap<string, LedgerRecord>> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => name.endsWith('.json')).sort();
  const records = await Promise.all(files.map((name) => readRecord(join(folder, name))));
  return new Map(records.map((record) => [record.key, record]));
}
