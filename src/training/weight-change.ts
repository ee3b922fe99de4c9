/** How far training moved each block's weights. */
import type { ParameterSpec, Parameters } from '../models/parameters.js';

/** Norm of the change of each block's scalars, divided by their norm before: 0.01 is one percent. */
export function weightChanges(
  specs: readonly ParameterSpec[],
  before: Parameters,
  after: Parameters,
  blocks: number,
): number[] {
  const [moved, were] = [new Array<number>(blocks).fill(0), new Array<number>(blocks).fill(0)];
  for (const { name, place } of specs) {
    if (place.kind !== 'block') continue;
    const [old, now] = [before.get(name) as Float32Array, after.get(name) as Float32Array];
    for (let i = 0; i < old.length; i++) {
      const value = old[i] as number;
      moved[place.index] = (moved[place.index] as number) + ((now[i] as number) - value) ** 2;
      were[place.index] = (were[place.index] as number) + value ** 2;
    }
  }
  return moved.map((square, block) => Math.sqrt(square / Math.max(Number.MIN_VALUE, were[block] as number)));
}
