/** Contestants that take turns, so that what else the machine does falls on all of them. */
import type { Child } from './child.js';

/** At the start: the first touches memory, the second is slow where caches are still cold. */
const WARM_UP = 2;
/** Steps in a turn; one more before them is not counted: it finds the caches and the clock as the others left them. */
const TURN = 2;

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number;

export interface Times {
  readonly ms: number[];
  peakBytes: number;
}

/** Contestants take turns of a few steps, as a training run takes them one after the other. @param steps counted, of each */
export async function contest(children: readonly Child[], steps: number): Promise<Times[]> {
  const times = children.map((): Times => ({ ms: [], peakBytes: 0 }));
  const step = async (index: number, counted: boolean): Promise<void> => {
    const { ms, peakBytes } = await (children[index] as Child).step();
    const own = times[index] as Times;
    own.peakBytes = peakBytes;
    if (counted) own.ms.push(ms);
  };
  for (const index of children.keys()) for (let i = 0; i < WARM_UP; i++) await step(index, false);
  for (let done = 0; done < steps; done += TURN) {
    for (const index of children.keys())
      for (let i = -1; i < Math.min(TURN, steps - done); i++) await step(index, i >= 0);
  }
  return times;
}

/** Each contestant once uncounted, then all in turns: for steps so long that nothing is cold. @param rounds counted */
export async function turns(children: readonly Child[], rounds: number): Promise<Times[]> {
  const times = children.map((): Times => ({ ms: [], peakBytes: 0 }));
  for (let round = 0; round <= rounds; round++)
    for (const [index, child] of children.entries()) {
      const { ms, peakBytes } = await child.step();
      const own = times[index] as Times;
      own.peakBytes = peakBytes;
      if (round > 0) own.ms.push(ms);
    }
  for (const child of children) child.close();
  return times;
}
