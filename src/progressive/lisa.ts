/**
 * LISA (Pan et al. 2024, "Layerwise Importance Sampling for Memory-Efficient Large Language Model Fine-Tuning", arXiv 2403.17919), as a
 * baseline: embeddings and head always train, and of the blocks a few that are drawn anew every K steps, all with the same probability.
 */
import { permutation, STREAM } from '../random.js';

/** Blocks that train at a time, and steps between two draws: the defaults of the authors' LMFlow. */
export const LISA_DEFAULTS = { layers: 2, interval: 20 } as const;

/** 0-based indices of the blocks of a period (1 ..), each drawn at most once. */
export const lisaBlocks = (
  { seed, layers }: { readonly seed: number; readonly layers: number },
  period: number,
  blocks: number,
): number[] => [...permutation({ seed, stream: STREAM.sample, step: period }, blocks).slice(0, layers)];
