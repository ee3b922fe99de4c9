/** A curve in a terminal: a mark for each column, scales at the edges. */

export interface TextCurve {
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** Ends of the scale below. */
  readonly xLabels: readonly [string, string];
  /** A column under which a mark stands, by its place in `x`. */
  readonly marked?: number | undefined;
}

const COLUMNS = 60;
const ROWS = 10;

/** Lines of text. @param curve with x in rising order, all values finite */
export function textCurve({ x, y, xLabels, marked }: TextCurve): string[] {
  const [left = 0, right = 1] = [x[0], x.at(-1)];
  const [low, high] = [Math.min(...y), Math.max(...y)];
  const columnOf = (value: number): number =>
    Math.round(((value - left) / (right - left || 1)) * (COLUMNS - 1));
  const rowOf = (value: number): number => Math.round(((high - value) / (high - low || 1)) * (ROWS - 1));
  const grid = Array.from({ length: ROWS }, () => new Array<string>(COLUMNS).fill(' '));
  for (const [i, value] of y.entries()) (grid[rowOf(value)] as string[])[columnOf(x[i] as number)] = '*';
  const width = Math.max(low.toFixed(3).length, high.toFixed(3).length);
  const scale = (row: number): string =>
    (row === 0 ? high.toFixed(3) : row === ROWS - 1 ? low.toFixed(3) : '').padStart(width);
  const [first, last] = xLabels;
  const mark = marked === undefined ? [] : [`${' '.repeat(width + 2 + columnOf(x[marked] as number))}^`];
  return [
    ...grid.map((cells, row) => `${scale(row)} |${cells.join('').trimEnd()}`),
    `${' '.repeat(width)} +${'-'.repeat(COLUMNS)}`,
    ...mark,
    `${' '.repeat(width + 2)}${first}${last.padStart(COLUMNS - first.length)}`,
  ];
}
