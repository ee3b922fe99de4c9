/**
 * What a reader sees: figures, tables, text and progress, in a tslab notebook or, in plain Node, as text on stdout. The only file
 * that knows tslab, and it never imports it: it looks whether a tslab kernel is what runs, so no package need be installed.
 */

import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { escapeText, type Figure } from './frame.js';
import { figureToSvg } from './svg.js';
import { type Row, type TableFrame, type TableOptions, tableHtml, tableText } from './table.js';

/** MIME type -> content; JSON types hold values, the others text. */
type MimeBundle = Readonly<Record<string, unknown>>;
type Send = (message: object, update: boolean) => void;
interface TslabDisplay {
  raw(mime: string, content: string): void;
}

const require = createRequire(import.meta.url);

/** The packages' files of the running kernel; several when a global tslab handed over to a local one. */
function runningTslabs(): NodeJS.Require[] {
  const mains = Object.keys(require.cache).filter((file) => /[\\/]tslab[\\/]dist[\\/]main\.js$/.test(file));
  return mains.map((file) => createRequire(file));
}

/**
 * Whether this code runs in a tslab kernel.
 * @example
 * ```ts
 * import { report } from 'progtuning';
 *
 * console.log(report.inNotebook()); // false
 * ```
 */
export const inNotebook = (): boolean => runningTslabs().length > 0;

/**
 * One output with several forms of the same thing, of which each viewer takes the best it knows. tslab's public display sends one
 * form only, so this uses its private `lastWriteDisplayData`; where that is gone, the first form that is text is sent alone.
 */
function send(data: MimeBundle, displayId?: string, update = false): void {
  const kernels = runningTslabs();
  const transient = displayId === undefined ? {} : { display_id: displayId };
  for (const kernel of kernels) {
    const write = (kernel('./jupyter.js') as { lastWriteDisplayData?: Send | null }).lastWriteDisplayData;
    if (typeof write !== 'function') continue;
    write({ data, metadata: {}, transient }, update);
    return;
  }
  const [mime, content] = Object.entries(data).find(([, value]) => typeof value === 'string') ?? [];
  const last = kernels.at(-1)?.('./public.js') as { display: TslabDisplay } | undefined;
  if (mime !== undefined) last?.display.raw(mime, content as string);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** What a screen reader or a terminal gets instead of a picture. */
export const figureText = ({ title, caption, alt }: Figure): string =>
  [`[figure] ${title}`, ...(alt === undefined ? [] : [alt]), caption].join('\n');

/** The picture as an image in HTML: nbconvert 6.5.3 to 7.6 empties a bare SVG (its issue 1849), and shows this. */
function svgImage(svg: string, { title, layout, alt: said = title }: Figure): string {
  const alt = escapeText(said).replaceAll('"', '&quot;');
  const source = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
  return `<img alt="${alt}" width="${layout.width}" height="${layout.height}" src="${source}">`;
}

/** Numbers with seven digits, all that a 32-bit float has: thousands of losses would double a notebook's size otherwise. */
const rounded = (data: Figure['data']): unknown =>
  JSON.parse(
    JSON.stringify(data, (_, value) => (typeof value === 'number' ? Number(value.toPrecision(7)) : value)),
  );

/**
 * Shows a figure as one output that is interactive in Jupyter (plotly), a static picture on GitHub and in HTML (SVG), and text
 * elsewhere.
 * @example
 * ```ts
 * import { report } from 'progtuning';
 *
 * const series = [{ name: 'loss', y: [0.7, 0.6, 0.4] }];
 * const figure = report.lineChart({ title: 'It learns', caption: 'invented', xTitle: 'step', yTitle: 'nats', series });
 * await report.showFigure(figure);
 * ```
 */
export async function showFigure(figure: Figure): Promise<void> {
  if (!inNotebook()) {
    print(figureText(figure));
    return;
  }
  const svg = await figureToSvg(figure);
  const config = { displaylogo: false, responsive: false };
  send({
    'image/svg+xml': svg,
    'text/html': svgImage(svg, figure),
    'application/vnd.plotly.v1+json': { data: rounded(figure.data), layout: figure.layout, config },
    'text/plain': figureText(figure),
  });
}

/**
 * Shows rows, or a danfojs data frame, as a table.
 * @example
 * ```ts
 * import { report } from 'progtuning';
 *
 * report.showTable([{ task: 'cola', score: 57.1 }, { task: 'rte', score: 66.4 }], { digits: 1, caption: 'invented' });
 * ```
 */
export function showTable(table: readonly Row[] | TableFrame, options: TableOptions = {}): void {
  const text = tableText(table, options);
  if (inNotebook()) send({ 'text/html': tableHtml(table, options), 'text/plain': text });
  else print(text);
}

/**
 * Shows text with Markdown marks, for sentences whose numbers are computed.
 * @example
 * ```ts
 * import { report } from 'progtuning';
 *
 * report.showMarkdown(`Over three epochs **${(25.9).toFixed(1)} %** fewer updates.`);
 * ```
 */
export function showMarkdown(text: string): void {
  if (inNotebook()) send({ 'text/markdown': text, 'text/plain': text });
  else print(text);
}

/** A line that a long call keeps up to date. The methods have the shape of the command line's progress bars. */
export interface NotebookProgress {
  /** Draws it anew. @param done of the total @param note shown behind, e.g. the loss */
  update(done: number, note?: string): void;
  /** Leaves the line as it is. */
  stop(): void;
}

/** Least time between two updates; more would only flicker. */
const REFRESH_MS = 250;
const BAR = 24;

/**
 * A progress line updated in place; silent outside a notebook. The line that stays, after `stop`, has counts but no times, so that
 * an executed notebook does not change from run to run.
 * @param unit what is counted, e.g. `steps`
 * @example
 * ```ts
 * import { report } from 'progtuning';
 *
 * const bar = report.showProgress('training', 100, 'steps');
 * for (let step = 1; step <= 100; step++) bar.update(step, `loss ${(1 / step).toFixed(3)}`);
 * bar.stop();
 * ```
 */
export function showProgress(label: string, total: number, unit: string): NotebookProgress {
  if (!inNotebook()) return { update: () => undefined, stop: () => undefined };
  const id = randomUUID();
  const start = performance.now();
  let shown = start;
  let last = { done: 0, note: '' };
  const draw = (update: boolean, rate: string): void =>
    send({ 'text/plain': progressLine(label, last.done, total, unit, rate, last.note) }, id, update);
  draw(false, '');
  return {
    update(done, note = '') {
      last = { done, note };
      const now = performance.now();
      if (now - shown < REFRESH_MS) return;
      shown = now;
      draw(true, pace(done, total, (now - start) / 1000));
    },
    stop: () => draw(true, ''),
  };
}

/** `12.3/s, 0:45 left` */
function pace(done: number, total: number, seconds: number): string {
  const rate = done / Math.max(seconds, 1e-3);
  const left = Math.round((total - done) / Math.max(rate, 1e-9));
  const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
  return `${rate.toFixed(rate < 10 ? 1 : 0)}/s, ${clock} left`;
}

export function progressLine(
  label: string,
  done: number,
  total: number,
  unit: string,
  rate: string,
  note: string,
): string {
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const full = Math.round(share * BAR);
  const bar = `${'█'.repeat(full)}${'░'.repeat(BAR - full)}`;
  const parts = [`${done}/${total} ${unit}`, rate, note].filter(Boolean);
  return `${label} ${bar} ${Math.floor(share * 100)} % | ${parts.join(' | ')}`;
}
