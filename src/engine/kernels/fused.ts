/**
 * Kernels of our own, which `engine/fused.ts` calls while tracing: a whole piece of a Transformer with the fewest passes over
 * memory that onnxruntime's operators allow. Elementwise passes over [rows, 4 hidden] are bound by memory traffic, so each counts.
 */
import type { Graph, Value } from '../graph.js';
import { matrixProduct } from './reduction.js';
import { apply, cast, reshape, transpose } from './rule.js';

/** The tensors a fused kernel takes: name -> graph value. */
export type In<Names extends string> = { readonly [K in Names]: Value };

export const scalar = (graph: Graph, number: number): Value => graph.scalar(graph.uniform(number));

export const onto = (graph: Graph, op: string, x: Value, attributes = {}): Value =>
  graph.node(op, [x], { shape: x.shape }, { attributes });

/** y = x W^T + b, w [out, in]; not `transposed`: y = x W + b, w [in, out]. x [rows, in], b [out] -> [rows, out]. */
const linear = (
  graph: Graph,
  { x, w, b }: In<'x' | 'w' | 'b'>,
  { transposed }: { transposed: boolean },
): Value =>
  graph.node(
    'Gemm',
    [x, w, b],
    { shape: [x.shape[0] as number, b.shape[0] as number] },
    { attributes: transposed ? { transB: 1 } : {} },
  );

/** [y, 1 / standard deviation]: the second is [rows, 1]. */
function layerNorm(
  graph: Graph,
  { x, gamma, beta }: In<'x' | 'gamma' | 'beta'>,
  attrs: { epsilon: number },
): Value[] {
  const column = { shape: [...x.shape.slice(0, -1), 1] };
  const attributes = { axis: -1, epsilon: { float: attrs.epsilon } };
  const [y, , deviation] = graph.nodes('LayerNormalization', [x, gamma, beta], [x, column, column], {
    attributes,
  });
  return [y as Value, deviation as Value];
}

/**
 * x' = (x - mean) s, y = x' gamma + beta  =>  dx = s (dy gamma - mean(dy gamma) - x' mean(dy gamma x')).
 * Both means are products with gamma / hidden; x' is one fused normalisation instead of two passes.
 */
function layerNormGrad(
  graph: Graph,
  { dy, x, gamma, inverse }: In<'dy' | 'x' | 'gamma' | 'inverse'>,
  attrs: { epsilon: number },
): Value[] {
  const hidden = x.shape[x.shape.length - 1] as number;
  const normalised = graph.nodes('LayerNormalization', [x, ones(graph, [hidden])], [x], {
    attributes: { axis: -1, epsilon: { float: attrs.epsilon } },
  })[0] as Value;
  const column = reshape(graph, apply(graph, 'Mul', gamma, scalar(graph, 1 / hidden)), [hidden, 1]);
  const product = apply(graph, 'Mul', dy, normalised);
  const mean = matrixProduct(graph, dy, column, false, false);
  const projection = matrixProduct(graph, product, column, false, false);
  const centred = apply(graph, 'Sub', apply(graph, 'Mul', dy, gamma), mean);
  const dx = apply(
    graph,
    'Mul',
    apply(graph, 'Sub', centred, apply(graph, 'Mul', normalised, projection)),
    inverse,
  );
  return [dx, columnSum(graph, product), columnSum(graph, dy)];
}

export const ones = (graph: Graph, shape: readonly number[]): Value => graph.settle(graph.uniform(1, shape));

/** Sum over the rows of a matrix, as a product with ones: several times as fast as `ReduceSum` over the outer axis. */
export function columnSum(graph: Graph, x: Value): Value {
  const [rows, columns] = x.shape as [number, number];
  if (x.uniform !== undefined) return graph.uniform(rows * x.uniform, [columns]);
  return reshape(graph, matrixProduct(graph, ones(graph, [1, rows]), x, false, false), [columns]);
}

/** x Phi(x), Phi by erf. */
const gelu = (graph: Graph, { x }: In<'x'>): Value =>
  graph.node('Gelu', [x], { shape: x.shape }, { domain: 'com.microsoft' });

/**
 * dx = dy (Phi(x) + x phi(x)), with z = x / sqrt 2: Phi = erf(z)/2 + 1/2 (one `HardSigmoid`, exact since |erf| <= 1) and
 * phi = exp(ln(1 / sqrt(2 pi)) - z^2).
 */
