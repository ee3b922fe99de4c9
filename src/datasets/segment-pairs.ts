/**
 * Rows of packed text -> pairs [CLS] A [SEP] B [SEP] for next-sentence prediction (Devlin et al. 2019, section 3.1, task 2): half of the
 * time B goes on where A ends, otherwise A is other text. Rows stay of one length and without padding.
 */
import { fillBits, STREAM } from '../random.js';
import type { PackedRows } from './corpus.js';

export interface SegmentPairs {
  /** [rows, length] */
  readonly ids: Uint16Array;
  /** [rows, length], 0 up to A's [SEP], 1 after it */
  readonly tokenTypeIds: Int32Array;
  /** [rows], HF's `next_sentence_label`: 0 B follows A, 1 it does not */
  readonly labels: Int32Array;
}

/** Rows that are tried for an A that ends with a sentence, so that its end does not give the label away. */
const ATTEMPTS = 8;
/** 32-bit words that one pair is drawn with: the cut, the label, the rows that are tried. */
const DRAWS = 2 + ATTEMPTS;

/** The place in [from, to] nearest to `wanted` before which a sentence ends, but not its document; undefined where there is none. */
function sentenceStart(
  text: Uint16Array,
  endsSentence: Uint8Array,
  separator: number,
  [from, to]: readonly [number, number],
  wanted: number,
): number | undefined {
  let best: number | undefined;
  for (let at = from; at <= to; at++) {
    if (!endsSentence[text[at - 1] as number] || text[at] === separator) continue;
    if (best === undefined || Math.abs(at - wanted) < Math.abs(best - wanted)) best = at;
  }
  return best;
}

/**
 * B is the end of a row's text, from the sentence that begins nearest to a place drawn from its middle half. A is as much text
 * before it, less a token for the [SEP], or before a sentence's end in a row drawn from the whole split.
 * @param chosen rows of the split @param key `step` keys the draws
 */
export function segmentPairs(
  { ids, rows: splitRows, length }: PackedRows,
  chosen: ArrayLike<number>,
  { endsSentence }: { readonly endsSentence: Uint8Array },
  key: { readonly seed: number; readonly step: number },
): SegmentPairs {
  const rows = chosen.length;
  const size = length - 2;
  const textOf = (row: number): Uint16Array => ids.subarray(row * length + 1, row * length + 1 + size);
  const bits = fillBits({ ...key, stream: STREAM.pair }, new Uint32Array(rows * DRAWS));
  const pairs = {
    ids: new Uint16Array(rows * length),
    tokenTypeIds: new Int32Array(rows * length),
    labels: new Int32Array(rows),
  };
  const [first, last] = [ids[0] as number, ids[length - 1] as number];
  for (let row = 0; row < rows; row++) {
    const draw = (index: number): number => (bits[row * DRAWS + index] as number) / 2 ** 32;
    const own = chosen[row] as number;
    const text = textOf(own);
    const wanted = Math.floor((0.25 + 0.5 * draw(0)) * size);
    const cut = sentenceStart(text, endsSentence, last, [2, size - 1], wanted) ?? Math.max(2, wanted);
    const kept = cut - 1;
    let [before, end] = [text, cut];
    if (draw(1) < 0.5) {
      pairs.labels[row] = 1;
      let found: number | undefined;
      for (let attempt = 0; attempt < ATTEMPTS && found === undefined; attempt++) {
        before = textOf(Math.floor(draw(2 + attempt) * splitRows));
        found = sentenceStart(before, endsSentence, last, [kept, size], kept);
      }
      end = found ?? size;
    }
    const to = row * length;
    pairs.ids[to] = first;
    pairs.ids.set(before.subarray(end - kept, end), to + 1);
    pairs.ids[to + cut] = last;
    pairs.ids.set(text.subarray(cut), to + cut + 1);
    pairs.ids[to + length - 1] = last;
    pairs.tokenTypeIds.fill(1, to + cut + 1, to + length);
  }
  return pairs;
}
