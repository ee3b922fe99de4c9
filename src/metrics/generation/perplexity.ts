/** How surprised a language model is. */
import { DataError } from '../../errors.js';

/**
 * exp of the mean negative log likelihood of a token.
 * @param negativeLogLikelihood of all tokens together, in nats
 * @param tokens that were predicted: those with a label
 * @throws DataError for no tokens, or a sum that is no number
 * @example
 * ```ts
 * import { evaluation } from 'progtuning';
 *
 * console.log(evaluation.perplexity(20 * Math.log(8), 20).toFixed(3)); // 8.000
 * ```
 */
export function perplexity(negativeLogLikelihood: number, tokens: number): number {
  if (!(tokens > 0) || Number.isNaN(negativeLogLikelihood))
    throw new DataError(
      `perplexity: a negative log likelihood of ${negativeLogLikelihood} over ${tokens} tokens: wanted a number, and at least one token`,
    );
  return Math.exp(negativeLogLikelihood / tokens);
}