function geluGrad(graph: Graph, { dy, x }: In<'dy' | 'x'>): Value {
  const z = apply(graph, 'Mul', x, scalar(graph, Math.SQRT1_2));
  const cumulative = onto(graph, 'HardSigmoid', onto(graph, 'Erf', z), {
    alpha: { float: 0.5 },
    beta: { float: 0.5 },
  });
  const exponent = apply(
    graph,
    'Sub',
    scalar(graph, -0.5 * Math.log(2 * Math.PI)),
    apply(graph, 'Mul', z, z),
  );
  const density = onto(graph, 'Exp', exponent);
  return apply(graph, 'Mul', dy, apply(graph, 'Add', cumulative, apply(graph, 'Mul', x, density)));
}

export interface AttentionAttrs {
  readonly batch: number;
  readonly heads: number;
  /** Of keys and values. */
  readonly keyHeads: number;
  /** Factor on the products of queries and keys. */
  readonly scale: number;
}

/** [batch seq, hidden] -> [batch, heads, seq, depth]. */
function splitHeads(graph: Graph, x: Value, batch: number, heads: number): Value {
  const [rows, hidden] = x.shape as [number, number];
  return transpose(graph, reshape(graph, x, [batch, rows / batch, heads, hidden / heads]), [0, 2, 1, 3]);
}

/** The inverse of {@link splitHeads}. */
function joinHeads(graph: Graph, x: Value): Value {
  const [batch, heads, seq, depth] = x.shape as [number, number, number, number];
  return reshape(graph, transpose(graph, x, [0, 2, 1, 3]), [batch * seq, heads * depth]);
}

/**
 * Where several heads of queries share one of keys, their rows come one below the other: [batch, heads, queries, n] ->
 * [batch, key heads, heads / key heads * queries, n], the same memory.
 */
function grouped(graph: Graph, x: Value, { heads, keyHeads }: AttentionAttrs): Value {
  const [batch, , queries, n] = x.shape as [number, number, number, number];
  return reshape(graph, x, [batch, keyHeads, (heads / keyHeads) * queries, n]);
}

/** The inverse of {@link grouped}. */
function ungrouped(graph: Graph, x: Value, { heads, keyHeads }: AttentionAttrs): Value {
  const [batch, , rows, n] = x.shape as [number, number, number, number];
  return reshape(graph, x, [batch, heads, (rows * keyHeads) / heads, n]);
}

/**
 * softmax(scale q k^T + relative + bias) v. q [batch queries, hidden]; k, v [batch seq, hidden] or by head already; bias [batch, 1, 1, seq];
 * relative [1, heads, queries, seq]; mask (dropout) [batch, heads, queries, seq]. Returns context [batch queries, hidden] and what its gradient reads: probabilities
 * [batch, heads, queries, seq] and q, k, v by head [batch, heads, .., depth], so that they are transposed once.
 */
function attention(
  graph: Graph,
  inputs: In<'q' | 'k' | 'v' | 'bias'> & { readonly mask?: Value; readonly relative?: Value },
  attrs: AttentionAttrs,
): Value[] {
  const q = splitHeads(graph, inputs.q, attrs.batch, attrs.heads);
  const [k, v] = [inputs.k, inputs.v].map((x) =>
    x.shape.length === 4 ? x : splitHeads(graph, x, attrs.batch, attrs.keyHeads),
  ) as [Value, Value];
  const scores = ungrouped(
    graph,
    matrixProduct(graph, grouped(graph, q, attrs), k, false, true, attrs.scale),
    attrs,
  );
  // The same sum in every block: onnxruntime computes it once.
  const bias = inputs.relative ? apply(graph, 'Add', inputs.bias, inputs.relative) : inputs.bias;
  const probabilities = onto(graph, 'Softmax', apply(graph, 'Add', scores, bias), { axis: -1 });
  const kept = inputs.mask ? apply(graph, 'Mul', probabilities, inputs.mask) : probabilities;
  const context = matrixProduct(graph, grouped(graph, kept, attrs), v, false, false);
  return [joinHeads(graph, ungrouped(graph, context, attrs)), probabilities, q, k, v];
}

/** Row sums of a [batch queries, hidden] matrix head by head: [batch, heads, queries, 1]. */
function headSums(graph: Graph, x: Value, { batch, heads }: AttentionAttrs): Value {
  const [rows, hidden] = x.shape as [number, number];
  const depth = hidden / heads;
  const sums = matrixProduct(
    graph,
    reshape(graph, x, [rows * heads, depth]),
    ones(graph, [depth, 1]),
    false,
    false,
  );
  return transpose(graph, reshape(graph, sums, [batch, rows / batch, heads, 1]), [0, 2, 1, 3]);
}

/** [batch, ...] -> [1, ...]. */
const batchSum = (graph: Graph, x: Value): Value =>
  graph.node(
    'ReduceSum',
    [x, graph.indices([0])],
    { shape: [1, ...x.shape.slice(1)] },
    { attributes: { keepdims: 1 } },
  );

