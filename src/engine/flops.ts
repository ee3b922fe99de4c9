/** Floating-point operations of a traced program, counted from its nodes: what a share of the machine's ceiling is made of. */
import type { Graph, Node } from './graph.js';
import { sizeOf } from './kernels/rule.js';

const PRODUCTS = new Set(['Gemm', 'MatMul', 'FusedMatMul']);

/** 2 m n k, times the stacked matrices. */
function productFlops({ inputs, outputs, attributes }: Node): number {
  const a = inputs[0]?.shape ?? [];
  const inner = a[a.length - (attributes.transA === 1 ? 2 : 1)] ?? 1;
  return 2 * sizeOf(outputs[0]?.shape ?? []) * inner;
}

/** Floating-point operations of the matrix products of one run; elementwise work is not counted. */
export const matrixFlops = (graph: Graph): number =>
  graph.nodesInUse.filter(({ op }) => PRODUCTS.has(op)).reduce((sum, node) => sum + productFlops(node), 0);
