/** Elementwise kernels. Uniform operands stay scalars; sums with 0 and products with 1 vanish. */

import type { ElementType, Graph, Value } from '../graph.js';
import type * as tf from '../tfjs.js';
import { broadcastShape, cast, type Rule, sameShape } from './rule.js';

type Binary = Rule<tf.BinaryInputs>;
type Unary = Rule<tf.UnaryInputs>;

/** An operand of a broadcasting operator: a scalar where that does not change the result's shape. */
function operand(graph: Graph, x: Value, other: Value, shape: readonly number[]): Value {
  if (x.uniform === undefined) return x;
  return sameShape(other.shape, shape) ? graph.scalar(x) : graph.settle(x);
}

interface BinaryOptions {
  readonly fold: (a: number, b: number) => number;
  /** `b` for which a op b = a. */
  readonly rightIdentity?: number;
  /** `a` for which a op b = b. */
  readonly leftIdentity?: number;
  readonly dtype?: ElementType;
  readonly negate?: boolean;
}

const binary =
  (op: string, { fold, rightIdentity, leftIdentity, dtype, negate }: BinaryOptions): Binary =>
  (graph, { a, b }) => {
    const shape = broadcastShape(a.shape, b.shape);
    const type = dtype ?? a.dtype;
    if (a.uniform !== undefined && b.uniform !== undefined)
      return graph.uniform(fold(a.uniform, b.uniform), shape, type);
    if (b.uniform !== undefined && b.uniform === rightIdentity && sameShape(a.shape, shape)) return a;
    if (a.uniform !== undefined && a.uniform === leftIdentity && sameShape(b.shape, shape)) return b;
    const y = graph.node(op, [operand(graph, a, b, shape), operand(graph, b, a, shape)], {
      shape,
      dtype: type,
    });
    return negate ? graph.node('Not', [y], { shape, dtype: 'bool' }) : y;
  };

const comparison = (op: string, compare: (a: number, b: number) => boolean, negate = false): Binary =>
  binary(op, { fold: (a, b) => Number(compare(a, b)), dtype: 'bool', negate });

const unary =
  (op: string, fold: (x: number) => number): Unary =>
  (graph, { x }) =>
    x.uniform !== undefined
      ? graph.uniform(fold(x.uniform), x.shape, x.dtype)
      : graph.node(op, [x], { shape: x.shape, dtype: x.dtype });

/** Two operators in a row. */
const chained =
  (first: Unary, second: Unary): Unary =>
  (graph, { x }) =>
    second(graph, { x: first(graph, { x }, {}) as Value }, {});

const multiply = binary('Mul', { fold: (a, b) => a * b, leftIdentity: 1, rightIdentity: 1 });
const subtract = binary('Sub', { fold: (a, b) => a - b, rightIdentity: 0 });
const reciprocal = unary('Reciprocal', (x) => 1 / x);
const squareRoot = unary('Sqrt', Math.sqrt);
const square: Unary = (graph, { x }) => multiply(graph, { a: x, b: x }, {});
const power = binary('Pow', { fold: (a, b) => a ** b, rightIdentity: 1 });

/** Derivative of |x| and relu at 0 is taken as 0, as tfjs does: Step(x) = x > 0 ? 1 : alpha. */
const step: Rule<tf.UnaryInputs, tf.StepAttrs> = (graph, { x }, { alpha }) => {
  const positive = graph.node('Greater', [x, graph.scalar(graph.uniform(0))], {
    shape: x.shape,
    dtype: 'bool',
  });
  const float = cast(graph, positive, 'float32');
  if (!alpha) return float;
  const scaled = graph.node('Mul', [float, graph.scalar(graph.uniform(1 - alpha))], { shape: x.shape });
  return graph.node('Add', [scaled, graph.scalar(graph.uniform(alpha))], { shape: x.shape });
};

export const elementwise = {
  Add: binary('Add', { fold: (a, b) => a + b, leftIdentity: 0, rightIdentity: 0 }),
  Sub: subtract,
  Multiply: multiply,
  RealDiv: binary('Div', { fold: (a, b) => a / b, rightIdentity: 1 }),
  Maximum: binary('Max', { fold: Math.max }),
  Minimum: binary('Min', { fold: Math.min }),
  Pow: ((graph, { a, b }) =>
    b.uniform === 2 && sameShape(a.shape, broadcastShape(a.shape, b.shape))
      ? square(graph, { x: a }, {})
      : power(graph, { a, b }, {})) as Binary,
  SquaredDifference: ((graph, inputs) =>
    square(graph, { x: subtract(graph, inputs, {}) as Value }, {})) as Binary,
  Equal: comparison('Equal', (a, b) => a === b),
  NotEqual: comparison('Equal', (a, b) => a === b, true),
  Greater: comparison('Greater', (a, b) => a > b),
  GreaterEqual: comparison('GreaterOrEqual', (a, b) => a >= b),
  Less: comparison('Less', (a, b) => a < b),
  LessEqual: comparison('LessOrEqual', (a, b) => a <= b),
  LogicalAnd: comparison('And', (a, b) => a !== 0 && b !== 0),
  LogicalOr: comparison('Or', (a, b) => a !== 0 || b !== 0),
  LogicalNot: unary('Not', (x) => Number(x === 0)),
  Exp: unary('Exp', Math.exp),
  Log: unary('Log', Math.log),
  Neg: unary('Neg', (x) => -x),
  Abs: unary('Abs', Math.abs),
  Sqrt: squareRoot,
  Reciprocal: reciprocal,
  Rsqrt: chained(squareRoot, reciprocal),
  Square: square,
  Tanh: unary('Tanh', Math.tanh),
  Cos: unary('Cos', Math.cos),
  Sin: unary('Sin', Math.sin),
  Sigmoid: unary('Sigmoid', (x) => 1 / (1 + Math.exp(-x))),
  Relu: unary('Relu', (x) => Math.max(0, x)),
  Erf: ((graph, { x }) => graph.node('Erf', [x], { shape: x.shape })) as Unary,
  Step: step,
  Select: ((graph, { condition, t, e }) => {
    const shape = broadcastShape(t.shape, e.shape);
    const values = [condition, operand(graph, t, condition, shape), operand(graph, e, condition, shape)];
    return graph.node('Where', values, { shape, dtype: t.dtype });
  }) as Rule<tf.SelectInputs>,
  Cast: ((graph, { x }, { dtype }) => cast(graph, x, dtype as ElementType)) as Rule<
    tf.CastInputs,
    tf.CastAttrs
  >,
  Identity: ((_, { x }) => x) as Unary,
  ZerosLike: ((graph, { x }) => graph.uniform(0, x.shape, x.dtype)) as Unary,
  OnesLike: ((graph, { x }) => graph.uniform(1, x.shape, x.dtype)) as Unary,
};
