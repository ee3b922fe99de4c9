/** Figures of groups, from plain rows: bars or points with error bars, and boxes. Curves: line-chart.ts; schedules: schedule-grid.ts. */

import {
  COLOURS,
  escapeText,
  type Figure,
  type FigureText,
  frame,
  type Json,
  PLOT_WIDTH,
  pick,
  QUIET,
  SYMBOLS,
  TICK_SIZE,
  type Trace,
} from './frame.js';
import { wrapText } from './text-width.js';

/** A named series over the categories. */
export interface BarSeries {
  readonly name: string;
  /** One a category; null: not run. */
  readonly values: readonly (number | null)[];
  /** Half lengths of the error bars, in the unit of the values. */
  readonly errors?: readonly (number | null)[];
  /** Single values of each category, e.g. of its seeds, drawn as small dots beside its mark. */
  readonly dots?: readonly (readonly number[])[];
  /** Said where a value is null. Default `not run`. */
  readonly missing?: string;
}

export interface GroupedBarsOptions extends FigureText {
  readonly categories: readonly string[];
  readonly series: readonly BarSeries[];
  readonly yTitle: string;
  readonly xTitle?: string;
  /** `bars` start at 0; `points` show small differences honestly, on an axis that need not. Default `bars`. */
  readonly marks?: 'bars' | 'points';
  /** Digits behind the point in the number on each bar; without it, and with error bars, no numbers. */
  readonly digits?: number;
  readonly yRange?: readonly [number, number];
}

/** Share of a category's room that its group takes. */
const GROUP = 0.76;

/**
 * One group of bars (or points) a category, one bar a series, error bars where given, `not run` where a value is null.
 * @example
 * ```ts
 * import { report } from 'progtuning';
 *
 * const figure = report.groupedBars({
 *   title: 'Progtuning ends near full fine-tuning',
 *   caption: 'invented numbers',
 *   categories: ['CoLA', 'RTE'],
 *   yTitle: 'points',
 *   series: [
 *     { name: 'full', values: [60, 70] },
 *     { name: 'progressive', values: [59, null] },
 *   ],
 * });
 * console.log(figure.data.length); // 2
 * ```
 */
export function groupedBars(options: GroupedBarsOptions): Figure {
  const { categories, series, yRange, marks = 'bars' } = options;
  const width = GROUP / series.length;
  const placeOf = (k: number, category: number): number => category + (k - (series.length - 1) / 2) * width;
  const labels = categories.map((name) => wrapText(name, TICK_SIZE, PLOT_WIDTH / categories.length - 8));
  const layout = frame({
    ...options,
    xTitle: options.xTitle ?? '',
    legend: series.length > 1 ? series.map(({ name }) => name) : [],
    tickLines: Math.max(...labels.map((lines) => lines.length)),
    xaxis: categoryAxis(labels),
    yaxis: { ...(marks === 'bars' ? { rangemode: 'tozero' } : {}), ...(yRange ? { range: yRange } : {}) },
    annotations: series.flatMap(({ values, missing = 'not run' }, k) =>
      values.flatMap((value, i) => (value === null ? [absent(placeOf(k, i), missing)] : [])),
    ),
  });
  const data = series.flatMap((one, k) => {
    const x = one.values.map((_, i) => placeOf(k, i));
    const mark = marks === 'bars' ? barTrace(one, k, x, width, options) : pointTrace(one, k, x);
    return one.dots ? [mark, dotTrace(one, k, x)] : [mark];
  });
  return { data, layout, title: options.title, caption: options.caption };
}

const categoryAxis = (labels: readonly (readonly string[])[]): { readonly [attribute: string]: Json } => ({
  tickmode: 'array',
  tickvals: labels.map((_, i) => i),
  ticktext: labels.map((lines) => lines.map(escapeText).join('<br>')),
  tickangle: 0,
  ticks: '',
  range: [-0.5, labels.length - 0.5],
});

const errorBars = ({ errors }: BarSeries): { readonly [attribute: string]: Json } =>
  errors
    ? { error_y: { type: 'data', array: errors, visible: true, color: '#222222', thickness: 1.4, width: 5 } }
    : {};

function barTrace(
  series: BarSeries,
  index: number,
  x: readonly number[],
  width: number,
  { digits }: GroupedBarsOptions,
): Trace {
  const numbers = digits !== undefined && !series.errors;
  return {
    type: 'bar',
    name: escapeText(series.name),
    x,
    y: series.values,
    width: width * 0.92,
    marker: { color: pick(COLOURS, index) },
    ...errorBars(series),
    ...(numbers
      ? {
          text: series.values.map((value) => value?.toFixed(digits) ?? ''),
          textposition: 'outside',
          textangle: 0,
          cliponaxis: false,
          textfont: { size: 11 },
        }
      : {}),
  };
}

const pointTrace = (series: BarSeries, index: number, x: readonly number[]): Trace => ({
  type: 'scatter',
  mode: 'markers',
  name: escapeText(series.name),
  x,
  y: series.values,
  marker: { color: pick(COLOURS, index), symbol: pick(SYMBOLS, index), size: 9 },
  ...errorBars(series),
});

/** So far right of the mark that they do not hide it, in categories. */
const ASIDE = 0.12;

const dotTrace = ({ name, dots = [] }: BarSeries, index: number, x: readonly number[]): Trace => ({
  type: 'scatter',
  mode: 'markers',
  name: `${escapeText(name)}, one by one`,
  showlegend: false,
  x: dots.flatMap((values, i) => values.map(() => (x[i] ?? 0) + ASIDE)),
  y: dots.flat(),
  marker: { color: pick(COLOURS, index), size: 5, opacity: 0.6 },
});

const absent = (x: number, text: string): Json => ({
  text,
  xref: 'x',
  x,
  yref: 'paper',
  y: 0,
  yanchor: 'bottom',
  yshift: 4,
  textangle: -90,
  showarrow: false,
  font: { size: 11, color: QUIET },
});

export interface BoxPlotOptions extends FigureText {
  readonly groups: readonly { readonly name: string; readonly values: readonly number[] }[];
  readonly yTitle: string;
  readonly xTitle?: string;
}

/**
 * Quartiles of each group, with every value drawn beside them (seeds are few: none may hide in a box).
 * @example
 * ```ts
 * import { report } from 'progtuning';
 *
 * const groups = [{ name: 'progressive', values: [58, 60, 61] }];
 * const figure = report.boxPlot({ title: 'Three seeds', caption: 'invented numbers', yTitle: 'points', groups });
 * console.log(figure.data[0].type); // box
 * ```
 */
export function boxPlot(options: BoxPlotOptions): Figure {
  const { groups } = options;
  const labels = groups.map(({ name }) => wrapText(name, TICK_SIZE, PLOT_WIDTH / groups.length - 8));
  const layout = frame({
    ...options,
    xTitle: options.xTitle ?? '',
    legend: [],
    tickLines: Math.max(...labels.map((lines) => lines.length)),
    xaxis: categoryAxis(labels),
  });
  const data = groups.map(
    ({ name, values }, i): Trace => ({
      type: 'box',
      name: escapeText(name),
      x: values.map(() => i),
      y: values,
      boxpoints: 'all',
      jitter: 0.4,
      pointpos: 0,
      width: 0.5,
      line: { color: pick(COLOURS, i), width: 1.6 },
      marker: { color: pick(COLOURS, i), size: 6, symbol: pick(SYMBOLS, i) },
    }),
  );
  return { data, layout, title: options.title, caption: options.caption };
}
