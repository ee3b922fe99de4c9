/** What a model is fed: integers. The types on which datasets and training meet. */

/**
 * What a step trains on: the batch's examples laid end to end in few dense rows, so that hardly a token is computed that is not real.
 * An example lies whole in one row; attention sees its own segment only and its positions start anew, so that each example has the
 * numbers that it has alone.
 */
export interface Batch {
  /** Of pairs of texts: the second ones. */
  readonly target?: TargetRows;
  /** Tokens of a row of `target`. */
  readonly targetLength?: number;
  /** [rows, length] */
  readonly inputIds: Int32Array;
  /** [rows, length] */
  readonly tokenTypeIds: Int32Array;
  /** [rows, length], place of each token in its example */
  readonly positions: Int32Array;
  /** [rows, length], number of the token's example in this batch, from 1; 0 where there is none */
  readonly segments: Int32Array;
  /** [slots], index in the flattened rows of each example's first token */
  readonly starts: Int32Array;
  /** [slots], tokens of each example; 0 for a slot without one */
  readonly lengths: Int32Array;
  /** [slots], the example's number in the data set: what its dropout is drawn by */
  readonly examples: Int32Array;
  /** classification: class ids [slots]; regression: scores [slots]; span: first and last token of the answer, counted in the example [slots, 2]; multi-label: 0 or 1 [slots, classes] */
  readonly labels: Float32Array;
  readonly rows: number;
  readonly length: number;
  /** Most examples that a batch of the run has: slots beyond `count` weigh nothing. */
  readonly slots: number;
  /** Examples: the first `count` slots. */
  readonly count: number;
}

/**
 * The second texts of pairs, laid out as the first ones: an example's lies in the row that its first text lies in. In T5's terms these are
 * the labels.
 */
export interface TargetRows {
  /** [rows, targetLength] */
  readonly ids: Int32Array;
  /** [rows, targetLength], number of the token's example in this batch, from 1; 0 where there is none */
  readonly segments: Int32Array;
  /** [slots], index in the flattened rows of each example's first token */
  readonly starts: Int32Array;
  /** [slots], tokens of each example; 0 for a slot without one */
  readonly lengths: Int32Array;
}

/** One example a row, padded on the right as Hugging Face's models take it: what is evaluated and served. */
export interface PaddedBatch {
  /** [rows, length] */
  readonly inputIds: Int32Array;
  /** [rows, length], 1 for a token, 0 for padding */
  readonly attentionMask: Int32Array;
  /** [rows, length] */
  readonly tokenTypeIds: Int32Array;
  readonly rows: number;
  readonly length: number;
}

/**
 * One tokenised example. `label` is a class id or score; `span` the answer's first and last token (SQuAD); `classes` says of each class
 * whether it holds, 0 or 1 (multi-label); `target` is the text that an encoder-decoder learns to write, with the token that ends it.
 */
export interface Feature {
  readonly inputIds: readonly number[] | Int32Array;
  readonly tokenTypeIds: readonly number[] | Int32Array;
  readonly label?: number;
  readonly span?: readonly [number, number];
  readonly classes?: readonly number[];
  readonly target?: readonly number[] | Int32Array;
}

/** Features in their order: an array of them, or what keeps them in less room. */
export interface FeatureList extends Iterable<Feature> {
  readonly length: number;
  /** Undefined beyond the last one. @param index from 0 */
  at(index: number): Feature | undefined;
}
