/** A model as training sees it: specs and values, the head, and how a PEFT method enters. */
import type * as tf from '@tensorflow/tfjs';
import type { Randomness, TensorSpecs } from '../engine/compile.js';
import type { Adaptation } from '../models/adaptation.js';
import type { HeadSpec, ModelConfig } from '../models/config.js';
import { encode } from '../models/encoder.js';
import { headLogits } from '../models/heads.js';
import { modelContext } from '../models/layers.js';
import type { ParameterSpec } from '../models/parameters.js';

export interface Model {
  readonly config: ModelConfig;
  readonly head: HeadSpec;
  readonly specs: readonly ParameterSpec[];
  readonly adaptation: Adaptation;
}

/** Rows and padded length of a batch: one compiled program each. */
export interface BatchShape {
  readonly rows: number;
  readonly length: number;
}

/** Inputs of a compiled model besides its parameters. */
export const batchInputs = ({ rows, length }: BatchShape) =>
  ({
    inputIds: { shape: [rows, length], dtype: 'int32' },
    attentionMask: { shape: [rows, length], dtype: 'int32' },
    tokenTypeIds: { shape: [rows, length], dtype: 'int32' },
  }) as const satisfies TensorSpecs;

export const parameterInputs = (specs: readonly ParameterSpec[]): TensorSpecs =>
  Object.fromEntries(specs.map(({ name, shape }) => [name, { shape }]));

/** The head's logits for a batch; dropout only where `random` is given. */
export function forward(
  model: Model,
  { rows, length }: BatchShape,
  tensors: Readonly<Record<string, tf.Tensor>>,
  random: Randomness | undefined,
): tf.Tensor {
  const { config, adaptation, head } = model;
  const context = modelContext({ config, adaptation, parameters: tensors, batch: rows, seq: length, random });
  const { inputIds, attentionMask, tokenTypeIds } = tensors as Record<string, tf.Tensor>;
  const inputs = { inputIds, attentionMask, tokenTypeIds } as Record<
    'inputIds' | 'attentionMask' | 'tokenTypeIds',
    tf.Tensor
  >;
  return headLogits(context, head, encode(context, inputs));
}
