/** The arithmetic of sliding windows: which tokens a window holds, which tokens an answer covers. */

/** Tokens `start` .. `end - 1`. */
export interface WindowRange {
  readonly start: number;
  readonly end: number;
}

/** Tokens `first` .. `last`, both included. */
export interface TokenRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Windows of at most `room` tokens, `stride` tokens shared by neighbours, up to the first that reaches the end: what the
 * `tokenizers` package gives with overflowing tokens. Needs `room > stride` when `length > room`.
 */
export function windowRanges(length: number, room: number, stride: number): WindowRange[] {
  const ranges: WindowRange[] = [];
  let start = 0;
  for (;;) {
    const end = Math.min(start + room, length);
    ranges.push({ start, end });
    if (end >= length) return ranges;
    start += room - stride;
  }
}

/**
 * The tokens that overlap characters `start` .. `end - 1`; undefined when none does (blanks, characters that the
 * tokenizer drops). `offsets`: [tokens, 2], start and end of each token, rising.
 */
export function tokensOf(offsets: Int32Array, start: number, end: number): TokenRange | undefined {
  const tokens = offsets.length / 2;
  let first = 0;
  while (first < tokens && offsets[2 * first + 1]! <= start) first++;
  let last = tokens - 1;
  while (last >= first && offsets[2 * last]! >= end) last--;
  return first <= last ? { first, last } : undefined;
}
