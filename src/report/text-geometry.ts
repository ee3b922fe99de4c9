/** Boxes of SVG text for a window that draws nothing: width table, anchors, and the transforms of the parents. */

import { BOLD, textWidth } from './text-width.js';

/** x' = a x + c y + e, y' = b x + d y + f, as in SVG's `matrix(a b c d e f)`. */
type Affine = readonly [number, number, number, number, number, number];
type Point = readonly [number, number];
interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Box of an element's text in the element's own coordinates (`SVGGraphicsElement.getBBox`). */
export function localBox(element: Element): Box {
  return boxOf(element, element);
}

/** Box of an element's text in the page's coordinates (`Element.getBoundingClientRect`). */
export function pageBox(element: Element) {
  const box = boxOf(element, null);
  return { ...box, left: box.x, top: box.y, right: box.x + box.width, bottom: box.y + box.height };
}

/** Union over the texts in `element`, in the coordinates inside `frame` (null: the page). An element without text is a point. */
function boxOf(element: Element, frame: Element | null): Box {
  const isText = element.nodeName === 'text' || element.nodeName === 'tspan';
  const texts = isText ? [element] : [...element.querySelectorAll('text')];
  const corners = texts.flatMap((text) => toFrame(cornersOf(text), text, frame));
  return enclose(corners.length > 0 ? corners : toFrame([[0, 0]], element, frame));
}

function enclose(points: readonly Point[]): Box {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const x = Math.min(...xs);
  const y = Math.min(...ys);
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

function toFrame(points: readonly Point[], from: Element, frame: Element | null): Point[] {
  let moved = [...points];
  for (let node: Element | null = from; node && node !== frame; node = node.parentElement) {
    for (const matrix of transformsOf(node).reverse()) moved = moved.map((point) => apply(matrix, point));
  }
  return moved;
}

const apply = ([a, b, c, d, e, f]: Affine, [x, y]: Point): Point => [a * x + c * y + e, b * x + d * y + f];

/** The element's `transform` list, in its written order (the last is applied first). */
function transformsOf(element: Element): Affine[] {
  const calls = (element.getAttribute('transform') ?? '').matchAll(/(\w+)\(([^)]*)\)/g);
  return [...calls].flatMap(([, name, list]) =>
    affine(name as string, (list as string).split(/[\s,]+/).map(Number)),
  );
}

function affine(name: string, [p = 0, q = 0, r = 0, s = 0, t = 0, u = 0]: readonly number[]): Affine[] {
  if (name === 'translate') return [[1, 0, 0, 1, p, q]];
  if (name === 'scale') return [[p, 0, 0, q || p, 0, 0]];
  if (name === 'matrix') return [[p, q, r, s, t, u]];
  if (name !== 'rotate') return [];
  const cos = Math.cos((p * Math.PI) / 180);
  const sin = Math.sin((p * Math.PI) / 180);
  return [
    [1, 0, 0, 1, q, r],
    [cos, sin, -sin, cos, 0, 0],
    [1, 0, 0, 1, -q, -r],
  ];
}

/** Corners of a text's box, before its own transform. Plotly makes one `tspan.line` for each line, 1.3 em apart. */
function cornersOf(text: Element): Point[] {
  const fontSize = inheritedFontSize(text);
  const tspans = [...text.querySelectorAll('tspan.line')];
  const lines = tspans.length > 0 ? tspans : [text];
  const bold = text.querySelector('[style*="bold"]') ? BOLD : 1;
  const width = Math.max(...lines.map((line) => textWidth(line.textContent ?? '', fontSize * bold)));
  const shift = { middle: -0.5, end: -1 }[anchorOf(text)] ?? 0;
  const left = Number(text.getAttribute('x') ?? 0) + shift * width;
  const top = Number(text.getAttribute('y') ?? 0) - 0.93 * fontSize;
  const bottom = top + fontSize * (1.17 + 1.3 * (lines.length - 1));
  return [
    [left, top],
    [left + width, top],
    [left, bottom],
    [left + width, bottom],
  ];
}

const anchorOf = (text: Element): string =>
  text.closest('[text-anchor]')?.getAttribute('text-anchor') ?? 'start';

function inheritedFontSize(element: Element): number {
  for (let node: Element | null = element; node; node = node.parentElement) {
    const size = Number.parseFloat((node as SVGElement).style?.fontSize ?? '');
    if (size > 0) return size;
  }
  return 12;
}
