/** Counts of n-grams, and what two lists of tokens share of them. */

/** What stands between the tokens of an n-gram: no token holds it. */
const BETWEEN = ' ';

export type Counts = ReadonlyMap<string, number>;

/** Counts of the n-grams of tokens. @param n 1 for single tokens */
export function ngramCounts(tokens: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= tokens.length; i++) {
    const ngram = tokens.slice(i, i + n).join(BETWEEN);
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  }
  return counts;
}

/** An n-gram without its last token; '' for a single token. */
export const withoutLast = (ngram: string): string => ngram.slice(0, Math.max(0, ngram.lastIndexOf(BETWEEN)));

/** Of each n-gram the most that one of several texts has. */
export function mostCounts(all: readonly Counts[]): Map<string, number> {
  const most = new Map<string, number>();
  for (const counts of all)
    for (const [ngram, count] of counts) if (count > (most.get(ngram) ?? 0)) most.set(ngram, count);
  return most;
}

/** N-grams that references have too, each as often as the reference that has it most. */
export function hits(
  predicted: Counts,
  references: readonly (readonly string[])[],
  n: number,
): Map<string, number> {
  const most = mostCounts(references.map((tokens) => ngramCounts(tokens, n)));
  const found = new Map<string, number>();
  for (const [ngram, count] of predicted) {
    const clipped = Math.min(count, most.get(ngram) ?? 0);
    if (clipped > 0) found.set(ngram, clipped);
  }
  return found;
}

export const total = (counts: Counts): number => [...counts.values()].reduce((sum, count) => sum + count, 0);
