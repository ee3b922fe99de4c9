/**
 * CIDEr (Vedantam et al. 2015) as coco-caption computes it, which e2e-metrics calls: its variant D with clipped counts and a penalty of the
 * length, document frequencies from the references themselves, Penn Treebank tokens without punctuation.
 */
import { checkTexts } from './check.js';
import { type Counts, ngramCounts } from './ngrams.js';
import { treebankTokens } from './treebank.js';

const ORDERS = [1, 2, 3, 4] as const;

/** Width of the penalty of the length. */
const SIGMA = 6;

/** A text's n-grams of each order, weighed by how rare they are. */
interface Weighed {
  readonly weights: readonly ReadonlyMap<string, number>[];
  readonly norms: readonly number[];
  /** Deviation in coco-caption, kept: it counts pairs of tokens, not tokens. */
  readonly length: number;
}

const countsOf = (text: string): readonly Counts[] => {
  const tokens = treebankTokens(text);
  return ORDERS.map((n) => ngramCounts(tokens, n));
};

function weigh(counts: readonly Counts[], inverseFrequency: (ngram: string) => number): Weighed {
  const weights = counts.map(
    (ofOrder) => new Map([...ofOrder].map(([ngram, count]) => [ngram, count * inverseFrequency(ngram)])),
  );
  const norms = weights.map((ofOrder) =>
    Math.sqrt([...ofOrder.values()].reduce((sum, weight) => sum + weight ** 2, 0)),
  );
  return {
    weights,
    norms,
    length: [...(counts[1] as Counts).values()].reduce((sum, count) => sum + count, 0),
  };
}

function similarity(text: Weighed, reference: Weighed): number {
  const penalty = Math.exp(-((text.length - reference.length) ** 2) / (2 * SIGMA ** 2));
  const cosines = text.weights.map((weights, order) => {
    const others = reference.weights[order] as ReadonlyMap<string, number>;
    let dot = 0;
    for (const [ngram, weight] of weights) {
      const other = others.get(ngram) ?? 0;
      dot += Math.min(weight, other) * other;
    }
    const norms = (text.norms[order] as number) * (reference.norms[order] as number);
    return norms === 0 ? dot : dot / norms;
  });
  return (penalty * cosines.reduce((sum, cosine) => sum + cosine, 0)) / ORDERS.length;
}

/**
 * Mean CIDEr-D, 0 to 10. Rarity is measured on the references given: with one prediction alone it is 0.
 * @param references of each prediction, at least one
 * @throws DataError as `bleu`
 * @example
 * ```ts
 * import { evaluation } from 'progtuning';
 *
 * const references = [['the cat sat on the mat'], ['a dog runs in the park']];
 * console.log(evaluation.cider(['the cat sat on the mat', 'a dog runs'], references).toFixed(2)); // 7.10
 * ```
 */
export function cider(predictions: readonly string[], references: readonly (readonly string[])[]): number {
  checkTexts(predictions, references);
  const known = references.map((list) => list.map(countsOf));
  const documents = new Map<string, number>();
  for (const list of known)
    for (const ngram of new Set(list.flatMap((counts) => counts.flatMap((of) => [...of.keys()]))))
      documents.set(ngram, (documents.get(ngram) ?? 0) + 1);
  const inverseFrequency = (ngram: string): number =>
    Math.log(predictions.length) - Math.log(Math.max(1, documents.get(ngram) ?? 0));
  const scores = predictions.map((prediction, i) => {
    const text = weigh(countsOf(prediction), inverseFrequency);
    const list = known[i] as readonly (readonly Counts[])[];
    const sum = list.reduce((all, counts) => all + similarity(text, weigh(counts, inverseFrequency)), 0);
    return (10 * sum) / list.length;
  });
  return scores.reduce((sum, value) => sum + value, 0) / scores.length;
}
