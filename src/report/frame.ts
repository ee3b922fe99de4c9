/** What every figure shares: types, colours, fonts, and the frame of title, legend, axes and caption around the plot. */

import { BOLD, textWidth, wrapText } from './text-width.js';

/** A value of plotly's JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Plotly's trace: one series. */
export interface Trace {
  readonly type: 'scatter' | 'bar' | 'box';
  readonly [attribute: string]: Json;
}

/** Plotly's layout: sizes in pixels. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly [attribute: string]: Json;
}

/** A plotly figure as a value: `{data, layout}` is what plotly takes, title and caption drawn in it as annotations. */
export interface Figure {
  readonly data: readonly Trace[];
  readonly layout: Layout;
  readonly title: string;
  readonly caption: string;
  /** What is seen, for those who do not see it. Default: the title. */
  readonly alt?: string;
}

/** What every figure function is told. */
export interface FigureText {
  /** What is seen, as a statement. */
  readonly title: string;
  /** Model, data, seeds, machine. */
  readonly caption: string;
}

/** Okabe and Ito's colours (2008), told apart with every kind of colour blindness; without yellow, which white swallows. */
export const COLOURS = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000'] as const;

/** A second mark beside colour, for grey prints. */
export const DASHES = ['solid', 'dash', 'dot', 'dashdot', 'longdash', 'longdashdot', 'solid'] as const;
export const SYMBOLS = [
  'circle',
  'square',
  'diamond',
  'triangle-up',
  'cross',
  'triangle-down',
  'star',
] as const;
export const INK = '#222222';
export const QUIET = '#5f5f5f';
export const FROZEN = '#E4E4E4';

const FONT = 'Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif';
export const FIGURE_WIDTH = 760;
const MARGIN = { left: 78, right: 28, edge: 18 };
const TITLE = { size: 17, line: 22.1 };
const CAPTION = { size: 11, line: 14.3 };
const AXIS_TITLE = { size: 13, line: 16.9 };
const LEGEND_ROW = 20;
export const TICK_SIZE = 12;
const TICK_LINE = 15.6;
export const PLOT_WIDTH = FIGURE_WIDTH - MARGIN.left - MARGIN.right;

export const pick = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;

/** Plotly reads a small HTML in its texts: `<` and `&` of ours must not be taken for it. */
export const escapeText = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const joinLines = (lines: readonly string[]): string => lines.map(escapeText).join('<br>');

/** Rows that plotly's horizontal legend takes: one when all fit, else columns as wide as the widest entry. */
function legendRows(names: readonly string[]): number {
  if (names.length === 0) return 0;
  const widths = names.map((name) => textWidth(name, TICK_SIZE) + 50);
  const total = widths.reduce((sum, width) => sum + width, 0);
  if (total <= PLOT_WIDTH) return 1;
  return Math.ceil(names.length / Math.max(1, Math.floor(PLOT_WIDTH / Math.max(...widths))));
}

export interface FrameOptions extends FigureText {
  readonly xTitle: string;
  readonly yTitle: string;
  /** Names in the legend; one alone is not shown. */
  readonly legend: readonly string[];
  /** Height of the plot in pixels, without title and captions. */
  readonly plotHeight?: number;
  /** Lines of the longest tick label below. */
  readonly tickLines?: number;
  readonly xaxis?: { readonly [attribute: string]: Json };
  readonly yaxis?: { readonly [attribute: string]: Json };
  readonly shapes?: readonly Json[];
  readonly annotations?: readonly Json[];
  /** Pixels kept free right above the plot, for marks there. */
  readonly above?: number;
  /** Pixels more at the left, for long tick labels. */
  readonly moreLeft?: number;
}

/** Plotly's layout, with room measured for the wrapped title, legend rows, tick labels and caption. */
export function frame(options: FrameOptions): Layout {
  const { title, caption, plotHeight = 300, tickLines = 1, above = 0, moreLeft = 0 } = options;
  const rows = legendRows(options.legend);
  const width = FIGURE_WIDTH - 2 * MARGIN.edge;
  const titleLines = wrapText(title, TITLE.size * BOLD, width);
  const captionLines = wrapText(caption, CAPTION.size, width);
  const yTitleLines = wrapText(options.yTitle, AXIS_TITLE.size, plotHeight + 20);
  const left = MARGIN.left + moreLeft + Math.max(0, yTitleLines.length - 1) * AXIS_TITLE.line;
  const edge = MARGIN.edge - left;
  const top = 14 + titleLines.length * TITLE.line + 8 + rows * LEGEND_ROW + 8 + above;
  const axisHeight = 10 + tickLines * TICK_LINE + (options.xTitle ? 22 : 0);
  const bottom = axisHeight + 8 + captionLines.length * CAPTION.line + 10;
  return {
    width: FIGURE_WIDTH,
    height: Math.round(top + plotHeight + bottom),
    margin: { l: left, r: MARGIN.right, t: Math.round(top), b: Math.round(bottom), pad: 0 },
    font: { family: FONT, size: TICK_SIZE, color: INK },
    paper_bgcolor: '#FFFFFF',
    plot_bgcolor: '#FFFFFF',
    showlegend: rows > 0,
    legend: legendLayout(plotHeight, above, left - MARGIN.left),
    xaxis: { ...axis([options.xTitle]), showgrid: false, ticks: 'outside', ...options.xaxis },
    yaxis: { ...axis(yTitleLines), ...options.yaxis },
    shapes: options.shapes ?? [],
    annotations: [
      ...(options.annotations ?? []),
      marginText(`<b>${joinLines(titleLines)}</b>`, 1, edge, Math.round(top) - 12, { size: TITLE.size }),
      marginText(joinLines(captionLines), 0, edge, -(axisHeight + 8), { size: CAPTION.size, color: QUIET }),
    ],
    hovermode: 'closest',
  };
}

const legendLayout = (plotHeight: number, above: number, moreLeft: number): Json => ({
  orientation: 'h',
  x: -moreLeft / (PLOT_WIDTH - moreLeft),
  xanchor: 'left',
  y: 1 + (above + 6) / plotHeight,
  yanchor: 'bottom',
  traceorder: 'normal',
  font: { size: TICK_SIZE },
});

const axis = (title: readonly string[]): { readonly [attribute: string]: Json } => ({
  title: { text: joinLines(title), standoff: 8, font: { size: AXIS_TITLE.size } },
  automargin: false,
  gridcolor: '#E6E6E6',
  linecolor: '#8C8C8C',
  showline: true,
  zeroline: false,
  tickfont: { size: TICK_SIZE },
});

/** A line or more in the margin. Plotly's own title loses its first line at the edge when it has two. */
const marginText = (text: string, y: 0 | 1, xshift: number, yshift: number, font: Json): Json => ({
  text,
  align: 'left',
  showarrow: false,
  xref: 'paper',
  x: 0,
  xanchor: 'left',
  xshift,
  yref: 'paper',
  y,
  yanchor: 'top',
  yshift,
  borderpad: 0,
  font,
});

/** The axis of a grid of cells: a name at the middle of each. */
export const cellTicks = (labels: readonly string[]) => ({
  tickmode: 'array',
  tickvals: labels.map((_, i) => i),
  ticktext: labels.map(escapeText),
  range: [-0.5, labels.length - 0.5],
  showgrid: false,
  ticks: '',
});
