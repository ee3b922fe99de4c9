/** Keys and values of the tokens before those of the batch: what makes one token more cost one token (a key-value cache). */
import * as tf from '../engine/tfjs.js';
import type { ModelConfig } from './config.js';

/** Keys and values, rows of all tokens [B all, size] or by head [B, heads, all, head size]. */
export type Kept = readonly [tf.Tensor2D, tf.Tensor2D] | readonly [tf.Tensor4D, tf.Tensor4D];

/** What attention is given of the tokens before. */
export interface Past {
  /** Who attends to whom: 0 or a large negative number, [B, 1, S, all tokens]. */
  readonly bias: tf.Tensor;
  /**
   * Keys and values of all tokens, those of the batch last.
   * @param module of the attention, by which they are kept apart @param keys @param values of the batch's tokens, [B S, size] each
   */
  join(module: string, keys: tf.Tensor2D, values: tf.Tensor2D): Kept;
  /** Places in the text, int32: of the batch's tokens [S], and of all tokens, in the order of `join` [all]. */
  readonly places: { readonly queries: tf.Tensor1D; readonly keys: tf.Tensor1D };
  /**
   * Keys and values of the text that a second stack reads: made of it where it is new, else those kept.
   * @param module of the attention @param make [B T, size] each
   */
  cross?(module: string, make: () => readonly [tf.Tensor2D, tf.Tensor2D]): Kept;
}

/** Keys and values that attention sees: those of the batch, and those before them where there are any. */
export const withPast = (
  { past }: { readonly past?: Past | undefined },
  module: string,
  keys: tf.Tensor2D,
  values: tf.Tensor2D,
): Kept => past?.join(module, keys, values) ?? [keys, values];

/** Of keys, and of values: heads, and the size of each. */
export interface KeyHeads {
  readonly heads: number;
  readonly size: number;
}

/** Heads of keys and values, and the size of each. */
export function keyHeads(config: ModelConfig): KeyHeads {
  const heads = 'numKeyValueHeads' in config ? config.numKeyValueHeads : config.numAttentionHeads;
  return {
    heads,
    size: 'headSize' in config ? config.headSize : config.hiddenSize / config.numAttentionHeads,
  };
}

/** [B, heads, tokens, head size] of the keys, or values, of so many tokens. */
export function keptShape(config: ModelConfig, batch: number, tokens: number): number[] {
  const { heads, size } = keyHeads(config);
  return [batch, heads, tokens, size];
}

/** Rows by head: [B tokens, size] -> [B, heads, tokens, head size]. */
export function byHead(config: ModelConfig, rows: tf.Tensor2D, batch: number): tf.Tensor4D {
  const { heads, size } = keyHeads(config);
  return tf.transpose(tf.reshape(rows, [batch, rows.shape[0] / batch, heads, size]), [0, 2, 1, 3]);
}
