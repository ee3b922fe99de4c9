/** The program itself, by content: two nodes with the same hash run the same code. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeFolder, runtimeVersion } from '../package.js';

/** sha256 of the compiled package and of the version of onnxruntime-node: 16 hex digits. */
export async function codeHash(): Promise<string> {
  const names = await readdir(codeFolder, { recursive: true });
  const files = names.filter((name) => /\.(js|wasm)$/.test(name)).sort();
  const contents = await Promise.all(files.map((name) => readFile(join(codeFolder, name))));
  const hash = createHash('sha256');
  for (const [i, content] of contents.entries())
    hash.update(`${files[i]} ${content.length}\n`).update(content);
  return hash.update(runtimeVersion()).digest('hex').slice(0, 16);
}
