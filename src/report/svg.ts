/**
 * A figure as static SVG, in Node, without a browser: plotly inside a jsdom window. Both are optional, and loaded at the first figure
 * (about 1 s); a figure then takes 0.05-0.4 s. The same figure gives the same text, byte for byte.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { DOMWindow } from 'jsdom';
import { UsageError } from '../errors.js';
import { escapeText, type Figure } from './frame.js';
import { localBox, pageBox } from './text-geometry.js';

interface Plotly {
  toImage(figure: unknown, options: Record<string, unknown>): Promise<string>;
}

const require = createRequire(import.meta.url);

/** What draws; `npm install` with these words gives it. */
export const DRAWING_PACKAGES = 'jsdom plotly.js-dist-min';

let loading: Promise<DOMWindow> | undefined;
let queue: Promise<unknown> = Promise.resolve();

/**
 * Renders a figure. Calls wait for each other: the window's random numbers, from which plotly makes its element ids, are seeded
 * from the figure, so that ids repeat from run to run and differ between figures on one page.
 * @returns the text of an SVG file
 * @throws UsageError where plotly or jsdom is not installed
 * @example
 * ```ts
 * import { report } from 'progtuning';
 * import { writeFile } from 'node:fs/promises';
 *
 * const series = [{ name: 'loss', y: [0.7, 0.6, 0.4] }];
 * const figure = report.lineChart({ title: 'It learns', caption: 'invented', xTitle: 'step', yTitle: 'nats', series });
 * await writeFile('loss.svg', await report.figureToSvg(figure));
 * ```
 */
export function figureToSvg(figure: Figure): Promise<string> {
  const svg = queue.then(() => render(figure));
  queue = svg.catch(() => undefined);
  return svg;
}

async function render(figure: Figure): Promise<string> {
  loading ??= openWindow();
  const window = await loading;
  const spec = JSON.stringify({ data: figure.data, layout: figure.layout });
  window.Math.random = seededRandom(createHash('sha256').update(spec).digest().readUInt32LE(0));
  const { width, height } = figure.layout;
  const plotly = window.Plotly as Plotly;
  const svg = await plotly.toImage(JSON.parse(spec), { format: 'svg', width, height, imageDataOnly: true });
  return `${withDescription(shorten(svg), figure)}\n`;
}

/** Names the picture for readers who do not see it. */
function withDescription(svg: string, { title, caption }: Figure): string {
  const description = `<title>${escapeText(title)}</title><desc>${escapeText(caption)}</desc>`;
  return svg.replace(
    /^<svg([^>]*)>/,
    (_, attributes: string) => `<svg${attributes} role="img">${description}`,
  );
}

/** About a third off, without a visible change: says the font once, drops values that are SVG's own defaults, and empty groups. */
function shorten(svg: string): string {
  const [font = ''] = /font-family: [^;]+;/.exec(svg) ?? [];
  const rest = svg
    .replaceAll(`${font} `, '')
    .replaceAll(/ ?\b(?:(?:fill-|stroke-)?opacity: 1|stroke-dasharray: none|stroke-width: 1px);/g, '')
    .replaceAll(' style=""', '')
    .replaceAll(/<g class="[^"]*"\/>/g, '');
  return rest.replace(/^<svg/, `<svg style="${font}"`);
}

/** A small linear congruential generator (Numerical Recipes' constants): ids need to differ, no more. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Whether the packages that draw are installed. */
export function canDraw(): boolean {
  try {
    for (const name of DRAWING_PACKAGES.split(' ')) require.resolve(name);
    return true;
  } catch {
    return false;
  }
}

async function openWindow(): Promise<DOMWindow> {
  if (!canDraw())
    throw new UsageError(
      `A figure is drawn with jsdom and plotly.js, which are not installed here. Install them with: npm install ${DRAWING_PACKAGES}`,
    );
  const { JSDOM } = await import('jsdom');
  const { window } = new JSDOM('<!DOCTYPE html><body></body>', { runScripts: 'outside-only' });
  fillGaps(window);
  window.eval(readFileSync(require.resolve('plotly.js-dist-min'), 'utf8'));
  return window;
}

/** What plotly asks of a browser and jsdom does not have: object URLs, a canvas, and the size of text. */
function fillGaps(window: DOMWindow): void {
  window.URL.createObjectURL = () => '';
  window.HTMLCanvasElement.prototype.getContext = () => null;
  Object.defineProperties(window.SVGElement.prototype, {
    getBBox: { value: ownBox, configurable: true },
    getComputedTextLength: { value: ownLength, configurable: true },
    getBoundingClientRect: { value: ownPageBox, configurable: true },
  });
}

function ownBox(this: Element) {
  return localBox(this);
}

function ownLength(this: Element) {
  return localBox(this).width;
}

function ownPageBox(this: Element) {
  return pageBox(this);
}
