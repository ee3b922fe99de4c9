/** Where tslab is, and its kernel spec for Jupyter. */

import { mkdir, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { UsageError } from '../../errors.js';
import { codeFolder } from '../../package.js';

/** The script that starts a kernel. */
export const LAUNCH = join(codeFolder, 'cli/notebook/launch.js');

/** The exit code of a kernel whose port another process took between the choice and the start. */
export const PORT_TAKEN = 98;

export interface Tslab {
  /** The module that exports `startKernel`. */
  readonly main: string;
  /** Resolves packages as tslab does, `zeromq` among them. */
  readonly require: NodeJS.Require;
}

/**
 * The tslab that a notebook in `folder` gets: the one installed nearest to it, else the one beside this package.
 * @throws UsageError when there is none
 */
export function findTslab(folder: string): Tslab {
  for (const from of [join(resolve(folder), 'notebook.js'), import.meta.url]) {
    const file = tryResolve(from);
    if (file === undefined) continue;
    const root = dirname(file);
    return { main: join(root, 'dist/main.js'), require: createRequire(file) };
  }
  throw new UsageError(
    'Notebooks need tslab, which is not installed here. Install it with: npm install --save-dev tslab',
  );
}

function tryResolve(from: string): string | undefined {
  try {
    return createRequire(from).resolve('tslab/package.json');
  } catch {
    return undefined;
  }
}

/**
 * Writes `<directory>/kernels/tslab/kernel.json`; with `JUPYTER_PATH=<directory>` any Jupyter finds the kernel, and nothing is
 * written to the user's home.
 * @returns the file's path
 */
export async function writeKernelspec(directory: string): Promise<string> {
  const { main } = findTslab(process.cwd());
  const folder = join(resolve(directory), 'kernels', 'tslab');
  const path = join(folder, 'kernel.json');
  const spec = {
    argv: [process.execPath, LAUNCH, main, '{connection_file}'],
    display_name: 'TypeScript',
    language: 'typescript',
  };
  await mkdir(folder, { recursive: true });
  await writeFile(`${path}.tmp`, `${JSON.stringify(spec, null, 1)}\n`);
  await rename(`${path}.tmp`, path);
  return path;
}
