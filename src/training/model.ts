/** A model as training sees it: specs, the head, and how a PEFT method enters. */

import type { Randomness, TensorSpecs } from '../engine/compile.js';
import type * as tf from '../engine/tfjs.js';
import type { Adaptation } from '../models/adaptation.js';
import type { ModelConfig } from '../models/config.js';
import { familyOf } from '../models/families.js';
import { hiddenStates, type KnownStates } from '../models/forward.js';
import { readsOf, type TaskHead } from '../models/heads.js';
import type { ModelInputs } from '../models/inputs.js';
import { type ModelContext, modelContext } from '../models/layers.js';
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
  /** Of the rows that a second stack reads. */
  readonly targetLength?: number | undefined;
}

/** Sizes of a packed batch. */
export interface PackedShape extends BatchShape {
  readonly slots: number;
}

export type Tensors = Readonly<Record<string, tf.Tensor>>;

const tokens = ({ rows, length }: BatchShape) => ({ shape: [rows, length], dtype: 'int32' }) as const;

/** The same of one example a row. */
export const paddedInputs = (shape: BatchShape) =>
  ({
    inputIds: tokens(shape),
    attentionMask: tokens(shape),
    tokenTypeIds: tokens(shape),
  }) as const satisfies TensorSpecs;

const perSlot = ({ slots }: PackedShape) => ({ shape: [slots], dtype: 'int32' }) as const;

/**
 * What of packed rows says who attends to whom, and what a classifier reads: a decoder's reads the last token of each example. With them
 * comes all that a second stack reads.
 */
export function attendingInputs({ config }: Pick<Model, 'config'>, shape: PackedShape): TensorSpecs {
  const { causal, decoder } = familyOf(config);
  const target = tokens({ rows: shape.rows, length: shape.targetLength ?? 0 });
  return {
    ...(causal ? { positions: tokens(shape) } : {}),
    ...{ segments: tokens(shape), starts: perSlot(shape) },
    ...(causal ? { ends: perSlot(shape) } : {}),
    ...(decoder ? { decoderInputIds: target, decoderSegments: target } : {}),
  };
}

/** Inputs of a compiled model besides its parameters, of packed rows. */
export const packedInputs = (model: Pick<Model, 'config'>, shape: PackedShape): TensorSpecs => ({
  ...{ inputIds: tokens(shape), tokenTypeIds: tokens(shape), positions: tokens(shape) },
  ...attendingInputs(model, shape),
});

export const parameterInputs = (specs: readonly ParameterSpec[]): TensorSpecs =>
  Object.fromEntries(specs.map(({ name, shape }) => [name, { shape }]));

/** What the head reads of a batch, and what it is computed in. */
export interface ReadStates {
  readonly context: ModelContext;
  readonly hidden: tf.Tensor2D;
}

/**
 * The hidden states that the head reads, of a batch padded or packed; dropout only where `random` is given. With `known`, only blocks from
 * there on are computed.
 */
export function readStates(
  model: Model,
  { rows, length }: BatchShape,
  tensors: Tensors,
  random: Randomness | undefined,
  known?: KnownStates,
): ReadStates {
  const { config, adaptation, head, gradientCheckpointing = false } = model;
  const context = modelContext({
    ...{ config, adaptation, parameters: tensors, batch: rows, seq: length, random },
    gradientCheckpointing,
  });
  const hidden = hiddenStates(context, tensors as unknown as ModelInputs, readsOf(config, head), known);
  return { context, hidden };
}
