/** ROUGE-L (Lin 2004) as coco-caption computes it, which e2e-metrics calls: over Penn Treebank tokens without punctuation. */
import { checkTexts } from './check.js';
import { treebankTokens } from './treebank.js';

/** Recall weighs more than precision. */
const BETA = 1.2;

/** Length of the longest common subsequence. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  let row = new Uint32Array(b.length + 1);
  for (const token of a) {
    const next = new Uint32Array(b.length + 1);
    for (let j = 1; j <= b.length; j++)
      next[j] =
        token === b[j - 1] ? (row[j - 1] as number) + 1 : Math.max(row[j] as number, next[j - 1] as number);
    row = next;
  }
  return row[b.length] as number;
}

/** The best precision and the best recall over the references, each by itself. */
function score(tokens: readonly string[], references: readonly (readonly string[])[]): number {
  const common = references.map((reference) => commonLength(reference, tokens));
  const most = Math.max(...common);
  if (most === 0) return 0;
  const precision = most / tokens.length;
  const recall = Math.max(...common.map((length, i) => length / ((references[i] as string[]).length || 1)));
  return ((1 + BETA ** 2) * precision * recall) / (recall + BETA ** 2 * precision);
}

/**
 * Mean ROUGE-L F-measure, 0 to 1.
 * @param references of each prediction, at least one
 * @throws DataError as `bleu`
 * @example
 * ```ts
 * import { evaluation } from 'progtuning';
 *
 * const references = [['the cat sat on the mat', 'there is a cat on the mat']];
 * console.log(evaluation.rougeL(['the cat is on the mat'], references).toFixed(3)); // 0.833
 * ```
 */
export function rougeL(predictions: readonly string[], references: readonly (readonly string[])[]): number {
  checkTexts(predictions, references);
  const scores = predictions.map((prediction, i) =>
    score(treebankTokens(prediction), (references[i] as readonly string[]).map(treebankTokens)),
  );
  return scores.reduce((sum, value) => sum + value, 0) / scores.length;
}
