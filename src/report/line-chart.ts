/** Curves over steps, such as training losses. */

import { mean } from 'simple-statistics';
import {
  COLOURS,
  DASHES,
  escapeText,
  type Figure,
  type FigureText,
  frame,
  type Json,
  pick,
  QUIET,
  type Trace,
} from './frame.js';

/** A named curve. */
export interface LineSeries {
  readonly name: string;
  readonly y: readonly number[];
  /** Default: 1, 2, 3 ... */
  readonly x?: readonly number[];
  /** Marks each point, and is never smoothed: for few of them. */
  readonly markers?: boolean;
}

export interface LineChartOptions extends FigureText {
  readonly series: readonly LineSeries[];
  /** With its unit. */
  readonly xTitle: string;
  readonly yTitle: string;
  /** Steps in the trailing mean that is drawn; the raw values stay visible, pale. Default 1: as they are. */
  readonly smoothing?: number;
  /** Upright lines, e.g. where a stage begins. */
  readonly boundaries?: readonly { readonly x: number; readonly label: string }[];
  readonly yRange?: readonly [number, number];
  /** `e`: ticks as 2e-5. Default: with SI prefixes. */
  readonly exponent?: 'e';
}

/** Mean of the last `window` values at each place; of fewer at the start. */
export function trailingMean(values: readonly number[], window: number): number[] {
  return values.map((_, i) => mean(values.slice(Math.max(0, i + 1 - window), i + 1)));
}

/** A picture is about this many pixels wide: more points on a curve only make it larger. */
const MOST_POINTS = 600;

/** Every n-th value, the last one included, so that at most {@link MOST_POINTS} are left. */
function thin(values: readonly number[]): number[] {
  const stride = Math.ceil(values.length / MOST_POINTS);
  return values.filter((_, i) => (values.length - 1 - i) % stride === 0);
}

/**
 * One curve a series, with its legend. Long ones are drawn from every n-th step.
 * @example
 * ```ts
 * import { report } from 'progtuning';
 *
 * const series = [{ name: 'loss', y: [0.7, 0.6, 0.4] }];
 * const figure = report.lineChart({ title: 'It learns', caption: 'invented', xTitle: 'step', yTitle: 'nats', series });
 * console.log(figure.layout.width); // 760
 * ```
 */
export function lineChart(options: LineChartOptions): Figure {
  const { series, smoothing = 1, boundaries = [], yRange, exponent } = options;
  const data = series.flatMap((one, i) => lineTraces(one, i, smoothing));
  const layout = frame({
    ...options,
    legend: series.length > 1 ? series.map(({ name }) => name) : [],
    above: boundaries.length > 0 ? 16 : 0,
    shapes: boundaries.map(({ x }) => boundaryLine(x)),
    annotations: boundaries.map(({ x, label }) => boundaryLabel(x, label)),
    yaxis: { ...(yRange ? { range: yRange } : {}), ...(exponent ? { exponentformat: exponent } : {}) },
  });
  return { data, layout, title: options.title, caption: options.caption };
}

function lineTraces({ name, y, x, markers }: LineSeries, index: number, smoothing: number): Trace[] {
  const colour = pick(COLOURS, index);
  const steps = thin(x ?? y.map((_, i) => i + 1));
  const trace = { type: 'scatter', mode: 'lines', name: escapeText(name), x: steps } as const;
  const line = { color: colour, width: 2, dash: pick(DASHES, index) };
  if (markers)
    return [{ ...trace, mode: 'lines+markers', y: thin(y), line, marker: { color: colour, size: 7 } }];
  if (smoothing <= 1) return [{ ...trace, y: thin(y), line }];
  const raw: Trace = {
    ...trace,
    y: thin(y),
    line: { color: colour, width: 1 },
    opacity: 0.25,
    showlegend: false,
    hoverinfo: 'skip',
  };
  return [raw, { ...trace, y: thin(trailingMean(y, smoothing)), line }];
}

const boundaryLine = (x: number): Json => ({
  type: 'line',
  xref: 'x',
  yref: 'paper',
  x0: x,
  x1: x,
  y0: 0,
  y1: 1,
  line: { color: '#9A9A9A', width: 1, dash: 'dot' },
});

const boundaryLabel = (x: number, label: string): Json => ({
  text: escapeText(label),
  xref: 'x',
  x,
  xanchor: 'left',
  yref: 'paper',
  y: 1,
  yanchor: 'bottom',
  showarrow: false,
  font: { size: 11, color: QUIET },
});
