/** Shape checks by name. A traced function runs once, so they cost nothing per step. */
import type { Tensor } from './tfjs.js';

/**
 * @param expected sizes by name, in order: `assertShape(q, { rows, hidden }, 'query')`
 * @throws Error that names the tensor, the wanted sizes and the given shape
 */
export function assertShape(tensor: Tensor, expected: Readonly<Record<string, number>>, name: string): void {
  const sizes = Object.values(expected);
  if (sizes.length === tensor.shape.length && sizes.every((size, i) => size === tensor.shape[i])) return;
  const wanted = Object.entries(expected).map(([axis, size]) => `${axis} ${size}`);
  throw new Error(`'${name}': wanted [${wanted.join(', ')}], got [${tensor.shape.join(', ')}]`);
}
