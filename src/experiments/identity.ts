/**
 * What a run is: everything that its numbers depend on, and the hash of it. The ledger, resume points and saved runs all ask here. Where
 * model and data lie, on how many threads and on which machine a run is made is no part of it.
 */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { hashFile } from '../datasets/corpus.js';
import { NUMERICAL_VERSION } from '../engine/numerical-version.js';
import { parsedConfigJson } from '../models/config-file.js';
import { weightFiles } from '../models/weights.js';
import * as z from '../schema.js';
import { TOKENIZER_FILES } from '../tokenizers/files.js';
import { canonicalJson, hashOf, type RunSpec } from './run-spec.js';
import { selects } from './watched.js';

const hashes = z.record(z.string(), z.string());

/** A model before training, by content. */
const modelSchema = z.object({
  /** `config.json` as it was understood: defaults filled in, by Hugging Face's names. */
  config: z.record(z.string(), z.unknown()),
  /** sha256 of the tokenizer in effect, and of each of its files: one that a rule of today passes over may count tomorrow. */
  tokenizer: hashes,
  /** sha256 by file name. */
  weights: hashes,
});

/** What a ledger's record holds of its identity beside spec and data. */
export const recordedIdentitySchema = modelSchema.extend({ numericalVersion: z.number() });

/**
 * A model before training, by content.
 *
 * @interface
 */
export type ModelIdentity = Readonly<z.infer<typeof modelSchema>>;

/** What a run is known by. */
export interface IdentityParts extends Readonly<z.infer<typeof recordedIdentitySchema>> {
  /** All of the spec but where model and data lie, and when it is evaluated where that decides nothing. */
  readonly settings: Omit<RunSpec, 'model' | 'data' | 'validationFile' | 'testFile'>;
  /** sha256 of each split that is trained or evaluated on. */
  readonly data: Readonly<Record<string, string>>;
}

/** What a run is known by, and its hash: runs of one key give the same numbers. */
export interface RunIdentity {
  /** 16 hex digits. */
  readonly key: string;
  readonly parts: IdentityParts;
}

function settingsOf(spec: RunSpec): IdentityParts['settings'] {
  const { model: _model, data: _data, validationFile: _validation, testFile: _test, ...settings } = spec;
  if (selects(spec)) return settings;
  const { evalStrategy: _strategy, evalSteps: _steps, ...others } = settings;
  return others;
}

/** @param data sha256 by split @param numericalVersion of the engine that made the run; default: this one */
export function runIdentity(
  spec: RunSpec,
  { config, tokenizer, weights }: ModelIdentity,
  data: Readonly<Record<string, string>>,
  numericalVersion: number = NUMERICAL_VERSION,
): RunIdentity {
  const parts = { numericalVersion, settings: settingsOf(spec), config, tokenizer, weights, data };
  return { key: hashOf(parts).slice(0, 16), parts };
}

/** @param tokenizer its hash @throws DataError for a file of the model that cannot be read */
export async function modelIdentity(folder: string, tokenizer: string): Promise<ModelIdentity> {
  const there = new Set(await readdir(folder));
  const files = TOKENIZER_FILES.filter((name) => there.has(name));
  return {
    config: await parsedConfigJson(folder),
    tokenizer: { 'in effect': tokenizer, ...(await hashesOf(folder, files)) },
    weights: await weightHashes(folder),
  };
}

async function hashesOf(folder: string, names: readonly string[]): Promise<Record<string, string>> {
  const found = await Promise.all(names.map((name) => hashFile(join(folder, name))));
  return Object.fromEntries(found.map(({ sha256 }, i) => [names[i], sha256]));
}

const weightHashes = async (folder: string): Promise<Record<string, string>> =>
  hashesOf(
    folder,
    (await weightFiles(folder)).map((path) => basename(path)),
  );

/** {@link weightsHash} of a folder. @throws DataError for one without weights */
export const hashWeights = async (folder: string): Promise<string> =>
  weightsHash({ weights: await weightHashes(folder) });

/** One hash for all files of a model's weights; of a single file its own sha256. */
export function weightsHash({ weights }: Pick<ModelIdentity, 'weights'>): string {
  const [first, ...more] = Object.values(weights);
  return first !== undefined && more.length === 0 ? first : hashOf(weights);
}

/** `a.b` -> text of each leaf. */
function leaves(value: unknown, path = ''): [string, string][] {
  if (typeof value !== 'object' || value === null)
    return [[path, value === undefined ? 'none' : String(value)]];
  return Object.entries(value).flatMap(([name, entry]) => leaves(entry, path ? `${path}.${name}` : name));
}

function changedLeaves(former: unknown, now: unknown): [string, string, string][] {
  const [before, after] = [new Map(leaves(former)), new Map(leaves(now))];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const [a = 'none', b = 'none'] = [before.get(name), after.get(name)];
    return a === b ? [] : [[name, a, b] as [string, string, string]];
  });
}

/** How the parts are named to the user, and whether their values say something: of a hash they do not. */
const PARTS: readonly (readonly [name: string, label: string, values: boolean])[] = [
  ['settings', 'settings', true],
  ['config', 'config.json', true],
  ['tokenizer', 'tokenizer', false],
  ['weights', 'weights', false],
  ['data', 'data', false],
  ['numericalVersion', "engine's numerical version", true],
];

/** What differs between two identities of the same kind: `config.json (hidden_act gelu -> relu), data (train)`; empty where nothing does. */
export function changesBetween(former: object, now: object): string {
  const part = (of: object, name: string): unknown => (of as Readonly<Record<string, unknown>>)[name];
  return PARTS.flatMap(([name, label, values]) => {
    if (canonicalJson(part(former, name) ?? null) === canonicalJson(part(now, name) ?? null)) return [];
    const changed = changedLeaves(part(former, name), part(now, name)).map(([leaf, before, after]) =>
      values ? `${leaf} ${before} -> ${after}`.trim() : leaf,
    );
    const shown = changed.filter((text) => text !== '').join(', ');
    return [shown ? `${label} (${shown})` : label];
  }).join(', ');
}
