/** Reductions, matrix products, look-ups. */

import type { Graph, Value } from '../graph.js';
import type * as tf from '../tfjs.js';
import { cast, type Rule, reshape, sizeOf } from './rule.js';

export interface AxisAttrs {
  readonly axis?: number | number[];
  readonly keepDims?: boolean;
}

function axesOf(x: Value, axis: number | number[] | null | undefined): number[] {
  const axes =
    axis === undefined || axis === null ? x.shape.map((_, i) => i) : Array.isArray(axis) ? axis : [axis];
  return axes.map((a) => (a < 0 ? a + x.shape.length : a));
}

const reducedShape = (x: Value, axes: readonly number[], keepDims: boolean): number[] =>
  x.shape.flatMap((size, i) => (axes.includes(i) ? (keepDims ? [1] : []) : [size]));

/** `ofUniform` gives the result for a tensor of `count` equal elements. */
const reduce =
  (op: string, ofUniform: (value: number, count: number) => number): Rule<{ x: tf.TensorInfo }, AxisAttrs> =>
  (graph, { x }, { axis, keepDims = false }) => {
    const axes = axesOf(x, axis);
    const shape = reducedShape(x, axes, keepDims);
    const count = sizeOf(axes.map((a) => x.shape[a] as number));
    if (x.uniform !== undefined) return graph.uniform(ofUniform(x.uniform, count), shape, x.dtype);
    if (count === 1) return reshape(graph, x, shape);
    const options = { attributes: { keepdims: Number(keepDims) } };
    return graph.node(op, [x, graph.indices(axes)], { shape, dtype: x.dtype }, options);
  };

const argMax: Rule<tf.ArgMaxInputs, tf.ArgMaxAttrs> = (graph, { x }, { axis }) => {
  const [at] = axesOf(x, axis) as [number];
  const shape = reducedShape(x, [at], false);
  const attributes = { axis: at, keepdims: 0 };
  return cast(graph, graph.node('ArgMax', [x], { shape, dtype: 'int64' }, { attributes }), 'int32');
};

/** Matrices go to `Gemm`, stacks of matrices to `FusedMatMul`: neither makes a transposed copy. */
export function matrixProduct(
  graph: Graph,
  a: Value,
  b: Value,
  transA: boolean,
  transB: boolean,
  alpha = 1,
): Value {
  const rank = a.shape.length;
  const rows = a.shape[transA ? rank - 1 : rank - 2] as number;
  const columns = b.shape[b.shape.length - (transB ? 2 : 1)] as number;
  const attributes = { transA: Number(transA), transB: Number(transB), alpha: { float: alpha } };
  if (rank === 2 && b.shape.length === 2)
    return graph.node('Gemm', [a, b], { shape: [rows, columns] }, { attributes });
  const longer = (a.shape.length >= b.shape.length ? a : b).shape.slice(0, -2);
  const batch = longer.map((_, i) =>
    Math.max(
      a.shape[a.shape.length - longer.length - 2 + i] ?? 1,
      b.shape[b.shape.length - longer.length - 2 + i] ?? 1,
    ),
  );
  const shape = [...batch, rows, columns];
  if (!transA && !transB && alpha === 1) return graph.node('MatMul', [a, b], { shape });
  return graph.node('FusedMatMul', [a, b], { shape }, { domain: 'com.microsoft', attributes });
}

const gather: Rule<tf.GatherV2Inputs, tf.GatherV2Attrs> = (graph, { x, indices }, { axis, batchDims }) => {
  if (batchDims) throw new Error('tracing: tf.gather with batchDims has no ONNX rule; use batchDims 0');
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return graph.node('Gather', [x, indices], { shape, dtype: x.dtype }, { attributes: { axis } });
};

/** The gradient of a look-up: rows of x are added into row segmentIds[i] of a zero tensor. */
const segmentSum: Rule<tf.UnsortedSegmentSumInputs, tf.UnsortedSegmentSumAttrs> = (
  graph,
  { x, segmentIds },
  { numSegments },
) => {
  const shape = [numSegments, ...x.shape.slice(1)];
  const zero = graph.settle(graph.uniform(0, shape));
  // Shaped before it is cast: onnxruntime's webgpu provider reshapes no int64.
  const ids = cast(graph, reshape(graph, segmentIds, [...segmentIds.shape, 1]), 'int64');
  return graph.node('ScatterND', [zero, ids, x], { shape }, { attributes: { reduction: 'add' } });
};

/** Index equal to 0 .. depth-1: onnxruntime's own OneHot lacks most combinations of types. */
const oneHot: Rule<tf.OneHotInputs, tf.OneHotAttrs> = (
  graph,
  { indices },
  { depth, onValue, offValue, dtype },
) => {
  const shape = [...indices.shape, depth];
  const classes = graph.constant(
    Int32Array.from({ length: depth }, (_, i) => i),
    [depth],
    'int32',
  );
  const column = reshape(graph, cast(graph, indices, 'int32'), [...indices.shape, 1]);
  const hit = graph.node('Equal', [column, classes], { shape, dtype: 'bool' });
  const type = dtype === 'int32' ? 'int32' : 'float32';
  if (onValue === 1 && offValue === 0) return cast(graph, hit, type);
  const values = [onValue, offValue].map((value) => graph.scalar(graph.uniform(value, [], type)));
  return graph.node('Where', [hit, ...values], { shape, dtype: type });
};

export const reductions = {
  Sum: reduce('ReduceSum', (value, count) => value * count),
  Mean: reduce('ReduceMean', (value) => value),
  Max: reduce('ReduceMax', (value) => value),
  Min: reduce('ReduceMin', (value) => value),
  Prod: reduce('ReduceProd', (value, count) => value ** count),
  ArgMax: argMax,
  BatchMatMul: ((graph, { a, b }, { transposeA, transposeB }) =>
    matrixProduct(graph, a, b, transposeA, transposeB)) as Rule<tf.BatchMatMulInputs, tf.BatchMatMulAttrs>,
  Softmax: ((graph, { logits }, { dim }) =>
    graph.node('Softmax', [logits], { shape: logits.shape }, { attributes: { axis: dim } })) as Rule<
    tf.SoftmaxInputs,
    tf.SoftmaxAttrs
  >,
  LogSoftmax: ((graph, { logits }, { axis }) =>
    graph.node('LogSoftmax', [logits], { shape: logits.shape }, { attributes: { axis } })) as Rule<
    tf.LogSoftmaxInputs,
    tf.LogSoftmaxAttrs
  >,
  GatherV2: gather,
  UnsortedSegmentSum: segmentSum,
  OneHot: oneHot,
};
