/** Kernels that move, cut and join. */

import type { ElementType, Graph, Value } from '../graph.js';
import type * as tf from '../tfjs.js';
import { type Rule, reshape, sameShape, sizeOf, transpose } from './rule.js';

const slice: Rule<tf.SliceInputs, tf.SliceAttrs> = (graph, { x }, attrs) => {
  const begin = x.shape.map(
    (_, i) => (typeof attrs.begin === 'number' ? [attrs.begin] : attrs.begin)[i] ?? 0,
  );
  const sizes = typeof attrs.size === 'number' ? [attrs.size] : attrs.size;
  const shape = x.shape.map((size, i) => {
    const wanted = sizes[i] ?? -1;
    return wanted < 0 ? size - (begin[i] as number) : wanted;
  });
  if (x.uniform !== undefined) return graph.uniform(x.uniform, shape, x.dtype);
  if (sameShape(shape, x.shape)) return x;
  const axes = x.shape.map((_, i) => i).filter((i) => shape[i] !== x.shape[i]);
  const starts = axes.map((i) => begin[i] as number);
  const ends = axes.map((i) => (begin[i] as number) + (shape[i] as number));
  return graph.node('Slice', [x, graph.indices(starts), graph.indices(ends), graph.indices(axes)], {
    shape,
    dtype: x.dtype,
  });
};

const pad: Rule<tf.PadV2Inputs, tf.PadV2Attrs> = (graph, { x }, { paddings, constantValue }) => {
  const shape = x.shape.map((size, i) => size + (paddings[i]?.[0] ?? 0) + (paddings[i]?.[1] ?? 0));
  const pads = [...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)];
  const fill = graph.scalar(graph.uniform(constantValue, [], x.dtype));
  return graph.node('Pad', [x, graph.indices(pads), fill], { shape, dtype: x.dtype });
};

const tile: Rule<tf.TileInputs, tf.TileAttrs> = (graph, { x }, { reps }) => {
  const shape = x.shape.map((size, i) => size * (reps[i] ?? 1));
  if (x.uniform !== undefined) return graph.uniform(x.uniform, shape, x.dtype);
  if (sameShape(shape, x.shape)) return x;
  // Repeating an axis of size 1 is a broadcast: an elementwise reader then needs no copy at all.
  if (x.shape.every((size, i) => size === 1 || reps[i] === 1)) return expand(graph, x, shape);
  return graph.node('Tile', [x, graph.indices(reps)], { shape, dtype: x.dtype });
};

function expand(graph: Graph, x: Value, shape: readonly number[]): Value {
  if (sameShape(x.shape, shape)) return x;
  if (x.uniform !== undefined) return graph.uniform(x.uniform, shape, x.dtype);
  return graph.node('Expand', [x, graph.indices(shape)], { shape, dtype: x.dtype });
}

/** tfjs passes the parts of Concat and Pack as an array-like of inputs. */
const listed = (inputs: object): Value[] => Object.values(inputs) as Value[];

const concat: Rule<tf.ConcatInputs, tf.ConcatAttrs> = (graph, inputs, { axis }) => {
  const parts = listed(inputs);
  const first = parts[0] as Value;
  const shape = [...first.shape];
  shape[axis] = parts.reduce((sum, part) => sum + (part.shape[axis] as number), 0);
  if (parts.every((part) => part.uniform !== undefined && part.uniform === first.uniform)) {
    return graph.uniform(first.uniform as number, shape, first.dtype);
  }
  return graph.node('Concat', parts, { shape, dtype: first.dtype }, { attributes: { axis } });
};

const pack: Rule<tf.PackInputs, tf.PackAttrs> = (graph, inputs, { axis }) => {
  const rows = listed(inputs).map((part) =>
    reshape(graph, part, [...part.shape.slice(0, axis), 1, ...part.shape.slice(axis)]),
  );
  return concat(graph, { ...rows } as never, { axis });
};

const split: Rule<tf.SplitVInputs, tf.SplitVAttrs> = (graph, { x }, { numOrSizeSplits, axis }) => {
  const total = x.shape[axis] as number;
  const sizes = Array.isArray(numOrSizeSplits)
    ? numOrSizeSplits
    : Array.from({ length: numOrSizeSplits }, () => total / numOrSizeSplits);
  const outputs = sizes.map((size) => ({
    shape: x.shape.map((n, i) => (i === axis ? size : n)),
    dtype: x.dtype,
  }));
  return graph.nodes('Split', [x, graph.indices(sizes)], outputs, { attributes: { axis } });
};

export const shapes = {
  Reshape: ((graph, { x }, { shape }) => {
    const known = shape.filter((size) => size >= 0);
    return reshape(
      graph,
      x,
      shape.map((size) => (size < 0 ? sizeOf(x.shape) / sizeOf(known) : size)),
    );
  }) as Rule<tf.ReshapeInputs, tf.ReshapeAttrs>,
  ExpandDims: ((graph, { input }, { dim }) => {
    const at = dim < 0 ? input.shape.length + 1 + dim : dim;
    return reshape(graph, input, [...input.shape.slice(0, at), 1, ...input.shape.slice(at)]);
  }) as Rule<tf.ExpandDimsInputs, tf.ExpandDimsAttrs>,
  Transpose: ((graph, { x }, { perm }) => transpose(graph, x, perm)) as Rule<
    tf.TransposeInputs,
    tf.TransposeAttrs
  >,
  Slice: slice,
  PadV2: pad,
  Tile: tile,
  BroadcastTo: ((graph, { x }, { shape }) => expand(graph, x, shape)) as Rule<
    tf.BroadcastToInputs,
    tf.BroadCastToAttrs
  >,
  Concat: concat,
  Pack: pack,
  SplitV: split,
  Fill: ((graph, _, { shape, value, dtype }) =>
    graph.uniform(Number(value), shape, (dtype ?? 'float32') as ElementType)) as Rule<object, tf.FillAttrs>,
};
