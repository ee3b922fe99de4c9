/** What a model is to generation: a function of token sequences to the logits of their next tokens. */

/** A sequence that wants its next token. */
export interface Row {
  /** Prompt and what was added to it. */
  readonly ids: readonly number[];
  /**
   * Which row of the call before it continues, by one token: what that row's keys and values may be kept for. Undefined in the first call.
   */
  readonly parent?: number;
}

/** Logits of the next token, [vocabulary] for each row, in their order. */
export type NextLogits = (rows: readonly Row[]) => Promise<readonly Float32Array[]> | readonly Float32Array[];
