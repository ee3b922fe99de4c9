/** The program itself, by content: two nodes with the same hash run the same code. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Seen from `dist/src/experiments/`. */
const CODE = resolve(fileURLToPath(new URL('..', import.meta.url)));

/** sha256 of the compiled package and of the version of onnxruntime-node: 16 hex digits. */
export async function codeHash(): Promise<string> {
  const names = await readdir(CODE, { recursive: true });
  const files = names.filter((name) => /\.(js|wasm)$/.test(name)).sort();
  const contents = await Promise.all(files.map((name) => readFile(join(CODE, name))));
  const hash = createHash('sha256');
  for (const [i, content] of contents.entries())
    hash.update(`${files[i]} ${content.length}\n`).update(content);
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return hash.update(version).digest('hex').slice(0, 16);
}
