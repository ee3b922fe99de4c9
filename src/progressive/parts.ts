/** The paper's split of the blocks (section 3): L blocks B_1..B_L into T parts P_1..P_T of floor(L / T) consecutive blocks. */
import { UsageError } from '../errors.js';

/** A part as a half-open range of 0-based block indices. */
export interface Part {
  readonly first: number;
  readonly end: number;
}

/**
 * The parts P_1..P_T, low to high; the remainder goes to the last, the top part.
 * @throws UsageError when T is no whole number from 1 to L
 * @example
 * ```ts
 * import { progressive } from 'progtuning';
 *
 * console.log(progressive.parts(12, 5).map(({ first, end }) => `${first}-${end - 1}`).join(' ')); // 0-1 2-3 4-5 6-7 8-11
 * ```
 */
export function parts(numHiddenLayers: number, stages: number): Part[] {
  if (!Number.isInteger(stages) || stages < 1)
    throw new UsageError(`stages: ${stages} is not a whole number from 1 up`);
  if (stages > numHiddenLayers) {
    throw new UsageError(
      `stages: ${stages} parts cannot be cut from ${numHiddenLayers} blocks; use at most ${numHiddenLayers}`,
    );
  }
  const size = Math.floor(numHiddenLayers / stages);
  return Array.from({ length: stages }, (_, i) => ({
    first: i * size,
    end: i === stages - 1 ? numHiddenLayers : (i + 1) * size,
  }));
}
