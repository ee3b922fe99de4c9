/**
 * T5 (Raffel et al. 2020; HF `T5ForConditionalGeneration`), versions 1.0 and 1.1: an encoder and a decoder of RMS norms before the
 * sub-layers, relative positions that a stack's blocks share, attention whose scores are not scaled, no biases. Letters: B rows of the
 * batch, S their length in the encoder, T in the decoder, H hidden size.
 */
import { attention } from '../../engine/fused.js';
import { geluTanh, rmsNorm } from '../../engine/fused-decoder.js';
import * as tf from '../../engine/tfjs.js';
import type { HeadSpec, T5Config } from '../config.js';
import type { Family, SubLayer } from '../family.js';
import type { ModelInputs, Reads, TargetInputs } from '../inputs.js';
import { activate, adapted, linear, type ModelContext, vector, withRowsOf } from '../layers.js';
import { withPast } from '../past.js';
import { type AttentionOf, crossAttention, decoderAttention, encoderAttention } from './t5-attention.js';
import { readT5Config, t5ConfigJson } from './t5-config.js';
import {
  blockName,
  encoderLayers,
  OUTPUT_MODULE,
  t5Modules,
  t5PlaceCounts,
  t5PlainModules,
} from './t5-modules.js';

type Context = ModelContext<T5Config>;

const normed = (context: Context, module: string, x: tf.Tensor2D): tf.Tensor2D =>
  rmsNorm(x, vector(context, `${module}.weight`), context.config.layerNormEps);

const dropped = (context: Context, x: tf.Tensor2D): tf.Tensor2D =>
  context.dropout(x, context.config.hiddenDropoutProb);

const words = (context: Context, ids: tf.Tensor): tf.Tensor2D =>
  dropped(context, tf.gather(context.parameter('shared.weight'), tf.reshape(ids, [ids.size])) as tf.Tensor2D);

/** The decoder's rows. */
function ofDecoder(context: Context, { decoderInputIds }: TargetInputs): Context {
  return { ...withRowsOf(context, 'target-tokens'), seq: decoderInputIds.shape[1] as number };
}

/** x + dropout(sub-layer of the normed x), with the adapter hook before the sum. @param module of the sub-layer, HF `layer.1` */
function subLayer(
  context: Context,
  module: string,
  kind: SubLayer['kind'],
  x: tf.Tensor2D,
  compute: (normed: tf.Tensor2D) => tf.Tensor2D,
): tf.Tensor2D {
  const inner = dropped(context, compute(normed(context, `${module}.layer_norm`, x)));
  return tf.add(x, adapted(context, module, kind, inner));
}

/** HF `T5DenseActDense`, `T5DenseGatedActDense`. */
function feedForward(context: Context, module: string, x: tf.Tensor2D): tf.Tensor2D {
  const { hiddenAct, gated } = context.config;
  const active = (of: tf.Tensor2D): tf.Tensor2D =>
    hiddenAct === 'gelu_new' ? geluTanh(of) : activate(hiddenAct, of);
  const inner = gated
    ? (tf.mul(
        active(linear(context, `${module}.wi_0`, x)),
        linear(context, `${module}.wi_1`, x),
      ) as tf.Tensor2D)
    : active(linear(context, `${module}.wi`, x));
  return linear(context, `${module}.wo`, dropped(context, inner));
}

/** Attention with its maps: `of` says of what. */
function attend(context: Context, module: string, x: tf.Tensor2D, of: AttentionOf): tf.Tensor2D {
  const { batch, config } = context;
  const { keys, values, bias, relative, dropout } = of;
  const q = linear(context, `${module}.q`, x);
  const heads = config.numAttentionHeads;
  const shape = [batch, heads, q.shape[0] / batch, keys.shape[0] / batch];
  const mask = context.random?.mask(shape, config.attentionProbsDropoutProb, dropout);
  const attended = attention(q, keys, values, bias, mask, { batch, heads, scale: 1, relative });
  return linear(context, `${module}.o`, attended);
}

/** Keys and values of rows. */
const keysAndValues = (context: Context, module: string, x: tf.Tensor2D) =>
  [linear(context, `${module}.k`, x), linear(context, `${module}.v`, x)] as const;

function encoderBlock(context: Context, index: number, inputs: ModelInputs, x: tf.Tensor2D): tf.Tensor2D {
  const module = blockName(context.config, index);
  const self = `${module}.layer.0.SelfAttention`;
  const middle = subLayer(context, `${module}.layer.0`, 'attention', x, (given) => {
    const [keys, values] = keysAndValues(context, self, given);
    return attend(context, self, given, { keys, values, ...encoderAttention(context, inputs) });
  });
  const y = subLayer(context, `${module}.layer.1`, 'feed-forward', middle, (given) =>
    feedForward(context, `${module}.layer.1.DenseReluDense`, given),
  );
  // The encoder's last norm trains, and freezes, with its highest block.
  const isLast = index === encoderLayers(context.config) - 1;
  return isLast ? dropped(context, normed(context, 'encoder.final_layer_norm', y)) : y;
}

