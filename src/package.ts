/**
 * Where this package's own files are, and versions. The program is laid out twice in the same tree: `dist/src/`, a file for each module, and
 * `dist/lib/`, bundled, where what several entries share lies at the top, as this file does here.
 */
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The compiled program: `dist/src` or `dist/lib`. What is started or read by its path is found from here. */
export const codeFolder = fileURLToPath(new URL('.', import.meta.url));

export const packageRoot = resolve(codeFolder, '../..');

const versionIn = (path: string): string =>
  (createRequire(import.meta.url)(path) as { version: string }).version;

export const packageVersion = (): string => versionIn(join(packageRoot, 'package.json'));

/** Of the package that runs the programs. */
export const runtimeVersion = (): string => versionIn('onnxruntime-node/package.json');
