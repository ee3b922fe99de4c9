/** From the command to the first step of a run, in a process of its own: `node start-up.js MODEL THREADS` says when it is done. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/experiments/run.js';
import { runSpec } from '../../src/experiments/run-spec.js';

const script = fileURLToPath(import.meta.url);

/**
 * Seconds from the start of a process to the end of its first step, which is of one short sentence: imports, checkpoint and its hash,
 * data and tokens, moments, the step's program traced and opened.
 * @param model a folder @throws Error when the run stops before it
 */
export async function startUp(model: string, threads: number): Promise<number> {
  const from = performance.now();
  const child = spawn(process.execPath, [script, model, String(threads)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const seconds = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', () => resolve((performance.now() - from) / 1000));
    child.once('close', () => reject(new Error(`${model}: the run stopped before its first step`)));
  });
  child.kill('SIGKILL');
  return seconds;
}

if (process.argv[1] === script) {
  const [model = '', threads] = process.argv.slice(2);
  const onEvent = ({ kind }: { readonly kind: string }): void => {
    if (kind === 'step') process.stdout.write('stepped\n');
  };
  await run(runSpec({ task: 'sst2', model, data: 'embedded', batchSize: 1 }), {
    threads: Number(threads),
    onEvent,
  });
}
