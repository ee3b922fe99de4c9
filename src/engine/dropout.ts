/**
 * Dropout masks: drawn outside of the graph from (seed, step, example, position in the example), so that what an example is dropped
 * does not depend on where it lies in a batch, on the number of threads, nor on whether the run was interrupted.
 */

import { mixKey, type RandomKey } from '../random.js';
import { Arena, arenaBytes, type Runs } from './arena.js';
import { sizeOf } from './kernels/rule.js';
import type { Feeds } from './session.js';
import type * as tf from './tfjs.js';

/**
 * Whose numbers a mask holds. `tokens`: [tokens, ...], a row for each token of the batch; `examples`: [slots, ...], a row for each
 * example; `attention`: [rows, heads, length, length], what tokens of one example give one another; `first`: [1, heads, slots, tokens],
 * what the first token of each example gives the tokens; `place`: anything else, drawn by the place in the array. Of a second stack's
 * rows `target-tokens` and `target-attention` are the same; `cross-attention`: [rows, heads, target length, length], what an example's tokens
 * there give those of the first stack.
 */
export type MaskOf =
  | 'tokens'
  | 'examples'
  | 'attention'
  | 'first'
  | 'place'
  | 'target-tokens'
  | 'target-attention'
  | 'cross-attention';

/** A random input of a traced function. */
export interface MaskSite {
  readonly name: string;
  readonly shape: readonly number[];
  readonly rate: number;
  readonly of: MaskOf;
}

/** Random inputs that a traced function asks for. */
export interface Randomness {
  /** An inverted-dropout mask of 0 and 1 / (1 - rate), fresh at every run; undefined at rate 0. */
  mask(shape: readonly number[], rate: number, of: MaskOf): tf.Tensor | undefined;
}

/** Where the examples lie in rows, flattened. */
export interface PlacedRows {
  /** Tokens of a row. */
  readonly length: number;
  /** [slots], index of its first token */
  readonly starts: ArrayLike<number>;
  /** [slots], its tokens; 0 for an empty slot */
  readonly lengths: ArrayLike<number>;
}

/** Where the examples of a batch lie. */
export interface Placement extends PlacedRows {
  /** [slots], number of each example in the data set */
  readonly examples: ArrayLike<number>;
  /** In the rows of a second stack. */
  readonly target?: PlacedRows | undefined;
}

/** Which masks: (seed, stream, step), and the examples of the batch where a mask belongs to examples. */
export interface MaskKey extends RandomKey {
  readonly placement?: Placement;
}

/** An example's tokens among rows. */
interface Placed {
  readonly length: number;
  readonly start: number;
  readonly tokens: number;
}

const placed = ({ length, starts, lengths }: PlacedRows, slot: number): Placed => ({
  length,
  start: starts[slot] as number,
  tokens: lengths[slot] as number,
});

const ONE = { outer: 1, outerStride: 0, inner: 1, innerStride: 0 };

const ofTokens = (width: number, { start, tokens }: Placed): Runs => ({
  ...ONE,
  start: start * width,
  count: tokens * width,
});

/** What an example's tokens in some rows give those in others: [rows, heads, from, to]. */
function ofPairs(heads: number, from: Placed, to: Placed): Runs {
  const row = Math.floor(from.start / from.length);
  const matrix = from.length * to.length;
  return {
    start: row * heads * matrix + (from.start % from.length) * to.length + (to.start % to.length),
    outer: heads,
    outerStride: matrix,
    inner: from.tokens,
    innerStride: to.length,
    count: to.tokens,
  };
}