function decoderBlock(
  whole: Context,
  index: number,
  inputs: ModelInputs & TargetInputs,
  x: tf.Tensor2D,
  reads: Reads,
): tf.Tensor2D {
  const context = ofDecoder(whole, inputs);
  const module = blockName(context.config, index);
  const [self, cross] = [`${module}.layer.0.SelfAttention`, `${module}.layer.1.EncDecAttention`];
  const lower = subLayer(context, `${module}.layer.0`, 'attention', x, (given) => {
    const [keys, values] = withPast(context, self, ...keysAndValues(context, self, given));
    return attend(context, self, given, { keys, values, ...decoderAttention(context, inputs) });
  });
  const middle = subLayer(context, `${module}.layer.1`, 'attention', lower, (given) => {
    const made = () => keysAndValues(whole, cross, whole.encoderStates as tf.Tensor2D);
    const [keys, values] = context.past?.cross?.(cross, made) ?? made();
    return attend(context, cross, given, { keys, values, ...crossAttention(inputs) });
  });
  // What a token is read for begins here: the rest is computed of these rows alone.
  const isPart = reads.kind === 'rows';
  const read = isPart ? (tf.gather(middle, reads.rows) as tf.Tensor2D) : middle;
  const reader = isPart ? withRowsOf(context, 'place') : context;
  return subLayer(reader, `${module}.layer.2`, 'feed-forward', read, (given) =>
    feedForward(reader, `${module}.layer.2.DenseReluDense`, given),
  );
}

/** The decoder's last norm; in version 1.0 scaled for the output embedding, which is the word embedding. */
function finish(context: Context, x: tf.Tensor2D): tf.Tensor2D {
  const { hiddenSize, scaleDecoderOutputs } = context.config;
  const last = dropped(withRowsOf(context, 'target-tokens'), normed(context, 'decoder.final_layer_norm', x));
  return scaleDecoderOutputs ? (tf.mul(last, hiddenSize ** -0.5) as tf.Tensor2D) : last;
}

/** Sub-layers are HF's `layer.0`, `layer.1` and, in the decoder, `layer.2`. */
function subLayers(config: T5Config, index: number): SubLayer[] {
  const isDecoder = index >= encoderLayers(config);
  const kinds = [...(isDecoder ? (['attention'] as const) : []), 'attention', 'feed-forward'] as const;
  return kinds.map((kind, i) => ({ module: `${blockName(config, index)}.layer.${i}`, kind, index }));
}

/** Where LoRA goes: PEFT's table. */
const LORA_TARGETS = ['q', 'v'] as const;

export const t5: Family<T5Config> = {
  ...{ className: 'T5', pooler: undefined, tokenTypes: false, causal: false },
  architecture: ({ kind }: HeadSpec) => (kind === 'seq2seq-lm' ? 'T5ForConditionalGeneration' : undefined),
  readConfig: readT5Config,
  configJson: t5ConfigJson,
  longestRow: ({ maxPositionEmbeddings }) => maxPositionEmbeddings,
  withDropout: (config, rate) => ({ ...config, hiddenDropoutProb: rate, attentionProbsDropoutProb: rate }),
  modules: t5Modules,
  plainModules: t5PlainModules,
  blockName,
  subLayers,
  placeCounts: t5PlaceCounts,
  loraTargets: LORA_TARGETS,
  queryAndIntermediate: undefined,
  // Files of the bare model have the same names.
  prefix: 't5',
  bareNames: /^$/,
  canonicalName: (stored) => stored,
  // Copies of the word embedding, and positions between the stacks, which old files hold and no model reads.
  buffers: /^(?:(?:en|de)coder\.embed_tokens\.weight|.*EncDecAttention\.relative_attention_bias\.weight)$/,
  standIns: {
    'shared.weight': ['shared.weight', 'encoder.embed_tokens.weight', 'decoder.embed_tokens.weight'],
  },
  wordEmbedding: () => 'shared.weight',
  outputEmbedding: `${OUTPUT_MODULE}.weight`,
  embed: (context, { inputIds }) => words(context, inputIds),
  block: (context, index, inputs, x, reads) =>
    index < encoderLayers(context.config)
      ? encoderBlock(context, index, inputs, x)
      : decoderBlock(context, index, inputs as ModelInputs & TargetInputs, x, reads),
  decoder: {
    first: encoderLayers,
    embed: (context, inputs) => {
      const { decoderInputIds } = inputs as ModelInputs & TargetInputs;
      return words(withRowsOf(context, 'target-tokens'), decoderInputIds);
    },
  },
  alsoReads: (config, index) => {
    const stack = index < encoderLayers(config) ? 'encoder' : 'decoder';
    const last = stack === 'encoder' && index === encoderLayers(config) - 1;
    return [
      `${stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`,
      ...(last ? ['encoder.final_layer_norm.weight'] : []),
    ];
  },
  finish,
  classify() {
    throw new Error('internal: a t5 has no classifier');
  },
};
