/** Kernels of our own for decoders, which `engine/fused-decoder.ts` calls while tracing: as in `fused.ts`. */
import type { Graph, Value } from '../graph.js';
import { columnSum, type In, ones, onto, scalar } from './fused.js';
import { matrixProduct } from './reduction.js';
import { apply, reshape } from './rule.js';

/** [y, 1 / root mean square]: the second is [rows, 1]. */
function rmsNorm(graph: Graph, { x, gamma }: In<'x' | 'gamma'>, { epsilon }: { epsilon: number }): Value[] {
  const column = { shape: [...x.shape.slice(0, -1), 1] };
  const attributes = { axis: -1, epsilon: { float: epsilon } };
  return graph.nodes('SimplifiedLayerNormalization', [x, gamma], [x, column], { attributes });
}

/** x' = x s, y = x' gamma  =>  dx = s (dy gamma - x' mean(dy gamma x')); the mean is a product with gamma / hidden. */
function rmsNormGrad(
  graph: Graph,
  { dy, x, gamma, inverse }: In<'dy' | 'x' | 'gamma' | 'inverse'>,
  { epsilon }: { epsilon: number },
): Value[] {
  const hidden = x.shape[x.shape.length - 1] as number;
  const [normalised] = rmsNorm(graph, { x, gamma: ones(graph, [hidden]) }, { epsilon }) as [Value];
  const column = reshape(graph, apply(graph, 'Mul', gamma, scalar(graph, 1 / hidden)), [hidden, 1]);
  const product = apply(graph, 'Mul', dy, normalised);
  const projection = matrixProduct(graph, product, column, false, false);
  const along = apply(graph, 'Mul', normalised, projection);
  const dx = apply(graph, 'Mul', apply(graph, 'Sub', apply(graph, 'Mul', dy, gamma), along), inverse);
  return [dx, columnSum(graph, product)];
}

/** Each row has its own angles: they are looked up by the row. */
function rotary(graph: Graph, { x, cos, sin }: In<'x' | 'cos' | 'sin'>): Value {
  const [rows, hidden] = x.shape as [number, number];
  const stacked = reshape(graph, x, [1, rows, hidden]);
  const first = graph.indices([0]);
  const turned = graph.node('RotaryEmbedding', [stacked, first, cos, sin], stacked, {
    domain: 'com.microsoft',
    attributes: { interleaved: 0 },
  });
  return reshape(graph, turned, [rows, hidden]);
}

/** x sigmoid(x). */
const silu = (graph: Graph, x: Value): Value =>
  graph.node('QuickGelu', [x], x, { domain: 'com.microsoft', attributes: { alpha: { float: 1 } } });

const swiglu = (graph: Graph, { gate, up }: In<'gate' | 'up'>): Value =>
  apply(graph, 'Mul', silu(graph, gate), up);

/** s = sigmoid(g), a = g s: dgate = dy up s (1 + g - a), dup = dy a. */
function swigluGrad(graph: Graph, { dy, gate, up }: In<'dy' | 'gate' | 'up'>): Value[] {
  const s = onto(graph, 'Sigmoid', gate);
  const a = apply(graph, 'Mul', gate, s);
  const rest = apply(graph, 'Add', apply(graph, 'Sub', gate, a), scalar(graph, 1));
  const slope = apply(graph, 'Mul', s, rest);
  return [apply(graph, 'Mul', apply(graph, 'Mul', dy, up), slope), apply(graph, 'Mul', dy, a)];
}

const geluTanh = (graph: Graph, { x }: In<'x'>): Value =>
  graph.node('FastGelu', [x], x, { domain: 'com.microsoft' });

/** The same as x s with s = sigmoid(z), z = x (c + k x^2): dx = dy s (1 + (1 - s) x (c + 3 k x^2)). */
function geluTanhGrad(graph: Graph, { dy, x }: In<'dy' | 'x'>): Value {
  const c = 2 * Math.sqrt(2 / Math.PI);
  const square = apply(graph, 'Mul', x, x);
  const times = (k: number): Value =>
    apply(
      graph,
      'Mul',
      x,
      apply(graph, 'Add', apply(graph, 'Mul', square, scalar(graph, k)), scalar(graph, c)),
    );
  const s = onto(graph, 'Sigmoid', times(0.044715 * c));
  const rest = apply(graph, 'Sub', scalar(graph, 1), s);
  const inner = apply(graph, 'Mul', rest, times(3 * 0.044715 * c));
  const slope = apply(graph, 'Mul', s, apply(graph, 'Add', inner, scalar(graph, 1)));
  return apply(graph, 'Mul', dy, slope);
}

export interface Pieces {
  readonly pieces: number;
}

