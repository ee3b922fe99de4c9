/** Where golden files are, whether the tests run from `test/` or from `dist/test/`. */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's folder. */
export const packageRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

export const goldenPath = (...names: string[]): string => join(packageRoot, 'test/golden', ...names);

export const goldenJson = <T>(...names: string[]): T =>
  JSON.parse(readFileSync(goldenPath(...names), 'utf8')) as T;
