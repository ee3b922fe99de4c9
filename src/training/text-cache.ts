/** Keys and values of what has been written so far, and how rows are chosen from them. */
import { MASKED } from '../models/attending.js';

/** Rows, their new tokens, and room for the tokens before. */
export interface TextShape {
  readonly rows: number;
  readonly tokens: number;
  readonly room: number;
  /** Tokens of the text that an encoder reads, padding included; 0 for a decoder alone. */
  readonly source: number;
}

/** Keys and values of all rows so far, [rows, room, size] by their names, of which the first `length` of each row are filled. */
export interface Cache {
  readonly rows: number;
  readonly room: number;
  readonly length: number;
  readonly arrays: ReadonlyMap<string, Float32Array>;
}

/** Room in powers of 2, so that few programs are made. */
export const roomFor = (length: number): number => Math.max(64, 2 ** Math.ceil(Math.log2(length)));

/** Prompts are padded to multiples of this. */
const STEP = 16;

export const paddedLength = (length: number): number => Math.ceil(length / STEP) * STEP;

/** Rows of a cache, chosen and given room. @param chosen which row each new one continues */
export function rearranged(
  cache: Cache,
  chosen: readonly number[],
  room: number,
  sizes: ReadonlyMap<string, number>,
): Cache {
  const isSame =
    room === cache.room && chosen.length === cache.rows && chosen.every((from, to) => from === to);
  if (isSame) return cache;
  const arrays = new Map(
    [...cache.arrays].map(([name, array]) => {
      const size = sizes.get(name) as number;
      const next = new Float32Array(chosen.length * room * size);
      chosen.forEach((from, to) => {
        const begin = from * cache.room * size;
        next.set(array.subarray(begin, begin + cache.length * size), to * room * size);
      });
      return [name, next] as const;
    }),
  );
  return { rows: chosen.length, room, length: cache.length, arrays };
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
