/**
 * NIST (Doddington 2002) of a corpus as e2e-metrics computes it (`pymteval.py`, "should be compatible with mteval-v13a"): hits weigh what
 * they tell, counted over all references; n-grams of 1 to 5, lower case.
 */
import { checkTexts } from './check.js';
import { mtevalTokens } from './mteval.js';
import { type Counts, hits, ngramCounts, withoutLast } from './ngrams.js';

const ORDERS = [1, 2, 3, 4, 5] as const;

/** A system two thirds as long as its references has half the score. */
const BETA = -Math.log(0.5) / Math.log(1.5) ** 2;

function lengthPenalty(length: number, meanReferenceLength: number): number {
  const ratio = length / meanReferenceLength;
  if (ratio >= 1) return 1;
  return ratio <= 0 ? 0 : Math.exp(-BETA * Math.log(ratio) ** 2);
}

function addAll(sums: Map<string, number>, counts: Counts): void {
  for (const [ngram, count] of counts) sums.set(ngram, (sums.get(ngram) ?? 0) + count);
}

/** e2e-metrics takes an empty text for one empty token. */
function tokensOf(text: string): readonly string[] {
  const tokens = mtevalTokens(text.toLowerCase());
  return tokens.length === 0 ? [''] : tokens;
}

/**
 * Corpus NIST, from 0 on; about 8 on E2E.
 * @param references of each prediction, at least one
 * @throws DataError as `bleu`
 * @example
 * ```ts
 * import { evaluation } from 'progtuning';
 *
 * const references = [['the cat sat on the mat', 'there is a cat on the mat']];
 * console.log(evaluation.nist(['the cat is on the mat'], references).toFixed(2)); // 3.02
 * ```
 */
export function nist(predictions: readonly string[], references: readonly (readonly string[])[]): number {
  checkTexts(predictions, references);
  /** How often each n-gram stands in all references; '' counts all tokens. */
  const seen = new Map<string, number>();
  const found = ORDERS.map(() => new Map<string, number>());
  const lengths = ORDERS.map(() => 0);
  let meanReferenceLength = 0;
  predictions.forEach((prediction, i) => {
    const tokens = tokensOf(prediction);
    const known = (references[i] as readonly string[]).map(tokensOf);
    for (const [order, n] of ORDERS.entries()) {
      // As e2e-metrics: under n tokens the length is negative.
      lengths[order] = (lengths[order] as number) + tokens.length - order;
      addAll(found[order] as Map<string, number>, hits(ngramCounts(tokens, n), known, n));
      for (const reference of known) addAll(seen, ngramCounts(reference, n));
    }
    const referenceTokens = known.reduce((sum, reference) => sum + reference.length, 0);
    addAll(seen, new Map([['', referenceTokens]]));
    meanReferenceLength += referenceTokens / known.length;
  });
  const information = (ngram: string): number =>
    Math.log2((seen.get(withoutLast(ngram)) as number) / (seen.get(ngram) as number));
  const score = found.reduce((sum, shared, order) => {
    let told = 0;
    for (const [ngram, count] of shared) told += information(ngram) * count;
    return told === 0 ? sum : sum + told / (lengths[order] as number);
  }, 0);
  return lengthPenalty(lengths[0] as number, meanReferenceLength) * score;
}
