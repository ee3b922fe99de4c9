/** `--threads`, `--device`, `--profile`: how the engine runs, for every command that runs a model. */
import type { Command } from 'commander';
import type { CompileOptions } from '../engine/compile.js';
import { DEVICES, openTfjsBackend, parseDevice } from '../engine/device.js';
import { Profile, productShare } from '../engine/profile.js';
import { wholeNumber } from './numbers.js';
import { note } from './progress.js';

export interface EngineFlags {
  readonly threads: number;
  readonly device: string;
  readonly profile?: string;
}

/** Operators that are printed; all are in the file. */
const HEAVIEST = 10;

export const addEngineOptions = (command: Command): Command =>
  command
    .option('--threads <n>', '0: one per core; results do not depend on it', wholeNumber('threads', 0), 0)
    .option('--device <name>', DEVICES.join(', '), 'cpu')
    .option(
      '--profile <file>',
      'write where the time goes, for chrome://tracing or ui.perfetto.dev, and print the heaviest operators; for short runs',
    );

async function report(profile: Profile, file: string): Promise<void> {
  const times = await profile.write(file);
  const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const heaviest = times.slice(0, HEAVIEST).map(({ operator, milliseconds, calls }) => {
    const share = ((100 * milliseconds) / total).toFixed(1);
    return `  ${operator.padEnd(20)} ${milliseconds.toFixed(0).padStart(8)} ms ${share.padStart(5)} % ${String(calls).padStart(8)} calls`;
  });
  const lines = [
    `${file}: open it in chrome://tracing or https://ui.perfetto.dev`,
    ...heaviest,
    `  matrix products: ${(100 * productShare(times)).toFixed(1)} % of ${(total / 1000).toFixed(2)} s`,
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** Runs with the engine that the flags ask for. @throws UsageError for an unknown device */
export async function withEngine<T>(
  { threads, device: name, profile: file }: EngineFlags,
  run: (options: Required<Pick<CompileOptions, 'device' | 'threads'>> & CompileOptions) => Promise<T>,
): Promise<T> {
  const device = parseDevice(name);
  if (device === 'tfjs') note(`device tfjs: backend '${await openTfjsBackend()}'`);
  if (file === undefined) return run({ device, threads });
  const profile = new Profile();
  try {
    const result = await run({ device, threads, profile });
    await report(profile, file);
    return result;
  } finally {
    await profile.discard();
  }
}
