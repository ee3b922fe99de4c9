/** A traced program as an ONNX model for other runtimes: weights inside, batch and sequence length free. */
import { type BatchSize, freeGraph } from './free.js';
import type { Graph, Value } from './graph.js';
import type { Feeds } from './session.js';

export interface ExportedGraph {
  readonly graph: Graph;
  /** Weights by name, with the names and shapes of `values`. */
  readonly weights: ReadonlyMap<string, { readonly value: Value; readonly data: Float32Array }>;
}

/**
 * @param traceAt traces the function at a size
 * @param inputs name in the trace -> name in the model, where integers are int64; every other input is a weight @param weights their data
 */
export function exportGraph(
  traceAt: (size: BatchSize) => Graph,
  inputs: Readonly<Record<string, string>>,
  weights: Feeds,
): ExportedGraph {
  const kept: Map<string, { value: Value; data: Float32Array }> = new Map();
  const graph = freeGraph(traceAt, (graph, value) => {
    const name = inputs[value.name];
    if (name !== undefined) {
      if (value.dtype !== 'int32') return graph.input(name, value.shape, value.dtype);
      const given = graph.input(name, value.shape, 'int64');
      return graph.node('Cast', [given], { ...value, dtype: 'int32' }, { attributes: { to: 6 } });
    }
    kept.set(value.name, { value, data: weights[value.name] as Float32Array });
    return value;
  });
  return { graph, weights: kept };
}
