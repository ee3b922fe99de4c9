/**
 * Results of slow preparation (tokenised rows, windows), kept on disk by the hash of all that they depend on. A file that is damaged
 * is made anew; the least recently used go when the folder grows too large.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';

/** Bytes of all files together. */
const MOST = 2 * 2 ** 30;

const DIGEST = 32;

/** `PROGTUNING_CACHE`, which `off` turns off; else `progtuning` in the user's cache folder. */
function cacheFolder(): string | undefined {
  const chosen = process.env.PROGTUNING_CACHE;
  if (chosen === 'off') return undefined;
  if (chosen) return chosen;
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'progtuning');
}

const digest = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** The value of a file whose content has the digest that stands before it. */
async function readWhole(path: string): Promise<unknown> {
  const bytes = await readFile(path).catch(() => undefined);
  if (!bytes || bytes.length <= DIGEST) return undefined;
  const content = bytes.subarray(DIGEST);
  if (!digest(content).equals(bytes.subarray(0, DIGEST))) return undefined;
  const now = new Date();
  await utimes(path, now, now).catch(() => undefined);
  return deserialize(content);
}

async function prune(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.bin'));
  const files = await Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(folder, name));
      return { path: join(folder, name), size, mtimeMs };
    }),
  );
  let kept = 0;
  for (const { path, size } of files.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
    kept += size;
    if (kept > MOST) await rm(path, { force: true });
  }
}

async function writeWhole(folder: string, path: string, value: unknown): Promise<void> {
  const content = serialize(value);
  const partial = `${path}.${randomUUID().slice(0, 8)}.partial`;
  await mkdir(folder, { recursive: true });
  try {
    await writeFile(partial, Buffer.concat([digest(content), content]));
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
  await prune(folder);
}

/**
 * What `make` gives, from the cache where it was made before. A cache that cannot be written (full disk, no rights) is done without.
 * @param of everything that the value depends on, as plain JSON
 */
export async function cached<T>(of: Readonly<Record<string, unknown>>, make: () => Promise<T>): Promise<T> {
  const folder = cacheFolder();
  if (folder === undefined) return make();
  const key = createHash('sha256').update(JSON.stringify(of)).digest('hex').slice(0, 32);
  const path = join(folder, `${key}.bin`);
  const found = (await readWhole(path)) as T | undefined;
  if (found !== undefined) return found;
  const made = await make();
  await writeWhole(folder, path, made).catch(() => undefined);
  return made;
}
