/**
 * Operators that onnxruntime's CUDA provider has kernels for, of those that training graphs use, with the types of their first input
 * (`docs/OperatorKernels.md` of microsoft/onnxruntime, November 2026; operator set 18). Another one would run on the CPU, at every
 * iteration of a loop, its tensors copied there and back.
 */
import type { ElementType, Graph, Node } from './graph.js';

const numbers: readonly ElementType[] = ['float32', 'int32', 'int64'];
const all: readonly ElementType[] = [...numbers, 'bool', 'uint8'];
const float: readonly ElementType[] = ['float32'];
const bool: readonly ElementType[] = ['bool'];

const KERNELS: Readonly<Record<string, readonly ElementType[]>> = {
  ...{ Add: numbers, Sub: numbers, Mul: numbers, Div: numbers, Max: numbers, Min: numbers, Pow: numbers },
  ...{
    Abs: numbers,
    Neg: float,
    Cos: float,
    Sin: float,
    Exp: float,
    Log: float,
    Sqrt: float,
    Reciprocal: float,
    Erf: float,
  },
  ...{ Tanh: float, Sigmoid: float, HardSigmoid: float, Relu: float, Softmax: float, LogSoftmax: float },
  ...{ Equal: [...numbers, 'bool'], Less: numbers, LessOrEqual: numbers },
  ...{ Greater: numbers, GreaterOrEqual: numbers, And: bool, Or: bool, Not: bool, Where: bool },
  ...{ ReduceSum: numbers, ReduceMean: float, ReduceMax: numbers, ReduceMin: numbers, ReduceProd: float },
  ...{ ReduceSumSquare: float, ArgMax: float, LayerNormalization: float, Gemm: float, MatMul: float },
  ...{ Cast: all, Reshape: all, Transpose: all, Expand: all, Concat: all, Split: all, Slice: all },
  ...{ Tile: numbers, Pad: [...float, 'bool'], Identity: all, Gather: all, GatherElements: all },
  ...{ ScatterElements: all, ScatterND: all, OneHot: ['int32', 'int64'], Loop: ['int64'] },
  ...{ 'com.microsoft FusedMatMul': float, 'com.microsoft Gelu': float, 'com.microsoft FastGelu': float },
  ...{ 'com.microsoft QuickGelu': float, 'com.microsoft RotaryEmbedding': float },
  SimplifiedLayerNormalization: float,
};

const nameOf = ({ op, domain }: Node): string => (domain === '' ? op : `${domain} ${op}`);

/** Operators of the graph and of its loops that the provider has no kernel for, as `name of type`. */
export function lackingOnCuda(graph: Graph): string[] {
  return graph.nodesInUse.flatMap((node) => {
    const type = node.inputs[0]?.dtype;
    const known = KERNELS[nameOf(node)]?.some((kernel) => kernel === type);
    const inside = Object.values(node.attributes).flatMap((attribute) =>
      typeof attribute === 'object' && 'graph' in attribute ? lackingOnCuda(attribute.graph) : [],
    );
    return known ? inside : [`${nameOf(node)} of ${type}`, ...inside];
  });
}
