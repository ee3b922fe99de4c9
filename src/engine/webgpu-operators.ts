/**
 * A program in the operators that onnxruntime's webgpu provider has. One that it lacks would run on the CPU, its tensors copied there
 * and back: on a GPU that took half of a BERT's step.
 */
import { appendNodes, Graph, type Node, type Value } from './graph.js';
import { apply, sizeOf, transpose } from './kernels/rule.js';

type Lowering = (graph: Graph, inputs: readonly Value[], node: Node) => Value;

const swapped = (graph: Graph, x: Value): Value => {
  const last = x.shape.length - 1;
  return transpose(graph, x, [...x.shape.slice(0, -2).keys(), last, last - 1]);
};

/** Transposed copies; `alpha` goes onto the smaller of the first matrix and the product. */
const fusedMatMul: Lowering = (graph, [a, b], { attributes, outputs }) => {
  const { shape } = outputs[0] as Value;
  const [left, right] = [a as Value, b as Value];
  const { float: alpha } = attributes.alpha as { float: number };
  const scaled = (x: Value): Value =>
    alpha === 1 ? x : apply(graph, 'Mul', x, graph.scalar(graph.uniform(alpha)));
  const first = sizeOf(left.shape) < sizeOf(shape);
  const from = first ? scaled(left) : left;
  const product = graph.node(
    'MatMul',
    [
      attributes.transA === 1 ? swapped(graph, from) : from,
      attributes.transB === 1 ? swapped(graph, right) : right,
    ],
    { shape },
  );
  return first ? product : scaled(product);
};

/** x - max - ln(sum(exp(x - max))) along the last axis. */
const logSoftmax: Lowering = (graph, [x]) => {
  const logits = x as Value;
  const axis = graph.indices([logits.shape.length - 1]);
  const column = { shape: [...logits.shape.slice(0, -1), 1] };
  const largest = graph.node('ReduceMax', [logits, axis], column, { attributes: { keepdims: 1 } });
  const shifted = apply(graph, 'Sub', logits, largest);
  const powers = graph.node('Exp', [shifted], logits);
  const total = graph.node('ReduceSum', [powers, axis], column, { attributes: { keepdims: 1 } });
  return apply(graph, 'Sub', shifted, graph.node('Log', [total], column));
};

const LOWERINGS: Readonly<Record<string, Lowering>> = {
  FusedMatMul: fusedMatMul,
  LogSoftmax: logSoftmax,
};

/** The same inputs, outputs and weights; other nodes as they are. */
export function withWebgpuOperators(graph: Graph): Graph {
  const lowered = new Graph();
  const nodes = graph.nodesInUse;
  const made = new Map<string, Value>();
  for (const { name, shape, dtype } of graph.inputs) made.set(name, lowered.input(name, shape, dtype));
  for (const { value, data } of graph.constantsOf(nodes))
    made.set(value.name, lowered.constant(data, value.shape, value.dtype));
  // Weights of an exported model are named, made by no node.
  const of = (value: Value): Value => made.get(value.name) ?? value;
  appendNodes(lowered, nodes, made, (node, inputs) => {
    const lower = LOWERINGS[node.op];
    return lower && [lower(lowered, inputs as Value[], node)];
  });
  // An output may have free sizes, where the node that makes it has those of a trace.
  for (const { name, value } of graph.outputs) lowered.output(name, { ...of(value), shape: value.shape });
  return lowered;
}
