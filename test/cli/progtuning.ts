/** The command line, as a shell calls it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../golden/golden.js';

export interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const progtuning = (...args: string[]): Result => piped('', ...args);

/** @param input what stands on stdin */
export function piped(input: string, ...args: string[]): Result {
  const cli = join(packageRoot, 'dist/lib/cli.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', input });
  return { status, stdout, stderr };
}