/** With P the probabilities and D the row sums of dcontext * context: dS = P (dP - D), whatever the dropout mask. q, k, v by head. */
function attentionGrad(
  graph: Graph,
  inputs: In<'dy' | 'q' | 'k' | 'v' | 'context' | 'probabilities'> & { readonly mask?: Value },
  attrs: AttentionAttrs & { readonly isRelative: boolean },
): Value[] {
  const { q, k, v, probabilities, mask } = inputs;
  const dy = grouped(graph, splitHeads(graph, inputs.dy, attrs.batch, attrs.heads), attrs);
  const { scale } = attrs;
  const dKept = ungrouped(graph, matrixProduct(graph, dy, v, false, true), attrs);
  const kept = mask ? apply(graph, 'Mul', probabilities, mask) : probabilities;
  const dv = matrixProduct(graph, grouped(graph, kept, attrs), dy, true, false);
  const dProbabilities = mask ? apply(graph, 'Mul', dKept, mask) : dKept;
  const rowSums = headSums(graph, apply(graph, 'Mul', inputs.dy, inputs.context), attrs);
  const byHead = apply(graph, 'Mul', probabilities, apply(graph, 'Sub', dProbabilities, rowSums));
  const dScores = grouped(graph, byHead, attrs);
  const dq = ungrouped(graph, matrixProduct(graph, dScores, k, false, false, scale), attrs);
  const dk = matrixProduct(graph, dScores, grouped(graph, q, attrs), true, false, scale);
  const gradients = [dq, dk, dv].map((x) => joinHeads(graph, x));
  return attrs.isRelative ? [...gradients, batchSum(graph, byHead)] : gradients;
}

/** [loss [], log-probabilities [rows, classes]]; labels int32 [rows], weights [rows] that sum to 1. */
function crossEntropy(
  graph: Graph,
  { logits, labels, weights }: In<'logits' | 'labels' | 'weights'>,
): Value[] {
  const rows = logits.shape[0] as number;
  const logProbabilities = onto(graph, 'LogSoftmax', logits, { axis: -1 });
  const index = reshape(graph, labels, [rows, 1]);
  const picked = graph.node(
    'GatherElements',
    [logProbabilities, index],
    { shape: [rows, 1] },
    { attributes: { axis: 1 } },
  );
  const total = matrixProduct(graph, reshape(graph, weights, [1, rows]), picked, false, false);
  return [graph.node('Neg', [reshape(graph, total, [])], { shape: [] }), logProbabilities];
}

/** dlogits = dy w (softmax - onehot). */
function crossEntropyGrad(
  graph: Graph,
  { dy, logProbabilities, labels, weights }: In<'dy' | 'logProbabilities' | 'labels' | 'weights'>,
): Value {
  const rows = labels.shape[0] as number;
  const minusOne = graph.settle(graph.uniform(-1, [rows, 1]));
  const inputs = [onto(graph, 'Exp', logProbabilities), reshape(graph, labels, [rows, 1]), minusOne];
  const attributes = { axis: 1, reduction: 'add' };
  const difference = graph.node('ScatterElements', inputs, { shape: logProbabilities.shape }, { attributes });
  const column = reshape(graph, weights, [rows, 1]);
  const scale = dy.uniform === 1 ? column : apply(graph, 'Mul', column, graph.settle(dy));
  return apply(graph, 'Mul', difference, scale);
}

/** The gradient of a bias: sum over the rows of dy [rows, out] -> [out]. */
const biasGrad = (graph: Graph, { dy }: In<'dy'>): Value => columnSum(graph, dy);

/** Sum of squares of each input, stacked: [count]. */
function squaredNorms(graph: Graph, inputs: Readonly<Record<string, Value>>): Value {
  const parts = Object.values(inputs).map((x) => {
    const sum = graph.node(
      'ReduceSumSquare',
      [cast(graph, x, 'float32')],
      { shape: [] },
      { attributes: { keepdims: 0 } },
    );
    return reshape(graph, sum, [1]);
  });
  return graph.node('Concat', parts, { shape: [parts.length] }, { attributes: { axis: 0 } });
}

export const fusedKernels = {
  FusedLinear: linear,
  FusedBiasGrad: biasGrad,
  FusedLayerNorm: layerNorm,
  FusedLayerNormGrad: layerNormGrad,
  FusedGelu: gelu,
  FusedGeluGrad: geluGrad,
  FusedAttention: attention,
  FusedAttentionGrad: attentionGrad,
  FusedCrossEntropy: crossEntropy,
  FusedCrossEntropyGrad: crossEntropyGrad,
  FusedSquaredNorms: squaredNorms,
} as const;
