/**
 * Parts by what blocks contribute: the paper's parts are cut from the order of the blocks, because "higher blocks contribute more" (section
 * 3, figure 1); these are cut from a measured order, so that P_1, which freezes first, holds what contributes least.
 */
import { parts } from './parts.js';

/**
 * How a block's contribution is estimated, on training data only. `gradient-norm`: squared norm of the loss gradient before training;
 * `fisher`: trace of the empirical Fisher information, the same for one example at a time (Kunstner et al. 2019, eq. 3);
 * `weight-change`: how far a short full fine-tuning moves its weights, relative to their norm; `cka`: 1 - linear centred kernel alignment of
 * what it is given and what it gives (Kornblith et al. 2019); `only-block`: the paper's figure 1, runs that train this block only, by their
 * loss on a tenth of the training data that is held out.
 */
export const ESTIMATES = ['gradient-norm', 'fisher', 'weight-change', 'cka', 'only-block'] as const;
export type Estimate = (typeof ESTIMATES)[number];

/**
 * As many blocks in each part as the paper's, sorted by contribution; of equals the lower block freezes first.
 * @param contributions of each block, from the lowest up: more is more @returns 0-based indices, ascending within a part
 */
export function contributionParts(contributions: readonly number[], stages: number): number[][] {
  const order = contributions
    .map((contribution, block) => ({ contribution, block }))
    .sort((a, b) => a.contribution - b.contribution || a.block - b.block)
    .map(({ block }) => block);
  return parts(contributions.length, stages).map(({ first, end }) =>
    order.slice(first, end).sort((a, b) => a - b),
  );
}
