/** A saved run to the Hugging Face hub: a model repository with the folder's files, in one commit. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DataError, UsageError } from '../errors.js';
import { parseJson } from '../json.js';
import { credentials, endpoint, explained, isAnswer, isOffline, loadHub } from './hub.js';
import { tokenFile } from './hub-token.js';
import { withoutPaths } from './shared-names.js';

export interface PushOptions {
  /** `owner/name`; without an owner the token's user. Default: the folder's name. */
  readonly repo?: string | undefined;
  /** A repository that is made for it is private. Default: as the owner's settings say. */
  readonly private?: boolean | undefined;
  /** Title of the commit. */
  readonly message?: string | undefined;
}

/** Where it goes, known before anything is trained. */
export interface PushTarget {
  readonly name: string;
  readonly accessToken: string;
}

/**
 * Asks the hub whose token it is.
 * @throws UsageError without a token, offline, or for a name that is none; DataError where the hub refuses
 */
export async function pushTarget(folder: string, { repo }: PushOptions = {}): Promise<PushTarget> {
  const { hubUrl, accessToken } = credentials();
  if (isOffline()) throw new UsageError('--push-to-hub: HF_HUB_OFFLINE is set; unset it to push');
  if (accessToken === undefined)
    throw new UsageError(
      `--push-to-hub wants a token that may write: set HF_TOKEN, or put it in ${tokenFile()} (hf auth login)`,
    );
  const wanted = repo ?? basename(resolve(folder));
  if (!/^(\w[\w.-]*\/)?\w[\w.-]*$/.test(wanted))
    throw new UsageError(`'${wanted}' is no name of a repository; give owner/name with --hub-model-id`);
  if (wanted.includes('/')) return { name: wanted, accessToken };
  try {
    const { whoAmI } = await loadHub();
    const { name } = await whoAmI({ hubUrl, accessToken });
    return { name: `${name}/${wanted}`, accessToken };
  } catch (error) {
    throw explained(error, { type: 'model', name: wanted }, undefined);
  }
}

/** What is still being written, or belongs to a run that is not finished, stays here. */
const isKept = (path: string): boolean =>
  path.split(sep).some((part) => part.startsWith('.') || part === 'unfinished' || part.endsWith('.partial'));

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: Error) => {
    throw new DataError(`${folder}: cannot be read: ${cause.message}`, { cause });
  });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => !isKept(path))
    .sort();
}

/** Files that may name where model and data lie. */
const NAMING = /(^|[\\/])(run|adapter_config|config|tokenizer_config)\.json$/;

/** What is sent of a file: as it lies there, but for paths of this machine, of which the last part is sent. */
async function contentOf(path: string): Promise<URL | Blob> {
  if (!NAMING.test(path)) return pathToFileURL(path);
  const value = parseJson(await readFile(path, 'utf8'), path);
  const shared = JSON.stringify(withoutPaths(value), null, 2);
  return shared === JSON.stringify(value, null, 2) ? pathToFileURL(path) : new Blob([`${shared}\n`]);
}

/**
 * Makes the repository where there is none, and commits the folder's files to it. Paths of this machine are not sent.
 * @returns the address of the repository @throws UsageError as {@link pushTarget}; DataError for a folder without a model, or where the hub refuses
 */
export async function pushFolder(
  folder: string,
  options: PushOptions = {},
  target?: PushTarget,
): Promise<string> {
  const paths = await filesIn(folder);
  if (!paths.some((path) => path === 'config.json' || path === 'adapter_config.json'))
    throw new DataError(
      `${folder}: holds no config.json and no adapter_config.json: give the folder of a --save`,
    );
  const { name, accessToken } = target ?? (await pushTarget(folder, options));
  const repo = { type: 'model', name } as const;
  const hub = { repo, accessToken, hubUrl: endpoint() };
  try {
    const { createRepo, uploadFiles } = await loadHub();
    await createRepo({ ...hub, ...(options.private ? { visibility: 'private' } : {}) }).catch((error) => {
      // It is there.
      if (!(isAnswer(error) && error.statusCode === 409)) throw error;
    });
    await uploadFiles({
      ...hub,
      useXet: false,
      commitTitle: options.message ?? 'Upload a model fine-tuned with progtuning',
      files: await Promise.all(
        paths.map(async (path) => ({
          path: path.split(sep).join('/'),
          content: await contentOf(join(folder, path)),
        })),
      ),
    });
  } catch (error) {
    throw explained(error, repo, undefined);
  }
  return `${endpoint()}/${name}`;
}
