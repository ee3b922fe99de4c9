/** Draws for the grammars: a sequence that depends on (seed, task, group) alone. */
import { fillBits, STREAM } from '../../random.js';

export interface Draw {
  /** A whole number in [0, count). */
  below(count: number): number;
  coin(): boolean;
  pick<T>(choices: readonly T[]): T;
  /** `count` different ones, in random order. */
  several<T>(choices: readonly T[], count: number): T[];
}

/** Bits of one group; more than any sentence takes. */
const WORDS = 512;

/** @param step which group: a task's number times 2^20 plus the group's */
export function drawFrom(seed: number, step: number): Draw {
  const bits = fillBits({ seed, stream: STREAM.generate, step }, new Uint32Array(WORDS));
  let at = 0;
  const below = (count: number): number => {
    if (at === WORDS) throw new Error('internal: a grammar drew more than its share');
    return Math.floor(((bits[at++] as number) / 2 ** 32) * count);
  };
  const pick = <T>(choices: readonly T[]): T => choices[below(choices.length)] as T;
  return {
    below,
    coin: () => below(2) === 1,
    pick,
    several<T>(choices: readonly T[], count: number): T[] {
      const left = [...choices];
      return Array.from({ length: count }, () => left.splice(below(left.length), 1)[0] as T);
    },
  };
}
