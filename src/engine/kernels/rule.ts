/** The shape of a kernel rule: graph values in, graph values out. */
import type { ElementType, Graph, Value } from '../graph.js';

/** The inputs of a tfjs kernel as graph values. */
export type Values<I> = { readonly [K in keyof I]: Value };

/** Appends the ONNX form of one tfjs kernel to the graph. */
export type Rule<I, A = object> = (graph: Graph, inputs: Values<I>, attrs: A) => Value | Value[];

/** A rule whose kernel is not known statically: how the tracing backend calls the table. */
export type AnyRule = (
  graph: Graph,
  inputs: Record<string, Value | Value[]>,
  attrs: Record<string, unknown>,
) => Value | Value[];

/** Shape of an elementwise result (NumPy rules; tfjs checked them already). */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    return x === 1 ? y : x;
  });
}

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, i) => size === b[i]);

export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);

/** Element by element, the shapes broadcast. */
export const apply = (graph: Graph, op: 'Mul' | 'Add' | 'Sub', a: Value, b: Value): Value =>
  graph.node(op, [a, b], { shape: broadcastShape(a.shape, b.shape) });

/** ONNX's numbers for the types that `Cast` takes (TensorProto.DataType). */
export const CAST_TO: Record<ElementType, number> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 };

/** A new view of the same elements. */
export function reshape(graph: Graph, x: Value, shape: readonly number[]): Value {
  if (sameShape(x.shape, shape)) return x;
  if (x.uniform !== undefined) return graph.uniform(x.uniform, shape, x.dtype);
  return graph.node('Reshape', [x, graph.indices(shape)], { shape, dtype: x.dtype });
}

export function transpose(graph: Graph, x: Value, perm: readonly number[]): Value {
  const shape = perm.map((axis) => x.shape[axis] as number);
  if (perm.every((axis, i) => axis === i)) return x;
  if (x.uniform !== undefined) return graph.uniform(x.uniform, shape, x.dtype);
  return graph.node('Transpose', [x], { shape, dtype: x.dtype }, { attributes: { perm } });
}

export function cast(graph: Graph, x: Value, dtype: ElementType): Value {
  if (x.dtype === dtype) return x;
  if (x.uniform !== undefined) {
    const number =
      dtype === 'float32' ? x.uniform : dtype === 'bool' ? Number(x.uniform !== 0) : Math.trunc(x.uniform);
    return graph.uniform(number, x.shape, dtype);
  }
  return graph.node('Cast', [x], { shape: x.shape, dtype }, { attributes: { to: CAST_TO[dtype] } });
}
