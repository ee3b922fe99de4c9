/**
 * Counter-based random numbers: a value is a pure function of (seed, stream, step, index), so a run repeats bit for bit
 * whatever the number of threads, and a resumed run needs no generator state.
 * Generator: Philox 2x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
 */

/** Which numbers: `stream` keeps uses apart (initialisation, shuffling, dropout ...), `step` counts within one use. */
export interface RandomKey {
  readonly seed: number;
  readonly stream: number;
  readonly step: number;
}

/** Streams in use, so that no two purposes share numbers. */
export const STREAM = {
  initialise: 1,
  shuffle: 2,
  dropout: 3,
  sample: 4,
  mask: 5,
  generate: 6,
  pair: 7,
  validation: 8,
  decode: 9,
} as const;

const MULTIPLIER = 0xd256d193;
const WEYL = 0x9e3779b9;

/** High 32 bits of an unsigned 32 x 32 product. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const middle2 = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) + (middle2 >>> 16)) >>> 0;
}

/** One 32-bit key out of the three parts of a {@link RandomKey}. */
export function mixKey({ seed, stream, step }: RandomKey): number {
  let h = (seed ^ Math.imul(stream + 1, 0x85ebca6b)) >>> 0;
  for (const part of [Math.floor(seed / 2 ** 32) >>> 0, step >>> 0, stream >>> 0]) {
    h = Math.imul(h ^ (h >>> 16), 0x7feb352d) >>> 0;
    h = Math.imul(h ^ (h >>> 15), 0x846ca68b) >>> 0;
    h = ((h ^ (h >>> 16)) + Math.imul(part, 0x9e3779b1)) >>> 0;
  }
  return (h ^ (h >>> 13)) >>> 0;
}

/** Fills `out` with 32-bit words, the `index`-th word depending on nothing but the key and its index. */
export function fillBits(key: RandomKey, out: Uint32Array): Uint32Array {
  const k0 = mixKey(key);
  for (let index = 0; index < out.length; index += 2) {
    let low = index >>> 1;
    let high = key.step >>> 0;
    let k = k0;
    for (let round = 0; round < 10; round++) {
      const product = mulHigh(MULTIPLIER, low);
      const next = Math.imul(MULTIPLIER, low) >>> 0;
      low = (product ^ k ^ high) >>> 0;
      high = next;
      k = (k + WEYL) >>> 0;
    }
    out[index] = low;
    if (index + 1 < out.length) out[index + 1] = high;
  }
  return out;
}

/** `count` numbers in [0, 1), 24 bits each. */
export function uniform(key: RandomKey, count: number): Float32Array {
  const bits = fillBits(key, new Uint32Array(count));
  return Float32Array.from(bits, (word) => (word >>> 8) / 2 ** 24);
}

/** `count` draws from N(0, 1) by Box-Muller. */
export function normal(key: RandomKey, count: number): Float32Array {
  const bits = fillBits(key, new Uint32Array(count + (count & 1)));
  const out = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(((bits[i] as number) + 1) / 4294967297));
    const angle = (2 * Math.PI * (bits[i + 1] as number)) / 4294967296;
    out[i] = radius * Math.cos(angle);
    if (i + 1 < count) out[i + 1] = radius * Math.sin(angle);
  }
  return out;
}

/** A permutation of 0 .. count-1 (Fisher-Yates). */
export function permutation(key: RandomKey, count: number): Uint32Array {
  const bits = fillBits(key, new Uint32Array(count));
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(((bits[i] as number) / 4294967296) * (i + 1));
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  }
  return order;
}
