/** Tables in the paper's layout: means, links to records, what collapsed, what was not made, what lies outside the published range. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockFigure } from '../../src/report/block-figure.js';
import { costFigure, costRows } from '../../src/report/cost.js';
import { OUTSIDE, sanityRows } from '../../src/report/sanity.js';
import { tableHtml, tableText } from '../../src/report/table.js';
import { taskTable } from '../../src/report/task-table.js';
import { cell, pair } from './made-cells.js';

const model = 'bert-base-uncased';
const real = { data: 'glue', task: 'rte', model } as const;
const rte = [
  ...pair(0, 0.66, 0.65, real),
  ...pair(1, 0.68, 0.527, real),
  cell({ ...real, schedule: { kind: 'full' }, seed: 2 }),
];

test('rows are methods, columns are tasks; what was not made and what collapsed is said', () => {
  const growing = cell({ ...real, schedule: { kind: 'growing' }, seed: 0 });
  const qqp = cell({ data: 'glue-subset', task: 'qqp', schedule: { kind: 'full' }, seed: 0, accuracy: 0.85 });
  const rows = taskTable([...rte, growing, qqp]);
  assert.deepEqual(
    rows.map(({ method }) => method),
    ['full fine-tuning', 'Progtuning', 'growing order', 'published, full fine-tuning'],
  );
  const text = tableText(rows);
  assert.match(text, /RTE, accuracy +QQP \(subset\), accuracy/);
  assert.match(text, /full fine-tuning +67\.0 ± 1\.4 \(2 of 3 seeds\) +85\.0/);
  assert.match(text, /Progtuning +58\.9 ± 8\.7 \(1 of 2 collapsed\) +-/);
  assert.match(text, /growing order +not made/);
  assert.match(text, /published, full fine-tuning +62 to 71 +-/);
  assert.doesNotMatch(text, /data\/runs/);
});

test('a number leads to its records', () => {
  assert.match(
    tableHtml(taskTable(rte)),
    /67\.0 ± 1\.4 \(2 of 3 seeds\) <sup><a href="\.\.\/data\/runs\/0123456789abcdef\.json">0<\/a><\/sup> <sup><a [^>]*>1<\/a>/,
  );
});

test('full fine-tuning outside the published range is a bug to look for', () => {
  const runs = [...pair(0, 0.58, 0.58, real), ...pair(1, 0.59, 0.57, real)];
  assert.match(tableText(taskTable(runs)), new RegExp(OUTSIDE));
  const mrpc = cell({
    ...{ data: 'glue', task: 'mrpc', model, schedule: { kind: 'full' }, seed: 0 },
    metrics: { accuracy: 0.84, f1: 0.885 },
  });
  const cola = cell({ data: 'glue', task: 'cola', model, schedule: { kind: 'full' }, seed: 0 });
  const rows = sanityRows([...runs, mrpc, cola]);
  assert.deepEqual(
    rows.map(({ task, check }) => `${task}: ${check}`),
    [`RTE: ${OUTSIDE}`, 'MRPC: within', 'CoLA: not made'],
  );
});

test('another model has no published range', () => {
  const rows = taskTable([...pair(0, 0.58, 0.58, { ...real, model: 'small' })]);
  assert.doesNotMatch(tableText(rows), /outside|published/);
});

test('time and memory are shown of timed pairs only', () => {
  const one = (timed: true | undefined) =>
    costRows(pair(0, 0.66, 0.65, timed ? { ...real, timed } : real))[0];
  assert.equal(one(undefined)?.['training time, %'], null);
  assert.equal(one(undefined)?.['updated parameters, %'], 100);
  assert.equal(one(true)?.['training time, %'], 100);
  assert.match(JSON.stringify(costFigure(pair(0, 0.66, 0.65, real), 'cost').layout), /not timed/);
});

test("every seed is a dot in figure 1's figure", () => {
  const blocks = [0, 1].flatMap((seed) =>
    [0, 1, 2].map((block) =>
      cell({
        ...real,
        seed,
        schedule: { kind: 'only-block', block },
        accuracy: 0.6 + block / 50 + seed / 100,
      }),
    ),
  );
  const [, dots] = blockFigure(blocks, 'One block at a time').data as unknown as { y: number[] }[];
  assert.equal(dots?.y.length, 6);
});
