/** Compiled programs by batch shape. Each holds working memory of its own, so those used last are kept, within a budget. */
import os from 'node:os';
import type { BatchShape } from './model.js';

/** What a cache must know of a program. */
interface Held {
  readonly heldBytes: number;
  close(): Promise<void>;
}

export interface ProgramCache<B, P> {
  get(shape: B): Promise<P>;
  /** Time spent compiling, in milliseconds. */
  readonly compileMilliseconds: number;
  close(): Promise<void>;
}

/** A quarter of the memory that this process may use. */
const defaultBudget = (): number =>
  Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, os.totalmem()) / 4;

/** @param budgetBytes what all programs but the last used may hold, together with it */
export function programCache<B extends BatchShape, P extends Held>(
  compileFor: (shape: B) => Promise<P>,
  budgetBytes = defaultBudget(),
): ProgramCache<B, P> {
  const programs = new Map<string, P>();
  let milliseconds = 0;
  const held = (): number => [...programs.values()].reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  return {
    async get(shape) {
      const key = `${shape.rows}x${shape.length}x${shape.targetLength ?? 0}`;
      const start = performance.now();
      const known = programs.get(key);
      const program = known ?? (await compileFor(shape));
      if (!known) milliseconds += performance.now() - start;
      programs.delete(key);
      programs.set(key, program);
      for (const [oldest, least] of programs) {
        if (oldest === key || held() <= budgetBytes) break;
        programs.delete(oldest);
        await least.close();
      }
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
