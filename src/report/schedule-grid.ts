/** The picture of a schedule: blocks by epochs, trained or frozen (paper Figure 2). */

import {
  COLOURS,
  cellTicks,
  escapeText,
  type Figure,
  type FigureText,
  FROZEN,
  frame,
  type Trace,
} from './frame.js';
import { textWidth } from './text-width.js';

/** A part of the model and when it trains. */
export interface ScheduleRow {
  /** `embeddings`, `block 1` ... `task head`. */
  readonly label: string;
  /** One a column. */
  readonly trained: readonly boolean[];
}

export interface ScheduleGridOptions extends FigureText {
  /** From the bottom of the model to its top. */
  readonly rows: readonly ScheduleRow[];
  /** `epoch 1` ...; above ten columns, the number alone. */
  readonly columns: readonly string[];
  /** A short text above each column, e.g. the share of updated parameters. */
  readonly notes?: readonly string[];
}

const TRAINED = COLOURS[0];
const FROZEN_EDGE = '#A8A8A8';
const LABEL_SIZE = 11;

/**
 * Cells are shapes, as a heatmap needs a canvas, which the static picture does not have.
 * @example
 * ```ts
 * import { progressive, report } from 'progtuning';
 *
 * const schedule = { kind: 'progressive', stages: 2, embeddings: 'always' } as const;
 * const trains = (block: number) => [1, 2].map((t) => progressive.trainedBlocks(schedule, t, { numHiddenLayers: 2 }).has(block));
 * const figure = report.scheduleGrid({
 *   title: 'The lower block rests in epoch 2',
 *   caption: 'two blocks, T = 2',
 *   rows: [0, 1].map((block) => ({ label: `block ${block + 1}`, trained: trains(block) })),
 *   columns: ['epoch 1', 'epoch 2'],
 * });
 * console.log(figure.title); // The lower block rests in epoch 2
 * ```
 */
export function scheduleGrid(options: ScheduleGridOptions): Figure {
  const { rows, columns, notes } = options;
  const widest = Math.max(...rows.map(({ label }) => textWidth(label, LABEL_SIZE)));
  const layout = frame({
    ...options,
    xTitle: '',
    yTitle: '',
    legend: ['trained', 'frozen'],
    above: notes ? 18 : 0,
    moreLeft: Math.max(0, widest - 50),
    plotHeight: Math.max(120, rows.length * (rows.length > 16 ? 15 : 21)),
    shapes: rows.flatMap(({ trained }, y) => columns.map((_, x) => cellShape(x, y, trained[x] === true))),
    annotations: (notes ?? []).map((note, x) => ({
      text: escapeText(note),
      xref: 'x',
      x,
      yref: 'paper',
      y: 1,
      yanchor: 'bottom',
      showarrow: false,
      font: { size: LABEL_SIZE },
    })),
    xaxis: { ...cellTicks(columns), showline: false },
    yaxis: { ...cellTicks(rows.map(({ label }) => label)), showline: false, tickfont: { size: LABEL_SIZE } },
  });
  const data = [true, false].map(legendEntry);
  return { data, layout, title: options.title, caption: options.caption };
}

const cellShape = (x: number, y: number, on: boolean) => ({
  type: 'rect',
  xref: 'x',
  yref: 'y',
  x0: x - 0.47,
  x1: x + 0.47,
  y0: y - 0.42,
  y1: y + 0.42,
  layer: 'below',
  fillcolor: on ? TRAINED : FROZEN,
  line: { width: on ? 0 : 1, color: FROZEN_EDGE },
});

/** A trace without points is left out of the legend: one point outside the axes names the state. */
const legendEntry = (on: boolean): Trace => ({
  type: 'scatter',
  mode: 'markers',
  name: on ? 'trained' : 'frozen',
  x: [-9],
  y: [-9],
  marker: {
    symbol: 'square',
    size: 11,
    color: on ? TRAINED : FROZEN,
    line: { width: 1, color: on ? TRAINED : FROZEN_EDGE },
  },
});
