/**
 * Widths of text without a browser. The advances are DejaVu Sans's, the widest of the sans-serif fonts that readers fall back
 * to: a figure laid out with them is never cut off in Helvetica, Arial or Liberation Sans, which are about 12 % narrower.
 */

/** Advance of the characters U+0020 to U+007E, in thousandths of the font size. */
const ADVANCES = [
  318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636,
  636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295,
  295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838,
  500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521,
  392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];

/** Everything else: as wide as an operator sign, which few letters exceed. */
const OTHER_ADVANCE = 838;

/** Bold letters of the same font are about this much wider. */
export const BOLD = 1.12;

/** Width in pixels of one line of plain text at a font size in pixels. */
export function textWidth(text: string, fontSize: number): number {
  let thousandths = 0;
  for (const character of text) thousandths += ADVANCES[character.charCodeAt(0) - 32] ?? OTHER_ADVANCE;
  return (thousandths * fontSize) / 1000;
}

/** Breaks text between words into lines of at most `width` pixels; a longer word keeps a line of its own. */
export function wrapText(text: string, fontSize: number, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const last = lines.at(-1);
    if (last !== undefined && textWidth(`${last} ${word}`, fontSize) <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
