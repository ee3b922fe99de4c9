/**
 * Learns WordPiece tokens by merging the most frequent pair, over and over (Sennrich et al. 2016; HF `WordPieceTrainer`). Own code because
 * the library's trainer breaks ties by the order of a randomly seeded hash map: the same text gives another vocabulary at every run.
 * Here ties go to the pair that is first in code-unit order.
 */

interface Word {
  symbols: string[];
  readonly count: number;
}

interface Pair {
  readonly left: string;
  readonly right: string;
  count: number;
  /** Words that held the pair when it was counted. */
  readonly words: Set<Word>;
}

const key = (left: string, right: string): string => `${left}\u0000${right}`;

/** Ties go to the pair that is first in code-unit order. */
const isFirst = (a: Pair, b: Pair): boolean => (a.left !== b.left ? a.left < b.left : a.right < b.right);

/** Adds `times` times the pairs of a word. */
function countPairs(pairs: Map<string, Pair>, word: Word, sign: 1 | -1, touched: Set<Pair>): void {
  for (let i = 0; i + 1 < word.symbols.length; i++) {
    const [left, right] = [word.symbols[i] as string, word.symbols[i + 1] as string];
    const pair = pairs.get(key(left, right)) ?? { left, right, count: 0, words: new Set<Word>() };
    pairs.set(key(left, right), pair);
    pair.count += sign * word.count;
    if (sign > 0) pair.words.add(word);
    touched.add(pair);
  }
}

function merged(symbols: readonly string[], { left, right }: Pair, token: string): string[] {
  const result: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    const hit = symbols[i] === left && symbols[i + 1] === right;
    result.push(hit ? token : (symbols[i] as string));
    if (hit) i += 1;
  }
  return result;
}

/** A binary heap of pairs as they were when pushed; stale entries are pushed again with their present count. */
class PairHeap {
  private readonly entries: { readonly pair: Pair; readonly count: number }[] = [];

  push(pair: Pair): void {
    const { entries } = this;
    entries.push({ pair, count: pair.count });
    let i = entries.length - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.precedes(i, parent)) break;
      this.swap(i, parent);
      i = parent;
    }
  }

  /** The best pair whose count is what it was when pushed. */
  pop(): Pair | undefined {
    for (;;) {
      const top = this.entries[0];
      if (!top) return undefined;
      this.removeTop();
      if (top.count === top.pair.count) return top.pair;
    }
  }

  private removeTop(): void {
    const { entries } = this;
    const last = entries.pop();
    if (entries.length === 0 || !last) return;
    entries[0] = last;
    for (let i = 0; ; ) {
      const [l, r] = [2 * i + 1, 2 * i + 2];
      let best = i;
      if (l < entries.length && this.precedes(l, best)) best = l;
      if (r < entries.length && this.precedes(r, best)) best = r;
      if (best === i) return;
      this.swap(i, best);
      i = best;
    }
  }

  private precedes(i: number, j: number): boolean {
    const [a, b] = [this.entries[i], this.entries[j]] as [(typeof this.entries)[0], (typeof this.entries)[0]];
    return a.count !== b.count ? a.count > b.count : isFirst(a.pair, b.pair);
  }

  private swap(i: number, j: number): void {
    const { entries } = this;
    [entries[i], entries[j]] = [entries[j] as (typeof entries)[0], entries[i] as (typeof entries)[0]];
  }
}

/**
 * At most `size` tokens: the characters that begin words and `##` characters that continue them, in order, then merges as they are learnt.
 * @param wordCounts how often each word stands in the text
 */
export function learnWordPieces(wordCounts: ReadonlyMap<string, number>, size: number): string[] {
  const words: Word[] = [...wordCounts].map(([text, count]) => ({
    symbols: [...text].map((character, i) => (i === 0 ? character : `##${character}`)),
    count,
  }));
  const alphabet = [...new Set(words.flatMap(({ symbols }) => symbols))];
  const tokens = new Set(
    alphabet.sort((a, b) =>
      a.startsWith('##') === b.startsWith('##') ? (a < b ? -1 : 1) : a.startsWith('##') ? 1 : -1,
    ),
  );
  const pairs = new Map<string, Pair>();
  const heap = new PairHeap();
  const seen = new Set<Pair>();
  for (const word of words) countPairs(pairs, word, 1, seen);
  for (const pair of seen) heap.push(pair);
  while (tokens.size < size) {
    const best = heap.pop();
    if (!best || best.count <= 0) break;
    const token = best.left + best.right.slice(2);
    tokens.add(token);
    const touched = new Set<Pair>();
    for (const word of [...best.words]) {
      const next = merged(word.symbols, best, token);
      if (next.length === word.symbols.length) continue;
      countPairs(pairs, word, -1, touched);
      word.symbols = next;
      countPairs(pairs, word, 1, touched);
    }
    for (const pair of touched) if (pair.count > 0) heap.push(pair);
  }
  return [...tokens].slice(0, size);
}
