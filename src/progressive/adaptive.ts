/**
 * Parts that are found while the model trains: at the end of each stage the low blocks freeze that hardly move any more. Both rules look at
 * blocks from the lowest up and stop at the first that still moves, so that the backward pass ends there. The top block never freezes.
 */
import type { Trains } from '../models/parameters.js';

/**
 * What is measured, and against what. `gradient-norm`, as AutoFreeze (Liu, Agarwal and Venkataraman 2021, arXiv 2102.01386, "gradient norm
 * test"): by what share the norm of a block's gradient changed from one interval to the next; a block freezes below the p-th percentile of
 * the blocks that still train. `plasticity`, as Egeria (Wang et al. 2022, arXiv 2201.06227): the similarity-preserving loss (Tung and Mori
 * 2019) between what a block gives and what a reference model's gives; a block freezes when this changes by less than a share of the most it
 * has changed by. Deviations: an interval is a stage; gradient norms are summed over its steps, not vectors (no further memory); the
 * reference is the model before training, not a quantised copy of a recent one.
 */
export const FREEZING_RULES = ['gradient-norm', 'plasticity'] as const;
export type FreezingRule = (typeof FREEZING_RULES)[number];

/**
 * `gradient-norm`: the 50th percentile, default of AutoFreeze's published code. `plasticity`: 0.2 is ours.
 */
export const FREEZE_THRESHOLDS: Readonly<Record<FreezingRule, number>> = {
  'gradient-norm': 50,
  plasticity: 0.2,
};

/** Linear between the two nearest values, as `numpy.percentile`. @param values at least one @param percent 0..100 */
function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = ((sorted.length - 1) * percent) / 100;
  const [low, high] = [sorted[Math.floor(place)] as number, sorted[Math.ceil(place)] as number];
  return low + (high - low) * (place - Math.floor(place));
}

/** The first block from `from` up that still moves; at most the top one. */
function firstMoving(from: number, blocks: number, moves: (block: number) => boolean): number {
  let block = from;
  while (block < blocks - 1 && !moves(block)) block++;
  return block;
}

/**
 * How many low blocks are frozen after a stage. Nothing freezes after the first: a change needs two measurements.
 * @param threshold of the rule: a percentile 0..100, or a share
 * @param movements of each stage so far, one number for each block; of frozen blocks any
 * @param frozen how many low blocks were
 */
export function frozenAfter(
  { rule, threshold }: { readonly rule: FreezingRule; readonly threshold: number },
  movements: readonly (readonly number[])[],
  frozen: number,
): number {
  const [now, former] = [movements.at(-1), movements.at(-2)];
  if (!now || !former) return frozen;
  const at = (row: readonly number[] | undefined, block: number): number => row?.[block] ?? 0;
  if (rule === 'gradient-norm') {
    const change = (block: number): number =>
      at(former, block) === 0 ? 0 : Math.abs(at(former, block) - at(now, block)) / at(former, block);
    const active = now.map((_, block) => block).slice(frozen);
    const bound = percentile(active.map(change), threshold);
    return firstMoving(frozen, now.length, (block) => change(block) >= bound);
  }
  // The reference is the model before training: there all plasticities are 0.
  const changes = (block: number): number[] =>
    movements.map((row, stage) => Math.abs(at(row, block) - at(movements[stage - 1], block)));
  return firstMoving(frozen, now.length, (block) => {
    const last = changes(block).at(-1) as number;
    return last >= threshold * Math.max(...changes(block).slice(0, -1));
  });
}

/** What trains while so many low blocks are frozen. @param embeddings `first-stage`: as long as no block is frozen, as in both papers */
export const trainsAbove =
  (frozen: number, embeddings: 'always' | 'first-stage' | 'never'): Trains =>
  ({ place }) => {
    if (place.kind === 'block') return place.index >= frozen;
    if (place.kind !== 'embeddings') return true;
    return embeddings === 'always' || (embeddings === 'first-stage' && frozen === 0);
  };
