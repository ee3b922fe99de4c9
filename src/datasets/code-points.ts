/**
 * Character positions: Python, SQuAD's `answer_start` and the `tokenizers` package count Unicode code points, JavaScript
 * strings count UTF-16 units. They differ behind the first character beyond U+FFFF (emoji, rare Chinese, old scripts).
 */

const SURROGATE_PAIR = /[\ud800-\udbff][\udc00-\udfff]/;

/**
 * `table[i]` = UTF-16 index of code point `i`, for `i` up to and including the length of the text in code points.
 * Undefined when the two counts are the same, as in nearly all texts: no table is needed then.
 */
export function utf16Table(text: string): Uint32Array | undefined {
  if (!SURROGATE_PAIR.test(text)) return undefined;
  const table = new Uint32Array(text.length + 1);
  let points = 0;
  let units = 0;
  for (const character of text) {
    table[points++] = units;
    units += character.length;
  }
  table[points] = units;
  return table.subarray(0, points + 1);
}

/** UTF-16 index of code point `point`; NaN when the text ends before it. */
export function utf16Index(table: Uint32Array | undefined, point: number): number {
  return table === undefined ? point : (table[point] ?? Number.NaN);
}
