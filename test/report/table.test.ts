/** Tables as text and HTML. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DataFrame } from 'danfojs-node';
import { scoreText } from '../../src/report/number-text.js';
import { tableHtml, tableText } from '../../src/report/table.js';

const rows = [
  { method: 'full', updated: 328446467, accuracy: 0.91284, run: true },
  { method: 'Progtuning <T = 3>', updated: 243390723, accuracy: 0.9105 },
  { method: 'growing', updated: 9, accuracy: null, run: false },
];

test('text: numbers to the right with equal digits, words to the left', () => {
  assert.equal(
    tableText(rows, {
      digits: { accuracy: 3 },
      missing: 'not run',
      headers: { updated: 'updated parameters' },
      caption: 'SST-2',
    }),
    `
method              updated parameters  accuracy  run
------------------  ------------------  --------  -------
full                       328,446,467     0.913  true
Progtuning <T = 3>         243,390,723     0.911  not run
growing                              9   not run  false

SST-2`.slice(1),
  );
});

test('columns are chosen and ordered; digits default to 4', () => {
  assert.equal(
    tableText(rows.slice(0, 2), { columns: ['accuracy', 'method'] }),
    'accuracy  method\n--------  ------------------\n  0.9128  full\n  0.9105  Progtuning <T = 3>',
  );
});

test('HTML is escaped and aligned', () => {
  const html = tableHtml(rows, { columns: ['method', 'updated'], caption: 'a & b' });
  assert.match(html, /<td align="left" style="text-align: left">Progtuning &lt;T = 3&gt;<\/td>/);
  assert.match(html, /<td align="right" style="text-align: right">328,446,467<\/td><\/tr>/);
  assert.match(html, /<small>a &amp; b<\/small>/);
});

test('odd values: mixed columns, nothing but missing, not numbers, no rows', () => {
  assert.equal(
    tableText([
      { a: 1.5, b: null },
      { a: 'x', b: undefined },
    ]),
    'a       b\n------  -\n1.5000  -\nx       -',
  );
  assert.equal(
    tableText([{ a: Number.NaN }, { a: -1234.5 }]),
    '          a\n-----------\n        NaN\n-1,234.5000',
  );
  assert.equal(tableText([]), 'no rows');
  assert.equal(tableHtml([]), '<p>no rows</p>');
});

test('a small number keeps its digits, and a nought has no sign', () => {
  const small = [
    { run: 'a', rate: 2e-5, loss: -0.00001, count: 12345678.9 },
    { run: 'b', rate: 0.00125, loss: 0, count: -0 },
    { run: 'c', rate: 3.14159e-7, loss: 0.0009, count: 3 },
  ];
  assert.equal(
    tableText(small),
    `
run      rate    loss            count
---  --------  ------  ---------------
a        2e-5   -1e-5  12,345,678.9000
b      0.0013  0.0000           0.0000
c    3.142e-7    9e-4           3.0000`.slice(1),
  );
  assert.equal(tableText([{ x: -0.04 }, { x: 1.5 }], { digits: 1 }), '  x\n---\n0.0\n1.5');
  assert.deepEqual(
    [null, 0.9128, 872, 1, 0, 2e-5].map((value) => scoreText(value)),
    ['undefined: one class predicted', '0.9128', '872', '1.0000', '0.0000', '2e-5'],
  );
});

test('a danfojs frame is a table', () => {
  const frame = new DataFrame([...rows]);
  const large = frame.query(frame.updated.gt(9));
  assert.equal(
    tableText(large, { columns: ['method', 'updated'] }),
    tableText(rows.slice(0, 2), { columns: ['method', 'updated'] }),
  );
});
