/** Rotary positions: the angles of each token, with the scalings of HF `modeling_rope_utils`. */
import * as tf from '../../engine/tfjs.js';
import type { LlamaConfig, RopeScaling } from '../config.js';
import { isPacked, type ModelInputs } from '../inputs.js';
import type { ModelContext } from '../layers.js';

/** LLaMA 3.1: long waves are stretched by the factor, short ones kept, those between in part (HF `_compute_llama3_parameters`). */
function stretched(frequency: number, scaling: Extract<RopeScaling, { kind: 'llama3' }>): number {
  const {
    factor,
    lowFrequencyFactor: low,
    highFrequencyFactor: high,
    originalMaxPositionEmbeddings,
  } = scaling;
  const turns = (originalMaxPositionEmbeddings * frequency) / (2 * Math.PI);
  if (turns > high) return frequency;
  if (turns < low) return frequency / factor;
  const share = (turns - low) / (high - low);
  return ((1 - share) * frequency) / factor + share * frequency;
}

/** Angle per position of each pair of coordinates. */
export function rotaryFrequencies({ ropeTheta, ropeScaling, headSize }: LlamaConfig): Float32Array {
  return Float32Array.from({ length: headSize / 2 }, (_, i) => {
    const frequency = ropeTheta ** ((-2 * i) / headSize);
    if (!ropeScaling) return frequency;
    return ropeScaling.kind === 'linear' ? frequency / ropeScaling.factor : stretched(frequency, ropeScaling);
  });
}

/** Cosine and sine of every token's angles: [B S, head size / 2] each. In padded rows positions count from the first token. */
export function rotaryAngles(
  { config, batch, seq }: ModelContext<LlamaConfig>,
  inputs: ModelInputs,
): { readonly cos: tf.Tensor2D; readonly sin: tf.Tensor2D } {
  const frequencies = rotaryFrequencies(config);
  const places = isPacked(inputs)
    ? tf.cast(tf.reshape(inputs.positions, [batch * seq, 1]), 'float32')
    : tf.reshape(
        tf.tile(
          tf.reshape(
            tf.cast(
              tf.tensor1d(
                Int32Array.from({ length: seq }, (_, i) => i),
                'int32',
              ),
              'float32',
            ),
            [1, seq],
          ),
          [batch, 1],
        ),
        [batch * seq, 1],
      );
  const angles = tf.mul(places, tf.tensor2d(frequencies, [1, frequencies.length])) as tf.Tensor2D;
  return { cos: tf.cos(angles), sin: tf.sin(angles) };
}
