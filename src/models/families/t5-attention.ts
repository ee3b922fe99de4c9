/** Who attends to whom in T5, and where from: within the encoder, within the decoder, from the decoder to the encoder. */
import * as tf from '../../engine/tfjs.js';
import { maskedWhereNot, upTo } from '../attending.js';
import type { T5Config } from '../config.js';
import { isPacked, type ModelInputs, type TargetInputs } from '../inputs.js';
import type { ModelContext } from '../layers.js';
import { relativeBias } from './relative-positions.js';

type Context = ModelContext<T5Config>;

/** What attention is given beside the queries. */
export interface AttentionOf extends Scores {
  readonly keys: tf.Tensor2D | tf.Tensor4D;
  readonly values: tf.Tensor2D | tf.Tensor4D;
}

/** What is added to the scores, and whose the dropped probabilities are. */
interface Scores {
  readonly bias: tf.Tensor;
  readonly relative?: tf.Tensor | undefined;
  readonly dropout: 'attention' | 'target-attention' | 'cross-attention';
}

/** 0, 1, ... n - 1. */
const upwards = (n: number): tf.Tensor1D =>
  tf.tensor1d(
    Int32Array.from({ length: n }, (_, i) => i),
    'int32',
  );

/** The number of each token's example, [B, S]; of padded rows 1, and 0 for padding. */
const segmentsOf = (inputs: ModelInputs): tf.Tensor =>
  isPacked(inputs) ? inputs.segments : inputs.attentionMask;

/** Of the decoder's tokens, [B, T]: as {@link segmentsOf}. */
const targetSegmentsOf = ({ decoderSegments, decoderInputIds }: TargetInputs): tf.Tensor =>
  decoderSegments ?? tf.onesLike(decoderInputIds);

/** Whether tokens are of one example: bool [B, 1, from, to]. */
function sameExample(from: tf.Tensor, to: tf.Tensor): tf.Tensor {
  const [batch, queries] = from.shape as [number, number];
  const keys = to.shape[1] as number;
  return tf.equal(tf.reshape(from, [batch, 1, queries, 1]), tf.reshape(to, [batch, 1, 1, keys]));
}

/**
 * The numbers of a stack's lowest block, which all its blocks use. An example's tokens lie side by side, so that places in the row tell
 * distances as well as places in the example.
 */
function relative(
  { config, ...context }: Context,
  stack: 'encoder' | 'decoder',
  queries: tf.Tensor1D,
  keys = queries,
): tf.Tensor {
  const name = `${stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`;
  return relativeBias(context.parameter(name), queries, keys, {
    buckets: config.relativeAttentionNumBuckets,
    maxDistance: config.relativeAttentionMaxDistance,
    bidirectional: stack === 'encoder',
  });
}

export function encoderAttention(context: Context, inputs: ModelInputs): Scores {
  const segments = segmentsOf(inputs);
  return {
    bias: maskedWhereNot(sameExample(segments, segments)),
    relative: relative(context, 'encoder', upwards(context.seq)),
    dropout: 'attention',
  };
}

/** @param context of the decoder's rows */
export function decoderAttention(context: Context, inputs: TargetInputs): Scores {
  const { past, seq } = context;
  if (past) {
    const { queries, keys } = past.places;
    return {
      bias: past.bias,
      relative: relative(context, 'decoder', queries, keys),
      dropout: 'target-attention',
    };
  }
  const segments = targetSegmentsOf(inputs);
  return {
    bias: maskedWhereNot(tf.logicalAnd(sameExample(segments, segments), upTo(seq))),
    relative: relative(context, 'decoder', upwards(seq)),
    dropout: 'target-attention',
  };
}

/** The decoder's tokens to the encoder's of their own example: no positions. */
export const crossAttention = (inputs: ModelInputs & TargetInputs): Scores => ({
  bias: maskedWhereNot(sameExample(targetSegmentsOf(inputs), segmentsOf(inputs))),
  dropout: 'cross-attention',
});
