/**
 * A traced program as an ONNX model for other runtimes: weights inside, batch and sequence length free. A trace has fixed sizes, so
 * the same function is traced at two sizes; where the two differ, the number is a batch, a length or their product, and is computed
 * from the shape of the first input at run time.
 */
import { type Constant, Graph, type Node, type Value } from './graph.js';
import type { Feeds } from './session.js';

/** Sizes of the two traces: primes that no other dimension is likely to be. */
export const EXPORT_SIZES = [
  { rows: 1009, length: 127 },
  { rows: 2003, length: 113 },
] as const;

export interface ExportedGraph {
  readonly graph: Graph;
  /** Weights by name, with the names and shapes of `values`. */
  readonly weights: ReadonlyMap<string, { readonly value: Value; readonly data: Float32Array }>;
  /** Names of the free dimensions in the shapes of inputs and outputs. */
  readonly symbols: ReadonlyMap<number, string>;
}

const [FIRST, SECOND] = EXPORT_SIZES;

interface Dimensions {
  readonly batch: Value;
  readonly sequence: Value;
  readonly both: Value;
}

/** [1] int64 vectors of the first input's sizes. */
function dimensions(graph: Graph, ids: Value): Dimensions {
  const int64 = { shape: [1], dtype: 'int64' } as const;
  const shape = graph.node('Shape', [ids], { shape: [2], dtype: 'int64' });
  const at = (index: number): Value =>
    graph.node('Slice', [shape, graph.indices([index]), graph.indices([index + 1])], int64);
  const [batch, sequence] = [at(0), at(1)];
  return { batch, sequence, both: graph.node('Mul', [batch, sequence], int64) };
}

/** What an element that is `a` in the first trace and `b` in the second stands for: a size, plus a number for shifted positions. */
function symbolOf(
  graph: Graph,
  a: number,
  b: number,
  { batch, sequence, both }: Dimensions,
): Value | undefined {
  if (a === b) return graph.indices([a]);
  if (a === FIRST.rows && b === SECOND.rows) return batch;
  if (a === FIRST.rows * FIRST.length && b === SECOND.rows * SECOND.length) return both;
  const shift = a - FIRST.length;
  if (shift !== b - SECOND.length) return undefined;
  if (shift === 0) return sequence;
  return graph.node('Add', [sequence, graph.indices([shift])], { shape: [1], dtype: 'int64' });
}

const sameData = (a: Constant['data'], b: Constant['data']): boolean =>
  a.length === b.length && a.every((x: number | bigint, i: number) => x === b[i]);

/** A constant of the first trace, free where the second differs. */
function freed(graph: Graph, a: Constant, b: Constant, sizes: Dimensions, node: Node): Value {
  if (sameData(a.data, b.data)) return graph.constant(a.data, a.value.shape, a.value.dtype);
  const parts =
    a.data instanceof BigInt64Array && b.data instanceof BigInt64Array && a.data.length === b.data.length
      ? Array.from(a.data, (x, i) => symbolOf(graph, Number(x), Number(b.data[i]), sizes))
      : [undefined];
  if (parts.some((part) => part === undefined))
    throw new Error(`export: a constant of ${node.op} depends on the batch in a way that cannot be freed`);
  if (parts.length === 1) return parts[0] as Value;
  return graph.node('Concat', parts, { shape: [parts.length], dtype: 'int64' }, { attributes: { axis: 0 } });
}

/**
 * @param traceAt traces the function at a size; its integer inputs become int64 under new names, the others weights
 * @param inputs name in the trace -> name in the model, the first giving the sizes @param weights data of every other input
 */
export function exportGraph(
  traceAt: (size: { readonly rows: number; readonly length: number }) => Graph,
  inputs: Readonly<Record<string, string>>,
  weights: Feeds,
): ExportedGraph {
  const [first, second] = [traceAt(FIRST), traceAt(SECOND)];
  const [nodes, others] = [first.nodesInUse, second.nodesInUse];
  if (nodes.length !== others.length)
    throw new Error('export: the program is not the same at every batch size');
  const constants = [first, second].map(
    (graph, i) =>
      new Map(graph.constantsOf(i === 0 ? nodes : others).map((constant) => [constant.value.name, constant])),
  );
  const graph = new Graph();
  const made = new Map<string, Value>();
  const used = new Set(nodes.flatMap((node) => node.inputs.map((value) => value?.name)));
  const kept: Map<string, { value: Value; data: Float32Array }> = new Map();
  for (const value of first.inputs) {
    const name = inputs[value.name];
    if (name !== undefined) {
      const given = graph.input(name, value.shape, 'int64');
      const attributes = { to: 6 };
      made.set(value.name, graph.node('Cast', [given], { ...value, dtype: 'int32' }, { attributes }));
    } else if (used.has(value.name)) {
      made.set(value.name, value);
      kept.set(value.name, { value, data: weights[value.name] as Float32Array });
    }
  }
  const sizes = dimensions(graph, graph.inputs[0] as Value);
  nodes.forEach((node, at) => {
    const other = others[at] as Node;
    if (node.op !== other.op || JSON.stringify(node.attributes) !== JSON.stringify(other.attributes))
      throw new Error(`export: ${node.op} is not the same at every batch size`);
    const given = node.inputs.map((value, i) => {
      if (!value) return undefined;
      const constant = constants[0]?.get(value.name);
      if (!constant) return made.get(value.name);
      return freed(graph, constant, constants[1]?.get(other.inputs[i]?.name ?? '') as Constant, sizes, node);
    });
    const outputs = graph.nodes(node.op, given, node.outputs, {
      ...(node.domain === '' ? {} : { domain: node.domain }),
      attributes: node.attributes,
    });
    node.outputs.forEach((output, i) => {
      made.set(output.name, outputs[i] as Value);
    });
  });
  for (const { name, value } of first.outputs) graph.output(name, made.get(value.name) as Value);
  const symbols = new Map<number, string>([
    [FIRST.rows, 'batch_size'],
    [FIRST.length, 'sequence_length'],
  ]);
  return { graph, weights: kept, symbols };
}
