/** How much memory a program holds between runs besides what it is fed and what it gives: an estimate from the graph alone. */
import type { Graph, Value } from './graph.js';
import { sizeOf } from './kernels/rule.js';

const BYTES = { float32: 4, int32: 4, int64: 8, bool: 1, uint8: 1 } as const;

export const bytesOf = ({ shape, dtype }: Pick<Value, 'shape' | 'dtype'>): number =>
  sizeOf(shape) * BYTES[dtype];

/**
 * Most bytes of intermediate values alive at one time when the nodes run in order. onnxruntime's arena grows to about this and keeps
 * it. Outputs of the program do not count (they go to arrays of the caller), nor does a `Reshape`, which shares its input's memory.
 */
export function workingBytes(graph: Graph): number {
  const nodes = graph.nodesInUse;
  const owner = new Map<string, string>();
  const ownerOf = ({ name }: Value): string => owner.get(name) ?? name;
  const lastRead = new Map<string, number>();
  nodes.forEach(({ op, inputs, outputs }, at) => {
    const [first] = inputs;
    if (op === 'Reshape' && first) owner.set((outputs[0] as Value).name, ownerOf(first));
    for (const input of inputs) if (input) lastRead.set(ownerOf(input), at);
  });
  const given = new Set(graph.outputs.map(({ value }) => ownerOf(value)));
  const freedAt = new Map<number, number>();
  let alive = 0;
  let most = 0;
  nodes.forEach(({ outputs }, at) => {
    for (const value of outputs) {
      if (owner.has(value.name) || given.has(value.name)) continue;
      const bytes = bytesOf(value);
      alive += bytes;
      const end = lastRead.get(value.name) ?? at;
      freedAt.set(end, (freedAt.get(end) ?? 0) + bytes);
    }
    most = Math.max(most, alive);
    alive -= freedAt.get(at) ?? 0;
  });
  return most;
}
