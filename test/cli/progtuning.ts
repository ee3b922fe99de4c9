/** The command line, as a shell calls it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '../golden/golden.js';

export interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const progtuning = (...args: string[]): Result => piped('', ...args);

const cli = join(packageRoot, 'dist/lib/cli.js');

/** As a person types: each part of the input once the part before it is answered by a line. @param input parts, of one row each */
export async function conversed(input: readonly string[], ...args: string[]): Promise<Result> {
  const child = spawn(process.execPath, [cli, ...args]);
  let [stdout, stderr] = ['', ''];
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes;
  });
  const closed = once(child, 'close');
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  for (const part of input) {
    child.stdin.write(part);
    const { value, done } = await answers.next();
    if (done) break;
    stdout += `${value}\n`;
  }
  child.stdin.end();
  const [status] = (await closed) as [number | null];
  return { status, stdout, stderr };
}

/** @param input what stands on stdin */
export function piped(input: string, ...args: string[]): Result {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', input });
  return { status, stdout, stderr };
}