/** The runs of floats in a mask that belong to an example. */
function runsOf({ shape, of }: MaskSite, placement: Placement, slot: number): Runs {
  const width = sizeOf(shape.slice(1));
  const [, heads = 1, slots = 1, all = 1] = shape;
  const own = placed(placement, slot);
  const target = (): Placed => {
    if (!placement.target) throw new Error(`internal: a mask by ${of}, but the batch has no second rows`);
    return placed(placement.target, slot);
  };
  switch (of) {
    case 'tokens':
      return ofTokens(width, own);
    case 'target-tokens':
      return ofTokens(width, target());
    case 'examples':
      return { ...ONE, start: slot * width, count: width };
    case 'attention':
      return ofPairs(heads, own, own);
    case 'target-attention':
      return ofPairs(heads, target(), target());
    case 'cross-attention':
      return ofPairs(heads, target(), own);
    case 'first':
      return {
        ...ONE,
        start: slot * all + own.start,
        outer: heads,
        outerStride: slots * all,
        count: own.tokens,
      };
    default:
      throw new Error(`internal: a mask by ${of} has no example's part`);
  }
}

/** The 32-bit key of the `site`-th mask: sites of one step draw different numbers. */
const siteKey = ({ seed, stream, step }: RandomKey, site: number): RandomKey => ({
  seed,
  stream: stream + 256 * (site + 1),
  step,
});

export interface MaskSource {
  /** Draws the masks of the sites, whose arrays are overwritten by the next call. */
  fill(sites: readonly MaskSite[], key: MaskKey | undefined): Feeds;
  /** The same as bits: 1 where a mask is not 0, eight to a byte. */
  bits(sites: readonly MaskSite[], key: MaskKey | undefined): Readonly<Record<string, Uint8Array>>;
}

/** Masks of one function: arrays in an arena, which grows to the largest batch. */
export function maskSource(): MaskSource {
  let arena: Arena | undefined;
  let capacity = 0;
  function arenaFor(need: number, masks: number): Arena {
    if (!arena || need > capacity) {
      arena = new Arena(need, {
        purpose: `${masks} dropout masks`,
        remedy: 'lower --batch-size or --max-length',
      });
      capacity = need;
    }
    arena.clear();
    return arena;
  }
  const known = (key: MaskKey | undefined): MaskKey => {
    if (!key) throw new Error('internal: a function with dropout is run without a random key');
    return key;
  };
  return {
    fill(sites, key) {
      if (sites.length === 0) return {};
      return draw(arenaFor(maskBytes(sites), sites.length), sites, known(key));
    },
    bits(sites, key) {
      if (sites.length === 0) return {};
      const bytes = sites.reduce((sum, { shape }) => sum + arenaBytes(Math.ceil(sizeOf(shape) / 32)), 0);
      const arena = arenaFor(maskBytes(sites) + bytes, sites.length);
      const masks = draw(arena, sites, known(key));
      return Object.fromEntries(Object.entries(masks).map(([name, mask]) => [name, arena.bits(mask)]));
    },
  };
}

function draw(arena: Arena, sites: readonly MaskSite[], key: MaskKey): Record<string, Float32Array> {
  const masks: Record<string, Float32Array> = {};
  for (const [index, site] of sites.entries()) {
    const array = arena.array(sizeOf(site.shape));
    masks[site.name] = array;
    const of = siteKey(key, index);
    if (site.of === 'place') arena.fillMask(array, mixKey(of), site.rate);
    else fillExamples(arena, array, site, of, key.placement);
  }
  return masks;
}

function fillExamples(
  arena: Arena,
  array: Float32Array,
  site: MaskSite,
  key: RandomKey,
  placement: Placement | undefined,
): void {
  if (!placement) throw new Error('internal: dropout by example, but it is not said where the examples lie');
  const { examples, lengths } = placement;
  for (let slot = 0; slot < examples.length; slot++) {
    if (lengths[slot] === 0) continue;
    const example = mixKey({ seed: mixKey(key), stream: key.stream, step: examples[slot] as number });
    arena.fillMask(array, example, site.rate, runsOf(site, placement, slot));
  }
}

/** Memory of a function's masks. */
export const maskBytes = (sites: readonly MaskSite[]): number =>
  sites.reduce((sum, { shape }) => sum + arenaBytes(sizeOf(shape)), 0);
