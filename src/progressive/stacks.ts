/** What progressive means with two stacks: the parts P_1..P_T of a model that is an encoder and a decoder. */
import { UsageError } from '../errors.js';
import { parts } from './parts.js';

/**
 * What the parts are cut from: the blocks of both stacks in one row, from the encoder's lowest to the decoder's highest (`joined`); either stack
 * by itself, a part being the t-th of both (`side-by-side`); the `decoder` alone. Decision, where the paper is silent: the encoder, which lies
 * beneath the whole decoder, then belongs to the lowest part and freezes with it.
 */
export const STACKS = ['joined', 'side-by-side', 'decoder'] as const;
export type Stacks = (typeof STACKS)[number];

/** Blocks of the encoder, and of both stacks together. */
export interface StackSizes {
  readonly encoder: number;
  readonly blocks: number;
}

const range = (first: number, end: number): number[] =>
  Array.from({ length: end - first }, (_, i) => first + i);

/**
 * @returns 0-based indices of the blocks of P_1..P_T, counted through both stacks
 * @throws UsageError for a model of one stack, or a stack of fewer than T blocks
 */
export function stackParts(
  over: Exclude<Stacks, 'joined'>,
  { encoder, blocks }: StackSizes,
  stages: number,
): number[][] {
  if (encoder === 0)
    throw new UsageError(`stacks ${over}: the model has one stack of blocks; this is for encoder-decoders`);
  const least = over === 'decoder' ? blocks - encoder : Math.min(encoder, blocks - encoder);
  if (stages > least)
    throw new UsageError(
      `stages: ${stages} parts cannot be cut from a stack of ${least} blocks; use at most ${least}`,
    );
  const decoder = parts(blocks - encoder, stages).map(({ first, end }) =>
    range(encoder + first, encoder + end),
  );
  if (over === 'decoder') return decoder.map((part, i) => (i === 0 ? [...range(0, encoder), ...part] : part));
  return parts(encoder, stages).map(({ first, end }, i) => [
    ...range(first, end),
    ...(decoder[i] as number[]),
  ]);
}
