/** Every kernel the tracer knows. A name in {@link KernelName} without a rule does not compile. */
import { decoderKernels } from './decoder.js';
import { elementwise } from './elementwise.js';
import { fusedKernels } from './fused.js';
import { reductions } from './reduction.js';
import { shapes } from './shape.js';

/** What our models, PEFT methods and losses need, with the gradients of all of it. */
export type KernelName =
  | keyof typeof fusedKernels
  | keyof typeof decoderKernels
  | 'Add'
  | 'Sub'
  | 'Multiply'
  | 'RealDiv'
  | 'Maximum'
  | 'Minimum'
  | 'Pow'
  | 'SquaredDifference'
  | 'Equal'
  | 'NotEqual'
  | 'Greater'
  | 'GreaterEqual'
  | 'Less'
  | 'LessEqual'
  | 'LogicalAnd'
  | 'LogicalOr'
  | 'LogicalNot'
  | 'Exp'
  | 'Log'
  | 'Neg'
  | 'Abs'
  | 'Sqrt'
  | 'Reciprocal'
  | 'Rsqrt'
  | 'Square'
  | 'Tanh'
  | 'Cos'
  | 'Sin'
  | 'Sigmoid'
  | 'Relu'
  | 'Erf'
  | 'Step'
  | 'Select'
  | 'Cast'
  | 'Identity'
  | 'ZerosLike'
  | 'OnesLike'
  | 'Reshape'
  | 'ExpandDims'
  | 'Transpose'
  | 'Slice'
  | 'PadV2'
  | 'Tile'
  | 'BroadcastTo'
  | 'Concat'
  | 'Pack'
  | 'SplitV'
  | 'Fill'
  | 'Sum'
  | 'Mean'
  | 'Max'
  | 'Min'
  | 'Prod'
  | 'ArgMax'
  | 'BatchMatMul'
  | 'Softmax'
  | 'LogSoftmax'
  | 'GatherV2'
  | 'UnsortedSegmentSum'
  | 'OneHot';

export const kernelRules = {
  ...elementwise,
  ...shapes,
  ...reductions,
  ...fusedKernels,
  ...decoderKernels,
} satisfies Record<KernelName, unknown>;
