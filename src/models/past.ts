/** Keys and values of the tokens before those of the batch: what makes one token more cost one token (a key-value cache). */
import type * as tf from '../engine/tfjs.js';

/** What attention is given of the tokens before. */
export interface Past {
  /** Who attends to whom: 0 or a large negative number, [B, 1, S, all tokens]. */
  readonly bias: tf.Tensor;
  /**
   * Keys and values of all tokens, those of the batch last.
   * @param module of the attention, by which they are kept apart @param keys @param values of the batch's tokens, [B S, size] each
   */
  join(module: string, keys: tf.Tensor2D, values: tf.Tensor2D): readonly [tf.Tensor2D, tf.Tensor2D];
  /** Places in the text, int32: of the batch's tokens [S], and of all tokens, in the order of `join` [all]. */
  readonly places: { readonly queries: tf.Tensor1D; readonly keys: tf.Tensor1D };
  /**
   * Keys and values of the text that a second stack reads, [B T, size] each: made of it where it is new, else those kept.
   * @param module of the attention
   */
  cross?(
    module: string,
    make: () => readonly [tf.Tensor2D, tf.Tensor2D],
  ): readonly [tf.Tensor2D, tf.Tensor2D];
}

/** Keys and values that attention sees: those of the batch, and those before them where there are any. */
export const withPast = (
  { past }: { readonly past?: Past | undefined },
  module: string,
  keys: tf.Tensor2D,
  values: tf.Tensor2D,
): readonly [tf.Tensor2D, tf.Tensor2D] => past?.join(module, keys, values) ?? [keys, values];
