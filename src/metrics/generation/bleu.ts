/** BLEU of a corpus (Papineni et al. 2002) as sacrebleu computes it: `13a` tokens, n-grams of 1 to 4, the reference of the closest length. */
import { checkTexts } from './check.js';
import { mtevalTokens } from './mteval.js';
import { hits, ngramCounts, total } from './ngrams.js';

/** How texts are compared. */
export interface BleuOptions {
  /** Texts are compared in lower case: sacrebleu's `lowercase`, and what e2e-metrics does. Default false. */
  readonly lowercase?: boolean;
}

const ORDERS = [1, 2, 3, 4] as const;

/** Length of the reference that is closest to the prediction's; of two the shorter. */
function closestLength(length: number, references: readonly (readonly string[])[]): number {
  const distance = (of: number): number => Math.abs(of - length);
  return references
    .map((tokens) => tokens.length)
    .reduce((best, of) => {
      if (distance(of) !== distance(best)) return distance(of) < distance(best) ? of : best;
      return Math.min(of, best);
    });
}

/**
 * Corpus BLEU, 0 to 100, smoothed as sacrebleu does (`exp`): an order without a hit counts half of a half ... of one.
 * @param references of each prediction, at least one
 * @throws DataError for no predictions, not as many lists of references, or an empty one
 * @example
 * ```ts
 * import { evaluation } from 'progtuning';
 *
 * const references = [['the cat sat on the mat', 'there is a cat on the mat']];
 * console.log(evaluation.bleu(['the cat is on the mat'], references).toFixed(2)); // 39.76
 * ```
 */
export function bleu(
  predictions: readonly string[],
  references: readonly (readonly string[])[],
  { lowercase = false }: BleuOptions = {},
): number {
  checkTexts(predictions, references);
  const tokensOf = (text: string): string[] => mtevalTokens(lowercase ? text.toLowerCase() : text);
  const found = ORDERS.map(() => 0);
  const totals = ORDERS.map(() => 0);
  let [length, referenceLength] = [0, 0];
  predictions.forEach((prediction, i) => {
    const tokens = tokensOf(prediction);
    const known = (references[i] as readonly string[]).map(tokensOf);
    length += tokens.length;
    referenceLength += closestLength(tokens.length, known);
    ORDERS.forEach((n, order) => {
      const counts = ngramCounts(tokens, n);
      found[order] = (found[order] as number) + total(hits(counts, known, n));
      totals[order] = (totals[order] as number) + total(counts);
    });
  });
  return brevity(length, referenceLength) * precision(found, totals);
}

/** Penalty of texts that are shorter than their references, 0 to 1. */
const brevity = (length: number, referenceLength: number): number =>
  length >= referenceLength ? 1 : length === 0 ? 0 : Math.exp(1 - referenceLength / length);

/** Geometric mean of the orders' precisions, 0 to 100; 0 where no n-gram is shared, or no text has four tokens. */
function precision(found: readonly number[], totals: readonly number[]): number {
  if (totals.includes(0) || found.every((count) => count === 0)) return 0;
  let halved = 1;
  const logs = found.map((count, order) => {
    if (count === 0) halved *= 2;
    return Math.log((100 * (count || 1 / halved)) / (totals[order] as number));
  });
  return Math.exp(logs.reduce((sum, log) => sum + log, 0) / ORDERS.length);
}
