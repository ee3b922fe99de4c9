/**
 * Partitions as values: which blocks make up the parts P_1..P_T of a schedule, P_1 freezing first. A schedule says which parts train when.
 * Absent: the paper's equal parts (`parts.ts`).
 */

import { UsageError } from '../errors.js';
import type { ModelConfig } from '../models/config.js';
import { encoderBlocks, placeCounts } from '../models/specs.js';
import * as z from '../schema.js';
import { FREEZING_RULES } from './adaptive.js';
import { contributionParts, ESTIMATES } from './contribution.js';
import { equalParameterParts, type PartSizes } from './equal-parameters.js';
import { STACKS, stackParts } from './stacks.js';

export const partitionSchema = z.discriminatedUnion('kind', [
  /** Parts of like numbers of scalars; the embeddings count to the lowest. */
  z.object({ kind: z.literal('equal-parameters') }),
  /** Parts by measured contribution; `examples`: training examples that are measured on. */
  z.object({
    kind: z.literal('contribution'),
    estimate: z.enum(ESTIMATES),
    examples: z.number().int().positive().optional(),
  }),
  /** At each stage's end the low blocks freeze that hardly move: see `adaptive.ts`. */
  z.object({
    kind: z.literal('adaptive'),
    rule: z.enum(FREEZING_RULES),
    threshold: z.number().min(0).max(100),
    /** `plasticity`: training examples that are measured on. */
    examples: z.number().int().positive().optional(),
  }),
  /** Of an encoder-decoder, equal parts of either stack, or of the decoder: see `stacks.ts`. Absent: of both stacks in one row. */
  z.object({ kind: z.literal('stacks'), over: z.enum(STACKS).exclude(['joined']) }),
  /** Parts as they are: 0-based indices of blocks, P_1 first. What the others are once they are known. */
  z.object({
    kind: z.literal('given'),
    parts: z.array(z.array(z.number().int().nonnegative()).min(1)).min(1),
  }),
]);

/**
 * Which blocks make up the parts that a schedule trains.
 *
 * @useDeclaredType
 */
export type Partition = z.infer<typeof partitionSchema>;
export const PARTITION_KINDS = ['equal', 'equal-parameters', 'contribution', 'adaptive'] as const;

/** Training examples that contributions and plasticity are measured on, if not said; `only-block` takes all. */
export const MEASURED_EXAMPLES = 256;

/** Scalars of the model by place. */
function partSizes(config: ModelConfig, embeddingsTrain: boolean): PartSizes {
  const { embeddings, blocks } = placeCounts(config, { kind: 'classification', numLabels: 1 });
  return { embeddings: embeddingsTrain ? embeddings : 0, blocks };
}

/** @throws UsageError for parts that are not T, or do not hold each block once */
function checked(parts: readonly (readonly number[])[], stages: number, blocks: number): void {
  if (parts.length !== stages)
    throw new UsageError(`partition: ${parts.length} parts are given for ${stages} stages`);
  const found = parts.flat().sort((a, b) => a - b);
  if (found.length !== blocks || found.some((block, i) => block !== i))
    throw new UsageError(
      `partition: the parts must hold each of the blocks 0..${blocks - 1} once, not ${found.join(', ')}`,
    );
}

/**
 * The parts of a partition as block indices. @param contributions of each block, where the partition is by them
 * @returns undefined for equal parts, and for those that are found while the model trains
 * @throws UsageError for T > L, or parts that do not fit
 */
export function partitionParts(
  partition: Partition | undefined,
  { stages, embeddings }: { readonly stages: number; readonly embeddings: string },
  config: ModelConfig,
  contributions?: readonly number[],
): readonly (readonly number[])[] | undefined {
  if (!partition || partition.kind === 'adaptive') return undefined;
  if (stages > config.numHiddenLayers)
    throw new UsageError(
      `stages: ${stages} parts cannot be cut from ${config.numHiddenLayers} blocks; use at most ${config.numHiddenLayers}`,
    );
  switch (partition.kind) {
    case 'equal-parameters':
      return equalParameterParts(partSizes(config, embeddings !== 'never'), stages);
    case 'contribution':
      if (!contributions)
        throw new Error('internal: contributions are measured before parts are cut by them');
      return contributionParts(contributions, stages);
    case 'stacks': {
      const sizes = { encoder: encoderBlocks(config), blocks: config.numHiddenLayers };
      return stackParts(partition.over, sizes, stages);
    }
    case 'given':
      checked(partition.parts, stages, config.numHiddenLayers);
      return partition.parts;
    default:
      throw new Error(`internal: unknown partition '${partition satisfies never}'`);
  }
}
