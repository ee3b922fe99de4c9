/**
 * Files from the Hugging Face hub through the on-disk cache that Python's `huggingface_hub` shares: `blobs/<etag>`,
 * `snapshots/<commit>/<path>` links, `refs/<revision>`. Obeys HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE and HF_TOKEN.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { HubApiError, PathInfo } from '@huggingface/hub';
import { DataError, UsageError } from '../errors.js';
import { exists } from '../exists.js';
import { readJson } from '../json.js';
import * as z from '../schema.js';
import { TOKENIZER_FILES } from '../tokenizers/files.js';
import type { HubOptions } from './hub-options.js';
import { hubToken, tokenFile } from './hub-token.js';

export interface HubRepo {
  readonly type: 'model' | 'dataset';
  /** `owner/name`, or `name` for the oldest models. */
  readonly name: string;
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string;
}

/** Most programs never ask the hub. */
export const loadHub = (): Promise<typeof import('@huggingface/hub')> => import('@huggingface/hub');

const COMMIT = /^[0-9a-f]{40}$/;

/** SHA-256 or git hash. */
const HASH = /^([0-9a-f]{40}|[0-9a-f]{64})$/;
export const endpoint = (): string =>
  (process.env.HF_ENDPOINT ?? 'https://huggingface.co').replace(/\/$/, '');
export const isOffline = (): boolean =>
  ['1', 'true', 'yes', 'on'].includes((process.env.HF_HUB_OFFLINE ?? '').toLowerCase());
async function folderOf({ type, name }: HubRepo): Promise<string> {
  const { getHFHubCachePath, getRepoFolderName } = await loadHub();
  return join(getHFHubCachePath(), getRepoFolderName({ type, name }));
}
/** Whether the hub answered, if only with a refusal. */
export const isAnswer = (error: unknown): error is HubApiError =>
  error instanceof Error && 'statusCode' in error;
export const credentials = (): { hubUrl: string; accessToken?: string } => {
  const accessToken = hubToken();
  return { hubUrl: endpoint(), ...(accessToken ? { accessToken } : {}) };
};

/** What went wrong as one line with a remedy; a token is never part of it. */
export function explained(error: unknown, { type, name }: HubRepo, path: string | undefined): Error {
  if (error instanceof DataError || error instanceof UsageError) return error;
  const what = `${type} '${name}'${path ? `, file '${path}'` : ''} at ${endpoint()}`;
  if (isAnswer(error) && (error.statusCode === 401 || error.statusCode === 403)) {
    const token = process.env.HF_TOKEN
      ? 'the token in HF_TOKEN has no access'
      : hubToken()
        ? `the token in ${tokenFile()} has no access`
        : 'set HF_TOKEN if it is private or gated';
    return new DataError(`${what}: refused (${error.statusCode}): ${token}, or the name is wrong`);
  }
  if (isAnswer(error) && error.statusCode === 404) {
    return new DataError(`${what}: not found (404): check the name, or give a folder`);
  }
  if (isAnswer(error)) return new DataError(`${what}: the hub answered ${error.statusCode}: try again later`);
  const cause = (error as { cause?: Error }).cause?.message ?? (error as Error).message;
  return new DataError(
    `${what}: could not be fetched: ${cause}; try again (a download goes on where it stopped), or give a folder`,
  );
}

/** What the hub sent becomes a file name only if it looks as it should: a hub must not reach out of the cache. */
function checked(value: string | undefined, form: RegExp, meaning: string): string {
  if (value !== undefined && form.test(value)) return value;
  throw new DataError(`${endpoint()} answered with '${value}' where a ${meaning} was expected: not a hub?`);
}

async function writeRef(ref: string, commit: string): Promise<void> {
  await mkdir(dirname(ref), { recursive: true });
  const partial = `${ref}.${process.pid}.incomplete`;
  await writeFile(partial, commit);
  await rename(partial, ref);
}

/** The commit of a revision: asked of the hub; offline, or where no hub can be reached, of the cache (as Python does). */
export async function commitOf(repo: HubRepo): Promise<string> {
  const revision = repo.revision ?? 'main';
  if (COMMIT.test(revision)) return revision;
  if (revision.split(/[\\/]/).some((part) => part === '..' || part === '.' || part === ''))
    throw new UsageError(`'${revision}' is no revision: give a branch, a tag or a commit`);
  const ref = join(await folderOf(repo), 'refs', ...revision.split('/'));
  const { datasetInfo, getHFHubCachePath, modelInfo } = await loadHub();
  const known = (await readFile(ref, 'utf8').catch(() => '')).trim();
  if (isOffline()) {
    if (COMMIT.test(known)) return known;
    throw new DataError(
      `HF_HUB_OFFLINE is set and ${repo.type} '${repo.name}' is not in ${getHFHubCachePath()}: unset it once, or give a folder`,
    );
  }
  const ask = repo.type === 'model' ? modelInfo<'sha'> : datasetInfo<'sha'>;
  try {
    const { sha } = await ask({ name: repo.name, revision, additionalFields: ['sha'], ...credentials() });
    await writeRef(ref, checked(sha, COMMIT, 'commit'));
    return sha;
  } catch (error) {
    const answered = isAnswer(error) || error instanceof DataError;
    if (!answered && COMMIT.test(known)) return known;
    throw error;
  }
}

