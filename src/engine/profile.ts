/**
 * Where the time goes: onnxruntime's own trace of every program, and spans of ours, as one file that chrome://tracing and
 * https://ui.perfetto.dev open. For short runs: an operator leaves an event of about 400 bytes at each call.
 */
import { mkdtempSync } from 'node:fs';
import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError } from '../errors.js';

/** Time of all calls of one operator, or of one span of ours. */
export interface OperatorTime {
  readonly operator: string;
  readonly milliseconds: number;
  readonly calls: number;
}

/** Chrome's trace event format; times in microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

const PRODUCTS = new Set(['Gemm', 'FusedGemm', 'MatMul', 'FusedMatMul']);

/** Share of matrix products in the time of all operators, 0 to 1. */
export function productShare(times: readonly OperatorTime[]): number {
  const sum = (kept: readonly OperatorTime[]): number =>
    kept.reduce((total, { milliseconds }) => total + milliseconds, 0);
  return sum(times.filter(({ operator }) => PRODUCTS.has(operator))) / (sum(times) || 1);
}

/** Runs a piece of our own, timed where a profile is wanted. */
export const span = <T>(profile: Profile | undefined, name: string, run: () => T): T =>
  profile ? profile.span(name, run) : run();

/**
 * Collects while programs run; `write` after they are closed.
 * @example
 * ```ts
 * import { engine } from 'progtuning';
 *
 * const profile = new engine.Profile();
 * const program = await engine.compile({ x: { shape: [1, 3] } }, ({ x }) => ({ y: engine.fused.gelu(x) }), { profile });
 * await program.run({ x: Float32Array.of(-1, 0, 1) });
 * await program.close();
 * const times = await profile.write('profile.json');
 * console.log(times.length > 0); // true
 * ```
 */
export class Profile {
  private readonly folder = mkdtempSync(join(tmpdir(), 'progtuning-profile-'));
  private readonly start = performance.now();
  private from = 0;
  private readonly programs: { readonly name: string; opened: number }[] = [];
  private readonly spans: { readonly name: string; readonly at: number; readonly ms: number }[] = [];

  /** Leaves out what has been collected until now: the first steps of a program touch its memory and fill caches. */
  restart(): void {
    this.from = (performance.now() - this.start) * 1000;
  }

  /** Announces a program. @returns the prefix of the file for onnxruntime's trace, and what to call when the program is open @internal */
  program(name: string): { readonly prefix: string; readonly opened: () => void } {
    const program = { name, opened: 0 };
    this.programs.push(program);
    const opened = (): void => {
      program.opened = performance.now() - this.start;
    };
    return { prefix: join(this.folder, String(this.programs.length)), opened };
  }

  /** Times a piece of our own, beside the programs. @internal */
  span<T>(name: string, run: () => T): T {
    const from = performance.now();
    try {
      return run();
    } finally {
      this.spans.push({ name, at: from - this.start, ms: performance.now() - from });
    }
  }

  /** Removes what was collected. */
  discard(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  private async *events(): AsyncGenerator<TraceEvent> {
    const label = (pid: number, name: string): TraceEvent => ({
      ...{ name: 'process_name', ph: 'M', pid, tid: 0, args: { name } },
    });
    yield label(0, 'progtuning');
    for (const { name, at, ms } of this.spans) {
      yield {
        name,
        cat: 'Span',
        ph: 'X',
        pid: 0,
        tid: 0,
        ts: Math.round(at * 1000),
        dur: Math.round(ms * 1000),
      };
    }
    const files = await readdir(this.folder);
    for (const [index, { name, opened }] of this.programs.entries()) {
      const file = files.find((found) => found.startsWith(`${index + 1}_`));
      if (file === undefined) continue;
      yield label(index + 1, name);
      const events = JSON.parse(await readFile(join(this.folder, file), 'utf8')) as TraceEvent[];
      // Its clock starts somewhere while the program is opened; ours knows when that ended.
      const { ts = 0, dur = 0 } = events.find((event) => event.name === 'session_initialization') ?? {};
      const shift = opened * 1000 - (ts + dur);
      for (const event of events) {
        yield { ...event, pid: index + 1, ts: Math.round((event.ts ?? 0) + shift) };
      }
    }
  }

  /**
   * Writes the trace and removes what was collected.
   * @returns times by operator, the heaviest first @throws DataError when the file cannot be written
   */
  async write(path: string): Promise<OperatorTime[]> {
    const times = new Map<string, { microseconds: number; calls: number }>();
    const partial = `${path}.partial`;
    try {
      const file = await open(partial, 'w');
      try {
        let separator = '[';
        for await (const event of this.events()) {
          if (event.ts !== undefined && event.ts < this.from) continue;
          await file.write(`${separator}${JSON.stringify(event)}`);
          separator = ',\n';
          const kernel = event.cat === 'Node' && event.name.endsWith('_kernel_time');
          if (!kernel && event.cat !== 'Span') continue;
          const operator = kernel ? String(event.args?.op_name) : event.name;
          const time = times.get(operator) ?? { microseconds: 0, calls: 0 };
          times.set(operator, { microseconds: time.microseconds + (event.dur ?? 0), calls: time.calls + 1 });
        }
        await file.write(']\n');
      } finally {
        await file.close();
      }
      await rename(partial, path);
    } catch (cause) {
      await rm(partial, { force: true });
      throw new DataError(`${path}: the profile cannot be written: ${(cause as Error).message}`, { cause });
    } finally {
      await this.discard();
    }
    return [...times]
      .map(([operator, { microseconds, calls }]) => ({ operator, milliseconds: microseconds / 1000, calls }))
      .sort((a, b) => b.milliseconds - a.milliseconds);
  }
}
