/** What every block is made of: linear maps and sub-layers with their hook points, activations, layer norm, dropout. */

import * as fused from '../engine/fused.js';
import { assertShape } from '../engine/shape.js';
import * as tf from '../engine/tfjs.js';
import type { Adaptation, HookContext } from './adaptation.js';
import type { Activation, ModelConfig } from './config.js';

/** Whose the rows of a layer's input are: all tokens', the examples' (their first tokens), or those of some tokens. */
export type RowsOf = 'tokens' | 'examples' | 'place';

/** A source of inverted-dropout masks (engine/dropout.ts `Randomness`). */
export interface MaskSource {
  mask(shape: readonly number[], rate: number, of: RowsOf | 'attention' | 'first'): tf.Tensor | undefined;
}

/** What a model function needs besides the batch. */
export interface ModelContext extends HookContext {
  readonly config: ModelConfig;
  readonly adaptation: Adaptation;
  readonly parameters: Readonly<Record<string, tf.Tensor>>;
  readonly batch: number;
  readonly seq: number;
  /** Dropout masks while training; undefined in evaluation. */
  readonly random: MaskSource | undefined;
  /** Blocks keep their input only, and are computed again for their gradient: see `recompute.ts`. */
  readonly gradientCheckpointing: boolean;
}

export type ContextOptions = Pick<ModelContext, 'config' | 'adaptation' | 'parameters' | 'batch' | 'seq'> &
  Partial<Pick<ModelContext, 'random' | 'gradientCheckpointing'>>;

export function modelContext({
  random,
  gradientCheckpointing = false,
  ...given
}: ContextOptions): ModelContext {
  return {
    ...given,
    random,
    gradientCheckpointing,
    parameter(name) {
      const tensor = given.parameters[name];
      if (!tensor) throw new Error(`internal: the model has no parameter '${name}'`);
      return tensor as tf.Tensor2D;
    },
    dropout: dropoutOf(random, 'tokens'),
  };
}

const dropoutOf =
  (random: MaskSource | undefined, of: RowsOf): HookContext['dropout'] =>
  (x, rate) =>
    fused.dropout(x, random?.mask(x.shape, rate, of));

/** The same, for layers whose rows are not all tokens. */
export const withRowsOf = (context: ModelContext, of: RowsOf): ModelContext => ({
  ...context,
  dropout: dropoutOf(context.random, of),
});

const vector = (context: HookContext, name: string): tf.Tensor1D =>
  context.parameter(name) as unknown as tf.Tensor1D;

/** `torch.nn.Linear`, with the hook that LoRA uses: x [rows, in] -> [rows, out]. */
export function linear(context: ModelContext, module: string, x: tf.Tensor2D): tf.Tensor2D {
  const weight = context.parameter(`${module}.weight`);
  assertShape(x, { rows: x.shape[0], in: weight.shape[1] }, `input of ${module}`);
  return hooked(context, module, x, fused.linear(x, weight, vector(context, `${module}.bias`)));
}

/**
 * The key map. Softmax ignores what is added to all scores of a row, so the gradient of the key's bias is exactly 0; computed, it is
 * rounding noise, which AdamW would scale up to steps of full size. Deviation: PyTorch computes and applies that noise.
 */
export function keyMap(context: ModelContext, module: string, x: tf.Tensor2D): tf.Tensor2D {
  const bias = fused.stopGradient(vector(context, `${module}.bias`));
  return hooked(context, module, x, fused.linear(x, context.parameter(`${module}.weight`), bias));
}

function hooked(context: ModelContext, module: string, x: tf.Tensor2D, y: tf.Tensor2D): tf.Tensor2D {
  return context.adaptation.linear?.(module, x, y, context) ?? y;
}

export function layerNorm(context: ModelContext, module: string, x: tf.Tensor2D): tf.Tensor2D {
  return fused.layerNorm(
    x,
    vector(context, `${module}.weight`),
    vector(context, `${module}.bias`),
    context.config.layerNormEps,
  );
}

/**
 * Dense map, dropout, adapter hook, residual, layer norm (HF `BertSelfOutput` and `BertOutput`).
 * @param h [rows, in] the sub-layer's inner result @param residual [rows, hidden] its input
 */
export function closeSubLayer(
  context: ModelContext,
  module: string,
  subLayer: 'attention' | 'feed-forward',
  h: tf.Tensor2D,
  residual: tf.Tensor2D,
): tf.Tensor2D {
  const projected = context.dropout(linear(context, `${module}.dense`, h), context.config.hiddenDropoutProb);
  const adapted = context.adaptation.subLayer?.(module, subLayer, projected, context) ?? projected;
  return layerNorm(context, `${module}.LayerNorm`, tf.add(adapted, residual));
}

/** HF `ACT2FN`. `gelu_new` is the tanh form. */
export function activate(name: Activation, x: tf.Tensor2D): tf.Tensor2D {
  switch (name) {
    case 'gelu':
      return fused.gelu(x);
    case 'gelu_new': {
      const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.mul(x, tf.mul(x, x)))));
      return tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(inner)));
    }
    case 'relu':
      return tf.relu(x);
    case 'tanh':
      return tf.tanh(x);
    case 'silu':
      return tf.mul(x, tf.sigmoid(x));
    default:
      throw new Error(`internal: unknown activation '${name satisfies never}'`);
  }
}
