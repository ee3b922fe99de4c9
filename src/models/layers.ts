/** What every block is made of: linear maps and sub-layers with their hook points, activations, layer norm, dropout. */

import * as fused from '../engine/fused.js';
import { composedGeluTanh } from '../engine/fused-decoder.js';
import { assertShape } from '../engine/shape.js';
import * as tf from '../engine/tfjs.js';
import type { Adaptation, HookContext } from './adaptation.js';
import type { Activation, EncoderConfig, Gpt2Config, ModelConfig } from './config.js';
import type { Past } from './past.js';

/** Whose the rows of a layer's input are: all tokens', the examples' (their first tokens), those of some tokens, or all of a second stack's. */
export type RowsOf = 'tokens' | 'examples' | 'place' | 'target-tokens';

/** A source of inverted-dropout masks (engine/dropout.ts `Randomness`). */
export interface MaskSource {
  mask(
    shape: readonly number[],
    rate: number,
    of: RowsOf | 'attention' | 'first' | 'target-attention' | 'cross-attention',
  ): tf.Tensor | undefined;
}

/** What a model function needs besides the batch. */
export interface ModelContext<C extends ModelConfig = ModelConfig> extends HookContext {
  readonly config: C;
  readonly adaptation: Adaptation;
  readonly parameters: Readonly<Record<string, tf.Tensor>>;
  readonly batch: number;
  readonly seq: number;
  /** Dropout masks while training; undefined in evaluation. */
  readonly random: MaskSource | undefined;
  /** Blocks keep their input only, and are computed again for their gradient: see `recompute.ts`. */
  readonly gradientCheckpointing: boolean;
  /** The tokens before those of the batch, while text is written; undefined: there are none. */
  readonly past?: Past | undefined;
  /** In a second stack: what the first one made of its rows, [B S, H]. */
  readonly encoderStates?: tf.Tensor2D | undefined;
}

export type ContextOptions<C extends ModelConfig = ModelConfig> = Pick<
  ModelContext<C>,
  'config' | 'adaptation' | 'parameters' | 'batch' | 'seq'
> &
  Partial<Pick<ModelContext, 'random' | 'gradientCheckpointing' | 'past' | 'encoderStates'>>;

export function modelContext<C extends ModelConfig>({
  random,
  gradientCheckpointing = false,
  ...given
}: ContextOptions<C>): ModelContext<C> {
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
export const withRowsOf = <T extends ModelContext>(context: T, of: RowsOf): T => ({
  ...context,
  dropout: dropoutOf(context.random, of),
});

export const vector = (context: HookContext, name: string): tf.Tensor1D =>
  context.parameter(name) as unknown as tf.Tensor1D;

/** `torch.nn.Linear` with a bias or without, with the hook that LoRA uses: x [rows, in] -> [rows, out]. */
export function linear(context: ModelContext, module: string, x: tf.Tensor2D): tf.Tensor2D {
  const weight = context.parameter(`${module}.weight`);
  assertShape(x, { rows: x.shape[0], in: weight.shape[1] }, `input of ${module}`);
  return hooked(context, module, x, fused.linear(x, weight, biasOf(context, module)));
}

/** `Conv1D` of GPT-2, whose weight is [in, out], with the same hook. @param bias default: the module's own */
export function conv1d(
  context: ModelContext,
  module: string,
  x: tf.Tensor2D,
  bias = vector(context, `${module}.bias`),
): tf.Tensor2D {
  const weight = context.parameter(`${module}.weight`);
  assertShape(x, { rows: x.shape[0], in: weight.shape[0] }, `input of ${module}`);
  return hooked(context, module, x, fused.linear(x, weight, bias, 'in-out'));
}

const biasOf = (context: ModelContext, module: string): tf.Tensor1D | undefined =>
  context.parameters[`${module}.bias`] as tf.Tensor1D | undefined;

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

export const layerNorm = (
  context: ModelContext<EncoderConfig | Gpt2Config>,
  module: string,
  x: tf.Tensor2D,
): tf.Tensor2D =>
  fused.layerNorm(
    x,
    vector(context, `${module}.weight`),
    vector(context, `${module}.bias`),
    context.config.layerNormEps,
  );

/** The adapter hook on a sub-layer's output. */
export const adapted = (
  context: ModelContext,
  module: string,
  subLayer: 'attention' | 'feed-forward',
  h: tf.Tensor2D,
): tf.Tensor2D => context.adaptation.subLayer?.(module, subLayer, h, context) ?? h;

/** HF `ACT2FN`. `gelu_new` is the tanh form. */
export function activate(name: Activation, x: tf.Tensor2D): tf.Tensor2D {
  switch (name) {
    case 'gelu':
      return fused.gelu(x);
    case 'gelu_new':
      return composedGeluTanh(x);
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
