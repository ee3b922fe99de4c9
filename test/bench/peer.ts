/** The PyTorch peer as a child process: one step at a time, so that ours and theirs can be interleaved. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '../golden/golden.js';

export interface PeerStep {
  readonly ms: number;
  readonly peakBytes: number;
}

export interface Peer {
  readonly version: string;
  step(): Promise<PeerStep>;
  close(): void;
}

/** Starts the peer; undefined when there is no Python with PyTorch. */
export async function startPeer(
  options: Readonly<Record<string, number | boolean>>,
  threads: number,
): Promise<Peer | undefined> {
  const flags = Object.entries(options).flatMap(([name, value]) => {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? [flag] : value === false ? [] : [flag, String(value)];
  });
  const script = join(packageRoot, 'test/bench/pytorch_step.py');
  const python = process.env.PYTHON ?? '/usr/bin/python3';
  const env = { ...process.env, OMP_NUM_THREADS: String(threads), OPENBLAS_NUM_THREADS: String(threads) };
  const child: ChildProcessWithoutNullStreams = spawn(
    python,
    [script, '--threads', String(threads), ...flags],
    { env },
  );
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T | undefined> => {
    const line = await lines.next();
    return line.done ? undefined : (JSON.parse(line.value) as T);
  };
  const ready = await next<{ torch: string }>();
  if (!ready) return undefined;
  return {
    version: ready.torch,
    async step() {
      child.stdin.write('step\n');
      const result = await next<PeerStep>();
      if (!result) throw new Error('the PyTorch peer stopped');
      return result;
    },
    close: () => {
      child.stdin.end('quit\n');
    },
  };
}
