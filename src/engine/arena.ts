/**
 * Float arrays in one WebAssembly memory, and the SIMD kernels that run over them: parameters, their gradients (onnxruntime
 * writes straight into them), AdamW's moments, dropout masks. See `arena.as.ts` for the kernels.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { codeFolder } from '../package.js';

interface Kernels {
  adamw(
    p: number,
    g: number,
    m: number,
    v: number,
    count: number,
    clip: number,
    decay: number,
    beta1: number,
    beta2: number,
    stepSize: number,
    correction: number,
    eps: number,
  ): void;
  fillMask(
    out: number,
    outer: number,
    outerStride: number,
    inner: number,
    innerStride: number,
    count: number,
    key: number,
    threshold: number,
    scale: number,
  ): void;
  packBits(from: number, to: number, count: number): void;
}

const PAGE = 65536;
/** WebAssembly's 32-bit memory ends at 65,536 pages (4 GiB). */
const MOST_PAGES = 65536;
/** Arrays start at cache lines. */
const ALIGNMENT = 64;

let compiled: WebAssembly.Module | undefined;

const wasmModule = (): WebAssembly.Module =>
  (compiled ??= new WebAssembly.Module(readFileSync(join(codeFolder, 'engine/arena.wasm'))));

/** Bytes that an array of `count` floats takes in an arena. */
export const arenaBytes = (count: number): number => Math.ceil((count * 4 + 32) / ALIGNMENT) * ALIGNMENT;

/** Dropout rates are met to 1 / 65536. */
const thresholdOf = (rate: number): number => Math.round(rate * 65536);

/** What a dropout mask holds where it is not 0. */
export const maskScale = (rate: number): number => 1 / (1 - thresholdOf(rate) / 65536);

/** Runs of `count` floats, `outer` x `inner` of them, the first at `start`, the others strides of floats away. */
export interface Runs {
  readonly start: number;
  readonly outer: number;
  readonly outerStride: number;
  readonly inner: number;
  readonly innerStride: number;
  readonly count: number;
}

const wholeOf = ({ length }: Float32Array): Runs => ({
  start: 0,
  outer: 1,
  outerStride: 0,
  inner: 1,
  innerStride: 0,
  count: length,
});

/** A fixed block of memory from which float arrays are cut. */
export class Arena {
  private readonly memory: WebAssembly.Memory;
  private readonly kernels: Kernels;
  private used = 0;

  /**
   * @param bytes sum of {@link arenaBytes} of all arrays; at most 4 GiB @param what it is for, and what to lower where it cannot be had
   * @throws DataError when the memory cannot be had
   */
  constructor(bytes: number, what: { readonly purpose: string; readonly remedy: string }) {
    const pages = Math.ceil(bytes / PAGE) + 1;
    if (pages > MOST_PAGES) throw new RangeError(`internal: an arena of ${bytes} bytes is over 4 GiB`);
    try {
      this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    } catch (cause) {
      const size = `${(bytes / 2 ** 20).toFixed(0)} MiB`;
      throw new DataError(`memory: ${size} for ${what.purpose} could not be allocated; ${what.remedy}`, {
        cause,
      });
    }
    const instance = new WebAssembly.Instance(wasmModule(), { env: { memory: this.memory } });
    this.kernels = instance.exports as unknown as Kernels;
  }

  /** An array of `count` floats: zeros, but for what stood there before a `clear`. */
  array(count: number): Float32Array {
    const array = new Float32Array(this.memory.buffer, this.used, count);
    this.used += arenaBytes(count);
    return array;
  }

  /** Starts anew: arrays cut before are overwritten by those to come. */
  clear(): void {
    this.used = 0;
  }

  owns(array: Float32Array): boolean {
    return array.buffer === this.memory.buffer;
  }

  /**
   * One AdamW step on arrays of this arena, in place.
   * @param clip factor on the gradient @param decay factor on the parameter, 1 - learningRate * weightDecay
   * @param stepSize learningRate / (1 - beta1^t) @param correction sqrt(1 - beta2^t)
   */
  adamw(
    arrays: {
      readonly p: Float32Array;
      readonly g: Float32Array;
      readonly m: Float32Array;
      readonly v: Float32Array;
    },
    clip: number,
    decay: number,
    betas: readonly [number, number],
    stepSize: number,
    correction: number,
    eps: number,
  ): void {
    const { p, g, m, v } = arrays;
    const at = [p, g, m, v].map((array) => array.byteOffset) as [number, number, number, number];
    this.kernels.adamw(...at, p.length, clip, decay, ...betas, stepSize, correction, eps);
  }

  /**
   * Fills runs of an array of this arena with an inverted-dropout mask drawn from `key`, and touches nothing else; `rate` is met to
   * 1 / 65536. What a run gets depends on the key, the lengths of the runs and its place among them, not on where it lies.
   */
  fillMask(out: Float32Array, key: number, rate: number, runs: Runs = wholeOf(out)): void {
    const { start, outer, outerStride, inner, innerStride, count } = runs;
    const at = out.byteOffset + 4 * start;
    const strides = [outer, outerStride, inner, innerStride, count] as const;
    this.kernels.fillMask(at, ...strides, key, thresholdOf(rate), maskScale(rate));
  }

  /** Which floats of an array of this arena are above 0, eight to a byte, the first in the lowest bit. @returns a view of the arena */
  bits(array: Float32Array): Uint8Array {
    const bytes = Math.ceil(array.length / 8);
    const to = this.array(Math.ceil(bytes / 4)).byteOffset;
    this.kernels.packBits(array.byteOffset, to, array.length);
    return new Uint8Array(this.memory.buffer, to, bytes);
  }
}
