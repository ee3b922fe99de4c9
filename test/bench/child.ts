/** A contestant as a process of its own, one step per line on its standard input, so that contestants can take turns. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../golden/golden.js';

export interface Step {
  readonly ms: number;
  readonly peakBytes: number;
}

/** Its first line: what it is, and what it counted before the first step. */
export interface Ready {
  readonly torch?: string;
  readonly transformers?: string;
  readonly onnxruntime?: string;
  /** GFLOP/s of its own matrix products. */
  readonly float32?: number;
  readonly bfloat16?: number;
  readonly blas?: string;
  /** Where PyTorch runs, by its own name for it. */
  readonly device?: string;
  /** Of the matrix products of one step. */
  readonly flops?: number;
  /** Tracing and opening the session. */
  readonly compileMilliseconds?: number;
  /** Of matrix products in the time of a step, and in the time of its graph alone, 0 to 1. */
  readonly productShares?: { readonly step: number; readonly graph: number };
  /** Of one that writes: what a step writes. */
  readonly text?: string;
  readonly newTokens?: number;
}

export interface Child {
  readonly ready: Ready;
  step(): Promise<Step>;
  close(): void;
}

export type Flags = Readonly<Record<string, number | boolean | string>>;

/** undefined when it does not start. @throws Error when it stops */
async function startChild(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Child | undefined> {
  const child: ChildProcessWithoutNullStreams = spawn(command, args, { env });
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => {
    stderr = (stderr + data.toString()).slice(-2000);
  });
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T | undefined> => {
    const line = await lines.next();
    return line.done ? undefined : (JSON.parse(line.value) as T);
  };
  const ready = await next<Ready>();
  if (!ready) return undefined;
  return {
    ready,
    async step() {
      child.stdin.write('step\n');
      const result = await next<Step>();
      if (!result) throw new Error(`${command} ${args[0]} stopped: ${stderr}`);
      return result;
    },
    close: () => {
      child.stdin.end('quit\n');
    },
  };
}

/** A peer in Python, a script beside this file; undefined when there is no Python with what it imports. */
export function startPython(
  flags: Flags,
  threads: number,
  name = 'pytorch_step.py',
): Promise<Child | undefined> {
  const args = Object.entries<Flags[string]>({ ...flags, threads }).flatMap(([name, value]) => {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? [flag] : value === false ? [] : [flag, String(value)];
  });
  const script = join(packageRoot, 'test/bench', name);
  // A peer at its best: OpenBLAS picks its kernels for this processor, whatever the environment asks of it.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('OPENBLAS_'));
  const count = { OMP_NUM_THREADS: String(threads), OPENBLAS_NUM_THREADS: String(threads) };
  const env = { ...Object.fromEntries(inherited), ...count };
  return startChild(process.env.PYTHON ?? '/usr/bin/python3', [script, ...args], env);
}

/** One of the contestants in `worker.ts`. @throws Error when it does not start */
export async function startWorker(kind: string, options: object): Promise<Child> {
  const script = fileURLToPath(new URL('./worker.js', import.meta.url));
  const child = await startChild(process.execPath, [script, kind, JSON.stringify(options)], process.env);
  if (!child)
    throw new Error(
      `the contestant '${kind}' did not start: node ${script} ${kind} '${JSON.stringify(options)}'`,
    );
  return child;
}
