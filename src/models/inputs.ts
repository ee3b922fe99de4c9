/** What a model function is given of a batch. Letters: B rows of the batch, S their length, E examples (one a row, or several). */
import type * as tf from '../engine/tfjs.js';

interface TokenInputs {
  /** int32 [B, S] */
  readonly inputIds: tf.Tensor;
  /** int32 [B, S] */
  readonly tokenTypeIds: tf.Tensor;
}

/** One example a row, padded on the right: what is evaluated and served. */
export interface PaddedInputs extends TokenInputs {
  /** int32 [B, S], 1 token, 0 padding */
  readonly attentionMask: tf.Tensor;
}

/** Several examples a row, E in the batch: what is trained on. A token attends to its own example. */
export interface PackedInputs extends TokenInputs {
  /** int32 [B, S], place of each token in its example */
  readonly positions: tf.Tensor;
  /** int32 [B, S], number of each token's example, from 1; 0 where there is none */
  readonly segments: tf.Tensor;
  /** int32 [E], index in the rows of each example's first token */
  readonly starts: tf.Tensor;
  /** int32 [E], index in the rows of each example's last token: what a decoder's classifier reads */
  readonly ends?: tf.Tensor;
}

/**
 * The rows that the second stack of an encoder-decoder reads, T tokens long: those of row r belong to the examples in the first stack's row r.
 */
export interface TargetInputs {
  /** int32 [B, T], what each token is predicted after: the start token first */
  readonly decoderInputIds: tf.Tensor;
  /** int32 [B, T], number of each token's example as in the first stack's rows; absent: one example a row */
  readonly decoderSegments?: tf.Tensor;
}

export type ModelInputs = (PaddedInputs | PackedInputs) & Partial<TargetInputs>;

export const isPacked = (inputs: ModelInputs): inputs is PackedInputs & Partial<TargetInputs> =>
  'segments' in inputs;

/**
 * Which of the last hidden states the head reads. The last block computes keys and values of every token, and everything else of
 * these rows only: the same numbers as HF's, without 5/6 of that block for a classifier.
 */
export type Reads =
  | { readonly kind: 'all' }
  /** The first token of each example. */
  | { readonly kind: 'first' }
  /** The last token of each example. */
  | { readonly kind: 'last' }
  /** int32 [N], indices into the rows. */
  | { readonly kind: 'rows'; readonly rows: tf.Tensor1D };