/** Rows of a matrix in pieces of one size, the last one smaller where they do not come out even. */
function piecesOf(graph: Graph, x: Value, pieces: number): readonly Value[] {
  if (pieces === 1) return [x];
  const [rows, ...rest] = x.shape as [number, ...number[]];
  const size = Math.ceil(rows / pieces);
  const outputs = Array.from({ length: pieces }, (_, i) => ({
    shape: [Math.min(size, rows - i * size), ...rest],
    dtype: x.dtype,
  }));
  return graph.nodes('Split', [x], outputs, { attributes: { axis: 0, num_outputs: pieces } });
}

function joined(graph: Graph, parts: readonly Value[], shape: readonly number[]): Value {
  if (parts.length === 1) return parts[0] as Value;
  return graph.node('Concat', parts, { shape }, { attributes: { axis: 0 } });
}

/** Log-probabilities of the vocabulary [rows, V], and those of the labels [rows, 1]. */
function logProbabilities(graph: Graph, hidden: Value, embedding: Value, labels: Value): [Value, Value] {
  const logits = matrixProduct(graph, hidden, embedding, false, true);
  const all = onto(graph, 'LogSoftmax', logits, { axis: -1 });
  const attributes = { axis: 1 };
  return [all, graph.node('GatherElements', [all, labels], { shape: labels.shape }, { attributes })];
}

type Predicting = In<'hidden' | 'embedding' | 'labels'>;

/**
 * [loss, its gradient by the hidden states, by the embedding]: both gradients come with the loss, so that the logits need not be kept.
 * A piece waits for the one before it by way of its own input; else all pieces might be computed at once.
 */
function vocabularyLoss(
  graph: Graph,
  { hidden, embedding, labels, weights }: Predicting & In<'weights'>,
  { pieces }: Pieces,
): Value[] {
  const rows = hidden.shape[0] as number;
  const column = (x: Value): readonly Value[] =>
    piecesOf(graph, reshape(graph, graph.settle(x), [rows, 1]), pieces);
  const [indices, shares, minus] = [labels, weights, graph.uniform(-1, [rows, 1])].map(column) as [
    readonly Value[],
    readonly Value[],
    readonly Value[],
  ];
  let loss: Value | undefined;
  let embeddingGradient: Value | undefined;
  const hiddenGradients: Value[] = [];
  for (const [i, whole] of piecesOf(graph, hidden, pieces).entries()) {
    const [label, share] = [indices[i] as Value, shares[i] as Value];
    const part = loss ? apply(graph, 'Add', whole, apply(graph, 'Mul', loss, scalar(graph, 0))) : whole;
    const [all, picked] = logProbabilities(graph, part, embedding, label);
    const attributes = { axis: 1, reduction: 'add' };
    const difference = graph.node(
      'ScatterElements',
      [onto(graph, 'Exp', all), label, minus[i] as Value],
      all,
      {
        attributes,
      },
    );
    const slope = apply(graph, 'Mul', difference, share);
    hiddenGradients.push(matrixProduct(graph, slope, embedding, false, false));
    embeddingGradient = accumulated(graph, slope, part, embeddingGradient);
    const sum = matrixProduct(graph, share, picked, true, false);
    loss = loss ? apply(graph, 'Add', loss, sum) : sum;
  }
  return [
    graph.node('Neg', [reshape(graph, loss as Value, [])], { shape: [] }),
    joined(graph, hiddenGradients, hidden.shape),
    embeddingGradient as Value,
  ];
}

/** former + a^T b. */
function accumulated(graph: Graph, a: Value, b: Value, former: Value | undefined): Value {
  if (!former) return matrixProduct(graph, a, b, true, false);
  return graph.node('Gemm', [a, b, former], former, { attributes: { transA: 1 } });
}

/** Of each row -log p of its token: [rows]. */
function tokenLosses(graph: Graph, { hidden, embedding, labels }: Predicting, { pieces }: Pieces): Value {
  const rows = hidden.shape[0] as number;
  const indices = piecesOf(graph, reshape(graph, labels, [rows, 1]), pieces);
  const picked = piecesOf(graph, hidden, pieces).map(
    (part, i) => logProbabilities(graph, part, embedding, indices[i] as Value)[1],
  );
  return onto(graph, 'Neg', reshape(graph, joined(graph, picked, [rows, 1]), [rows]));
}

export const decoderKernels = {
  FusedRmsNorm: rmsNorm,
  FusedRmsNormGrad: rmsNormGrad,
  FusedRotary: rotary,
  FusedSwiglu: swiglu,
  FusedSwigluGrad: swigluGrad,
  FusedGeluTanh: geluTanh,
  FusedGeluTanhGrad: geluTanhGrad,
  FusedVocabularyLoss: vocabularyLoss,
  FusedTokenLosses: tokenLosses,
} as const;
