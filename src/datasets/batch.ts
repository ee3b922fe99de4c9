/** What a model is fed: padded integers. The one type on which datasets and training meet. */

/** `rows` x `length` token ids, row-major. Padding rows (beyond `count`) repeat nothing and weigh nothing. */
export interface Batch {
  /** [rows, length] */
  readonly inputIds: Int32Array;
  /** [rows, length], 1 for a token, 0 for padding */
  readonly attentionMask: Int32Array;
  /** [rows, length] */
  readonly tokenTypeIds: Int32Array;
  /** classification: class ids [rows]; regression: scores [rows]; span: start then end positions [rows, 2] */
  readonly labels: Float32Array;
  readonly rows: number;
  readonly length: number;
  /** Real examples: the first `count` rows. */
  readonly count: number;
}

/** One tokenised example. `label` is a class id or score; `span` the answer's first and last token (SQuAD). */
export interface Feature {
  readonly inputIds: readonly number[] | Int32Array;
  readonly tokenTypeIds: readonly number[] | Int32Array;
  readonly label?: number;
  readonly span?: readonly [number, number];
}
