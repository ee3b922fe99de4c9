/** A model as training sees it: specs, the head, and how a PEFT method enters. */

import type { Randomness, TensorSpecs } from '../engine/compile.js';
import type * as tf from '../engine/tfjs.js';
import type { Adaptation } from '../models/adaptation.js';
import type { ModelConfig } from '../models/config.js';
import { type EncoderInputs, encode, type KnownStates } from '../models/encoder.js';
import { headLogits, readsOf, type TaskHead } from '../models/heads.js';
import { modelContext } from '../models/layers.js';
import type { ParameterSpec } from '../models/parameters.js';

/** A model as training sees it: parameters, head, and how a method enters. */
export interface Model {
  readonly config: ModelConfig;
  readonly head: TaskHead;
  readonly specs: readonly ParameterSpec[];
  readonly adaptation: Adaptation;
  /** Less memory for about a third more time in training: see `models/recompute.ts`. */
  readonly gradientCheckpointing?: boolean;
}

/** Rows of a batch and their length. */
export interface BatchShape {
  readonly rows: number;
  readonly length: number;
}

/** Sizes of a packed batch. */
export interface PackedShape extends BatchShape {
  readonly slots: number;
}

export type Tensors = Readonly<Record<string, tf.Tensor>>;

const tokens = ({ rows, length }: BatchShape) => ({ shape: [rows, length], dtype: 'int32' }) as const;

/** Inputs of a compiled encoder besides its parameters, one example a row. */
export const paddedInputs = (shape: BatchShape) =>
  ({
    inputIds: tokens(shape),
    attentionMask: tokens(shape),
    tokenTypeIds: tokens(shape),
  }) as const satisfies TensorSpecs;

/** The same for packed rows. */
export const packedInputs = (shape: PackedShape) =>
  ({
    inputIds: tokens(shape),
    tokenTypeIds: tokens(shape),
    positions: tokens(shape),
    segments: tokens(shape),
    starts: { shape: [shape.slots], dtype: 'int32' },
  }) as const satisfies TensorSpecs;

export const parameterInputs = (specs: readonly ParameterSpec[]): TensorSpecs =>
  Object.fromEntries(specs.map(({ name, shape }) => [name, { shape }]));

/** The head's logits for a batch, padded or packed; dropout only where `random` is given. With `known`, only blocks from there on are computed. */
export function forward(
  model: Model,
  { rows, length }: BatchShape,
  tensors: Tensors,
  random: Randomness | undefined,
  known?: KnownStates,
): tf.Tensor2D {
  const { config, adaptation, head, gradientCheckpointing = false } = model;
  const context = modelContext({
    ...{ config, adaptation, parameters: tensors, batch: rows, seq: length, random },
    gradientCheckpointing,
  });
  return headLogits(
    context,
    head,
    encode(context, tensors as unknown as EncoderInputs, readsOf(head), known),
  );
}
