/** Keys and values of what has been written so far, and how rows are chosen from them. */
import { MASKED } from '../models/attending.js';
import type { KeyHeads } from '../models/past.js';

/** Rows, their new tokens, and room for the tokens before. */
export interface TextShape {
  readonly rows: number;
  readonly tokens: number;
  readonly room: number;
  /** Tokens of the text that an encoder reads, padding included; 0 for a decoder alone. */
  readonly source: number;
}

/** Keys and values of all rows so far, [rows, heads, room, head size] by their names; of each head the first `length` places are filled. */
export interface Cache {
  readonly rows: number;
  readonly room: number;
  readonly length: number;
  readonly arrays: ReadonlyMap<string, Float32Array>;
}

/** Room in powers of 2, so that arrays are seldom made anew. */
const roomFor = (length: number): number => Math.max(64, 2 ** Math.ceil(Math.log2(length)));

/** A cache with room for so many tokens, none of which is filled. */
export function emptyCache(
  names: readonly string[],
  rows: number,
  tokens: number,
  { heads, size }: KeyHeads,
): Cache {
  const room = roomFor(tokens);
  const arrays = new Map(names.map((name) => [name, new Float32Array(rows * heads * room * size)]));
  return { rows, room, length: 0, arrays };
}

/** Rows of a cache, chosen, with room for a token more. @param chosen which row each new one continues */
export function rearranged(cache: Cache, chosen: readonly number[], { heads, size }: KeyHeads): Cache {
  const room = roomFor(cache.length + 1);
  const isSame =
    room === cache.room && chosen.length === cache.rows && chosen.every((from, to) => from === to);
  if (isSame) return cache;
  const filled = cache.length * size;
  const arrays = new Map(
    [...cache.arrays].map(([name, array]) => {
      const next = new Float32Array(chosen.length * heads * room * size);
      chosen.forEach((from, to) => {
        for (let head = 0; head < heads; head++) {
          const begin = (from * heads + head) * cache.room * size;
          next.set(array.subarray(begin, begin + filled), (to * heads + head) * room * size);
        }
      });
      return [name, next] as const;
    }),
  );
  return { ...cache, rows: chosen.length, room, arrays };
}

/** Writes what is new behind what is filled, in place. @param fresh [rows, heads, tokens, head size] by their names */
export function extended(
  cache: Cache,
  fresh: Readonly<Record<string, Float32Array | Int32Array>>,
  tokens: number,
  { heads, size }: KeyHeads,
): Cache {
  const length = tokens * size;
  for (const [name, array] of cache.arrays)
    for (let line = 0; line < cache.rows * heads; line++) {
      const made = (fresh[name] as Float32Array).subarray(line * length, (line + 1) * length);
      array.set(made, (line * cache.room + cache.length) * size);
    }
  return { ...cache, length: cache.length + tokens };
}

/** 0 where a row's token may look, [rows, 1, tokens, room + tokens]: at the filled room, and at the tokens up to itself. */
export function biasOf({ rows, tokens, room }: TextShape, filled: number): Float32Array {
  const width = room + tokens;
  const bias = new Float32Array(rows * tokens * width).fill(MASKED);
  for (let row = 0; row < rows * tokens; row++) {
    bias.fill(0, row * width, row * width + filled);
    bias.fill(0, row * width + room, row * width + room + (row % tokens) + 1);
  }
  return bias;
}
