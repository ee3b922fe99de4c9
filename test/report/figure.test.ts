/** Figures: what the data becomes, and each kind as SVG against the committed picture (`UPDATE_SNAPSHOTS=1` rewrites them). */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { groupedBars } from '../../src/report/figure.js';
import type { Figure } from '../../src/report/frame.js';
import { lineChart, trailingMean } from '../../src/report/line-chart.js';
import { figureToSvg } from '../../src/report/svg.js';
import { textWidth, wrapText } from '../../src/report/text-width.js';
import { EXAMPLES, README_FIGURE } from './figure-examples.js';

const root = new URL('../../../', import.meta.url);
const PICTURES: Readonly<Record<string, Figure>> = {
  'docs/figures/schedule.svg': README_FIGURE,
  ...Object.fromEntries(
    Object.entries(EXAMPLES).map(([name, figure]) => [`test/report/snapshots/${name}.svg`, figure]),
  ),
};

for (const [path, figure] of Object.entries(PICTURES)) {
  test(`${path} is what is drawn`, async () => {
    const svg = await figureToSvg(figure);
    const file = new URL(path, root);
    if (process.env.UPDATE_SNAPSHOTS) {
      mkdirSync(new URL('.', file), { recursive: true });
      writeFileSync(file, svg);
    }
    assert.ok(
      svg === readFileSync(file, 'utf8'),
      `differs from ${file.pathname}; look, then UPDATE_SNAPSHOTS=1`,
    );
  });
}

test('a figure is drawn alike again, in any order, and ids differ between figures', async () => {
  const ids = (svg: string) => new Set([...svg.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]));
  const line = EXAMPLES['line-chart'] as (typeof EXAMPLES)[string];
  const box = EXAMPLES['box-plot'] as (typeof EXAMPLES)[string];
  const [first, other, again] = await Promise.all([figureToSvg(line), figureToSvg(box), figureToSvg(line)]);
  assert.equal(first, again);
  assert.ok(ids(first).size > 0);
  assert.deepEqual(
    [...ids(first)].filter((id) => ids(other).has(id)),
    [],
  );
});

test('no text leaves the picture', async () => {
  for (const [name, figure] of Object.entries(EXAMPLES)) {
    const svg = await figureToSvg(figure);
    for (const [, x, anchor, text] of texts(svg)) {
      const width = textWidth(text, 11);
      const left = x - (anchor === 'middle' ? width / 2 : anchor === 'end' ? width : 0);
      assert.ok(left >= 0 && left + width <= figure.layout.width, `${name}: "${text}" at ${left} + ${width}`);
    }
  }
});

/** Upright tick labels: y, x, anchor, text. */
function* texts(svg: string): Generator<[string, number, string, string]> {
  const pattern =
    /<text text-anchor="(\w+)" x="([-\d.]+)" y="([-\d.]+)"[^>]*transform="translate\(([-\d.]+),[-\d.]+\)"[^>]*>([^<]+)</g;
  for (const [, anchor, x, y, shift, text] of svg.matchAll(pattern))
    yield [y as string, Number(x) + Number(shift), anchor as string, text as string];
}

test('angle brackets and ampersands of a title are text', async () => {
  const svg = await figureToSvg(
    lineChart({
      title: 'a < b & c <b>',
      caption: 'x < y',
      xTitle: 'Step',
      yTitle: 'Loss',
      series: [{ name: 'one', y: [2, 1] }],
    }),
  );
  assert.ok(svg.includes('<title>a &lt; b &amp; c &lt;b></title>'));
  assert.ok(svg.includes('>a &#60; b &amp; c &#60;b&#62;</tspan>'));
});

test('smoothing keeps the raw values beside the mean', () => {
  assert.deepEqual(trailingMean([1, 2, 3, 4], 2), [1, 1.5, 2.5, 3.5]);
  const { data } = lineChart({
    title: 't',
    caption: 'c',
    xTitle: 'Step',
    yTitle: 'Loss',
    series: [{ name: 'one', y: [1, 2, 3, 4] }],
    smoothing: 2,
  });
  assert.deepEqual(
    data.map(({ y }) => y),
    [
      [1, 2, 3, 4],
      [1, 1.5, 2.5, 3.5],
    ],
  );
});

test('a long curve is thinned evenly, with its last value', () => {
  const y = Array.from({ length: 2105 }, (_, i) => i);
  const series = [{ name: 'one', y }];
  const [trace] = lineChart({ title: 't', caption: 'c', xTitle: 'Step', yTitle: 'Loss', series }).data;
  const drawn = trace?.y as number[];
  assert.equal(drawn.length, 527);
  assert.deepEqual(drawn.slice(-2), [2100, 2104]);
  const steps = trace?.x as number[];
  assert.deepEqual(steps.slice(-2), [2101, 2105]);
});

test('a missing value is named, not drawn as zero', () => {
  const { data, layout } = groupedBars({
    title: 't',
    caption: 'c',
    yTitle: 'y',
    categories: ['a', 'b'],
    series: [{ name: 'one', values: [1, null] }],
  });
  assert.deepEqual(data[0]?.y, [1, null]);
  assert.match(JSON.stringify(layout.annotations), /"text":"not run","xref":"x","x":1,/);
});

test('text is measured and wrapped', () => {
  assert.equal(textWidth('Hi', 1000), 752 + 278);
  assert.deepEqual(wrapText('one two three', 10, textWidth('one two', 10)), ['one two', 'three']);
  assert.deepEqual(wrapText('', 10, 100), []);
});