/** Hash of a file as the hub names it: SHA-256 of large files, git's blob hash (SHA-1) of others. */
async function hashOfFile(path: string, etag: string): Promise<string> {
  const hash = createHash(etag.length === 64 ? 'sha256' : 'sha1');
  if (etag.length !== 64) hash.update(`blob ${(await stat(path)).size}\0`);
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

interface Wanted {
  readonly path: string;
  readonly size: number;
  /** SHA-256 or git hash. */
  readonly etag: string;
}

/** Appends what is missing of a file. @returns bytes that are there now, fewer than its size when the connection ended early */
async function appendRest(
  repo: HubRepo,
  commit: string,
  { path, size }: Wanted,
  partial: string,
  had: number,
  { onProgress }: HubOptions,
): Promise<number> {
  const { downloadFile } = await loadHub();
  const source = await downloadFile({
    repo: { type: repo.type, name: repo.name },
    path,
    revision: commit,
    ...credentials(),
  });
  if (!source) throw new DataError(`${repo.type} '${repo.name}' has no file '${path}'`);
  const file = await open(partial, 'a');
  let done = had;
  try {
    // Only now, as it is read: a stream that fails before that drops what has arrived.
    const rest = Readable.fromWeb(source.slice(had, size).stream() as ReadableStream);
    for await (const chunk of rest as AsyncIterable<Uint8Array>) {
      await file.write(chunk);
      done += chunk.byteLength;
      onProgress?.(path, done, size);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return done;
}

/** Fetches the blob into `<etag>.incomplete`, from where an earlier try stopped, checks it, and gives it its final name. */
async function fetchBlob(
  repo: HubRepo,
  commit: string,
  wanted: Wanted,
  blob: string,
  options: HubOptions,
): Promise<void> {
  const { path, size, etag } = wanted;
  const partial = `${blob}.incomplete`;
  await mkdir(dirname(blob), { recursive: true });
  const found = await stat(partial).then(
    (entry) => entry.size,
    () => 0,
  );
  const had = found <= size ? found : 0;
  if (had === 0) await writeFile(partial, '');
  // An empty file is not asked for: no server has a range of it.
  const done = had < size ? await appendRest(repo, commit, wanted, partial, had, options) : had;
  if (done !== size) throw new Error(`the connection ended after ${done} of ${size} bytes`);
  const hash = await hashOfFile(partial, etag);
  if (hash !== etag) {
    await rm(partial);
    throw new DataError(
      `${repo.type} '${repo.name}', file '${path}': hash ${hash} is not the hub's ${etag}: the download was damaged and is removed, try again`,
    );
  }
  await rename(partial, blob);
}

/**
 * The local path of a file, fetched if it is not in the cache.
 * @throws DataError with a remedy: refused, not found, cut connection, wrong hash, offline and not cached
 */
export async function hubFile(repo: HubRepo, path: string, options: HubOptions = {}): Promise<string> {
  try {
    if (path.split('/').some((part) => part === '..' || part === ''))
      throw new DataError(`'${path}' is no file of a repository`);
    const commit = await commitOf(repo);
    const folder = await folderOf(repo);
    const pointer = join(folder, 'snapshots', commit, path);
    if (await exists(pointer)) return pointer;
    if (isOffline())
      throw new DataError(
        `HF_HUB_OFFLINE is set and '${path}' of ${repo.type} '${repo.name}' is not in ${dirname(folder)}`,
      );
    const { pathsInfo } = await loadHub();
    const [info]: (Partial<PathInfo> | undefined)[] = await pathsInfo({
      repo: { type: repo.type, name: repo.name },
      paths: [path],
      revision: commit,
      ...credentials(),
    });
    if (info?.type !== 'file')
      throw new DataError(`${repo.type} '${repo.name}' has no file '${path}' at ${endpoint()}`);
    const etag = checked(info.lfs?.oid ?? info.oid, HASH, 'hash');
    const blob = join(folder, 'blobs', etag);
    if (!(await exists(blob)))
      await fetchBlob(repo, commit, { path, size: info.lfs?.size ?? info.size ?? 0, etag }, blob, options);
    await mkdir(dirname(pointer), { recursive: true });
    await symlink(relative(dirname(pointer), blob), pointer).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    return pointer;
  } catch (error) {
    throw explained(error, repo, path);
  }
}

const lacksFile = (error: Error): boolean => /has no file|not found|is not in/.test(error.message);

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** `model.safetensors`, which wins as in Python, or the index and its shards. */
async function fetchWeights(repo: HubRepo, options: HubOptions): Promise<void> {
  const single = await hubFile(repo, 'model.safetensors', options).catch((error: Error) => error);
  if (typeof single === 'string') return;
  if (!lacksFile(single)) throw single;
  const path = await hubFile(repo, 'model.safetensors.index.json', options).catch((error: Error) => {
    throw lacksFile(error) ? single : error;
  });
  const index = indexSchema.safeParse(await readJson(path));
  if (!index.success) throw new DataError(`${path}: no weight_map, which says in which shard each tensor is`);
  for (const shard of new Set(Object.values(index.data.weight_map))) await hubFile(repo, shard, options);
}

/** The local folder of a model by its hub id, with config, weights and tokenizer. @throws DataError */
export async function modelFolder(name: string, options: HubOptions = {}): Promise<string> {
  const repo: HubRepo = { type: 'model', name };
  const commit = await commitOf(repo).catch((error: unknown) => {
    throw explained(error, repo, undefined);
  });
  const pinned = { ...repo, revision: commit };
  const config = await hubFile(pinned, 'config.json', options);
  await fetchWeights(pinned, options);
  for (const file of TOKENIZER_FILES) {
    await hubFile(pinned, file, options).catch((error: Error) => {
      if (!lacksFile(error)) throw error;
    });
  }
  return dirname(config);
}
