/** Compiled programs by batch shape. Each holds its own working memory, so only the last few are kept. */
import type { Compiled } from '../engine/compile.js';
import type { BatchShape } from './model.js';

export interface ProgramCache<B> {
  get(shape: B): Promise<Compiled>;
  /** Time spent compiling, in milliseconds. */
  readonly compileMilliseconds: number;
  close(): Promise<void>;
}

/** Bucketed lengths make about six shapes common; more would hold memory for shapes that are rarely met. */
const MOST_PROGRAMS = 8;

export function programCache<B extends BatchShape>(
  compileFor: (shape: B) => Promise<Compiled>,
): ProgramCache<B> {
  const programs = new Map<string, Compiled>();
  let milliseconds = 0;
  return {
    async get(shape) {
      const key = `${shape.rows}x${shape.length}`;
      const known = programs.get(key);
      programs.delete(key);
      if (!known && programs.size >= MOST_PROGRAMS) {
        const [oldest] = programs.keys();
        await programs.get(oldest as string)?.close();
        programs.delete(oldest as string);
      }
      const start = performance.now();
      const program = known ?? (await compileFor(shape));
      if (!known) milliseconds += performance.now() - start;
      programs.set(key, program);
      return program;
    },
    get compileMilliseconds() {
      return milliseconds;
    },
    async close() {
      for (const program of programs.values()) await program.close();
      programs.clear();
    },
  };
}
