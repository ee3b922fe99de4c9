/**
 * Answer texts as the SQuAD evaluators compare them. Python's `str` and `re` decide what a letter, a blank and lower case
 * are; the same holds here for every code point that Unicode 14 assigns (compared one by one).
 */

const ASCII_PUNCTUATION = /[!-/:-@[-`{-~]/g;
/** Python's `\b` stands between a letter, digit or underscore and anything else; combining marks are no word characters. */
const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
/** What `str.split()` splits at: unlike `\s`, with U+001C..U+001F and U+0085, without U+FEFF. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python does split at U+001C..U+001F
const PYTHON_SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/** Lower case, without ASCII punctuation and the articles a, an, the; cut at blanks. */
export function normalizedTokens(text: string): string[] {
  const bare = text.toLowerCase().replace(ASCII_PUNCTUATION, '').replace(ARTICLES, ' ');
  return bare.split(PYTHON_SPACE).filter((token) => token !== '');
}

/** The text as the evaluators compare it. */
export function normalizeAnswer(text: string): string {
  return normalizedTokens(text).join(' ');
}

/** Number of tokens in both lists, repeated tokens counted as often as in the list that has fewer. */
function overlap(gold: readonly string[], predicted: readonly string[]): number {
  const left = new Map<string, number>();
  for (const token of gold) left.set(token, (left.get(token) ?? 0) + 1);
  let same = 0;
  for (const token of predicted) {
    const count = left.get(token) ?? 0;
    if (count > 0) same++;
    left.set(token, count - 1);
  }
  return same;
}

/** Token F1 of v1.1, in [0, 1]: 0 when no token is common, two empty texts included. */
export function tokenF1(gold: string, predicted: string): number {
  const goldTokens = normalizedTokens(gold);
  const predictedTokens = normalizedTokens(predicted);
  const same = overlap(goldTokens, predictedTokens);
  if (same === 0) return 0;
  const precision = same / predictedTokens.length;
  const recall = same / goldTokens.length;
  return (2 * precision * recall) / (precision + recall);
}

/** Token F1 of v2.0: if one of the texts has no tokens, 1 when both have none, else 0. */
export function tokenF1WithEmpty(gold: string, predicted: string): number {
  const normalGold = normalizeAnswer(gold);
  const normalPredicted = normalizeAnswer(predicted);
  if (normalGold === '' || normalPredicted === '') return Number(normalGold === normalPredicted);
  return tokenF1(gold, predicted);
}
