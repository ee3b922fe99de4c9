/**
 * The engine under it all: a function of tensors becomes one native program. It knows no model.
 * @module
 */
export {
  type Compiled,
  type CompileOptions,
  compile,
  type MaskKey,
  type Randomness,
  type RunOptions,
  type TensorFunction,
  type TensorSpec,
  type TensorSpecs,
  type Traced,
  trace,
} from '../engine/compile.js';
export { DEVICES, type Device } from '../engine/device.js';
export type { MaskOf, MaskSite, PlacedRows, Placement } from '../engine/dropout.js';
export * as fused from '../engine/fused.js';
export type {
  Attribute,
  Constant,
  ElementType,
  Graph,
  Node,
  NodeOptions,
  OutputSpec,
  Value,
} from '../engine/graph.js';
export { type OperatorTime, Profile } from '../engine/profile.js';
export type { Array1D, Feeds } from '../engine/session.js';
export type { RandomKey } from '../random.js';
