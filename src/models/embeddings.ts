/** Look-ups of tokens and learned positions. */
import * as tf from '../engine/tfjs.js';
import { isPacked, type ModelInputs } from './inputs.js';
import type { ModelContext } from './layers.js';

/** Rows of the tokens: [B S, size]. @param name of the table */
export const tokenRows = (context: ModelContext, name: string, { inputIds }: ModelInputs): tf.Tensor2D =>
  tf.gather(context.parameter(name), tf.reshape(inputIds, [context.batch * context.seq])) as tf.Tensor2D;

/**
 * Rows of the tokens' places, which broadcast to [B, S, size].
 * In packed rows positions start anew: a product with one-hot rows, whose gradient is a product too, not a scatter.
 * @param name of the table @param first row of the first place
 */
export function positionRows(
  { batch, seq, ...context }: ModelContext,
  name: string,
  inputs: ModelInputs,
  first = 0,
): tf.Tensor3D {
  const table = context.parameter(name);
  const [, size] = table.shape;
  const used = tf.slice(table, [first, 0], [seq, size]);
  if (!isPacked(inputs)) return tf.reshape(used, [1, seq, size]);
  const places = tf.reshape(inputs.positions, [batch * seq]) as tf.Tensor1D;
  const oneHot = tf.cast(tf.oneHot(places, seq), 'float32') as tf.Tensor2D;
  return tf.reshape(tf.matMul(oneHot, used), [batch, seq, size]);
}
