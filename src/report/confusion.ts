/** A confusion matrix: true class by row, predicted class by column, as scikit-learn draws it. */
import { COLOURS, cellTicks, type Figure, type FigureText, frame, INK, type Json } from './frame.js';
import { textWidth } from './text-width.js';

export interface ConfusionOptions extends FigureText {
  /** Names by class id. */
  readonly classes: readonly string[];
  /** Rows: the true class, columns: the predicted one. */
  readonly counts: readonly (readonly number[])[];
}

/** Beyond so many the numbers no longer fit in their cells. */
export const MOST_CLASSES = 20;

const LABEL_SIZE = 11;
const LONGEST = 22;

const shortened = (name: string): string => (name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name);

/** Cells are shapes, as a heatmap needs a canvas. Shade: the share of the row's class; the number: how many. */
export function confusionMatrix(options: ConfusionOptions): Figure {
  const names = options.classes.map(shortened);
  const widest = Math.max(...names.map((name) => textWidth(name, LABEL_SIZE)));
  const cells = options.counts.flatMap((row, y) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, x) => ({ x, y, count, share: total === 0 ? 0 : count / total }));
  });
  const layout = frame({
    ...options,
    xTitle: 'predicted class',
    yTitle: 'true class',
    legend: [],
    moreLeft: Math.max(0, widest - 30),
    plotHeight: Math.max(160, names.length * 30),
    shapes: cells.map(cellShape),
    annotations: cells.map(cellText),
    xaxis: { ...cellTicks(names), showline: false },
    yaxis: { ...cellTicks(names), showline: false, autorange: 'reversed', tickfont: { size: LABEL_SIZE } },
  });
  // Axes without a trace are not drawn.
  const data = [{ type: 'scatter', mode: 'markers', x: [0], y: [0], marker: { opacity: 0 } }] as const;
  return { data, layout, title: options.title, caption: options.caption };
}

interface Cell {
  readonly x: number;
  readonly y: number;
  readonly count: number;
  readonly share: number;
}

const cellShape = ({ x, y, share }: Cell): Json => ({
  type: 'rect',
  xref: 'x',
  yref: 'y',
  x0: x - 0.48,
  x1: x + 0.48,
  y0: y - 0.46,
  y1: y + 0.46,
  layer: 'below',
  fillcolor: COLOURS[0],
  opacity: 0.06 + 0.94 * share,
  line: { width: 0 },
});

const cellText = ({ x, y, count, share }: Cell): Json => ({
  text: String(count),
  xref: 'x',
  x,
  yref: 'y',
  y,
  showarrow: false,
  font: { size: LABEL_SIZE + 1, color: share > 0.5 ? '#FFFFFF' : INK },
});
