/** Dirty GLUE files: against Python's reader (test/golden/glue_rows.py), and what is told and refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ORDINARY, parseRows, type RowOptions } from '../../src/datasets/glue-rows.js';
import { findTask } from '../../src/datasets/task.js';
import { goldenJson } from '../golden/golden.js';

const parse = (task: string, text: string, options: RowOptions = {}, split = 'dev') =>
  parseRows(findTask(task), split, text, `${split}.tsv`, options);

/** A QQP file with these lines after its header. */
const qqp = (...lines: string[]): string =>
  ['id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate', ...lines, ''].join('\n');
const GOOD = '7\t1\t2\tWho is it?\tWho "is\t1';
/** An SST-2 file of so many good rows, and then these lines. */
const sst2 = (rows: number, ...lines: string[]): string =>
  ['sentence\tlabel', ...Array.from({ length: rows }, (_, i) => `row ${i}\t${i % 2}`), ...lines, ''].join(
    '\n',
  );

test('dirty files give the rows that Python reads', () => {
  const { cases } = goldenJson<{ cases: { task: string; text: string; rows: (string | number)[][] }[] }>(
    'glue_rows.json',
  );
  assert.ok(cases.length >= 20);
  let odd = 0;
  for (const { task, text, rows } of cases) {
    const { examples, report } = parse(task, text.replace(/^\ufeff/, ''));
    assert.deepEqual(
      examples.map(({ texts, label }) => [...texts, label]),
      rows,
      task,
    );
    odd += report.brokenRows + report.blankLines + report.longRows;
  }
  assert.ok(odd > 40);
});

test('QQP: fragments of a torn row are left out, counted and named, however small the file', () => {
  const torn = ['8\t3\t4\tWas the mill real?', '"\tWas it?\t0'];
  const { examples, report, warning } = parse('qqp', qqp(GOOD, ...torn, GOOD));
  assert.deepEqual(examples, Array(2).fill({ texts: ['Who is it?', 'Who "is'], label: 1 }));
  assert.deepEqual(report, { ...ORDINARY, brokenRows: 2 });
  assert.equal(warning, 'dev.tsv: 2 broken rows, left out: lines 3, 4 (line 3: 4 columns, 6 expected)');
  for (const fragment of ['"\ta\tb\tc\td\tsix words\tg', '"\ta\tb\tc\td\tno label', '"\ta\tb\tc\td\t'])
    assert.equal(parse('qqp', qqp(GOOD, fragment)).report.brokenRows, 1);
  assert.throws(() => parse('qqp', qqp(GOOD, '9\t1\t2\ta\tb\t2')), /dev\.tsv:3: label '2' is not one of/);
  assert.throws(() => parse('qqp', qqp(...torn)), /dev\.tsv: no whole row in it: 2 broken rows: lines 2, 3/);
});

test('elsewhere a broken row among many is left out; more than one in twenty is another file', () => {
  assert.equal(parse('sst2', sst2(40, 'short')).report.brokenRows, 1);
  assert.throws(
    () => parse('sst2', sst2(10, 'short')),
    /dev\.tsv:12: 1 columns, 2 expected; 1 of 11 rows broken, too many/,
  );
  assert.throws(
    () => parse('sst2', sst2(40, 'x\tyes')),
    /dev\.tsv:42: label 'yes' is not one of sst2's: 0, 1/,
  );
});

test('only what is taken is looked at, but the share is of the whole file', () => {
  const text = ['sentence\tlabel', 'short', ...sst2(40).split('\n').slice(1)].join('\n');
  assert.deepEqual(parse('sst2', text, { maxExamples: 1 }).report, { ...ORDINARY, brokenRows: 1 });
  assert.equal(parse('sst2', sst2(3, 'short'), { maxExamples: 3 }).warning, undefined);
});

test('blank and long lines are told; strict refuses every such line', () => {
  const text = sst2(2, '', 'a\t1\tmore', '');
  const { report, warning } = parse('sst2', text);
  assert.deepEqual(report, { brokenRows: 0, blankLines: 2, longRows: 1 });
  assert.equal(
    warning,
    'dev.tsv: 2 blank lines, skipped: lines 4, 6; 1 row with too many columns, the rest ignored: line 5 (line 5: 3 columns, 2 expected)',
  );
  assert.throws(
    () => parse('sst2', text, { strict: true }),
    /dev\.tsv: --strict: 2 blank lines: lines 4, 6; .*; mend the file, or leave --strict out/,
  );
  assert.equal(parse('sst2', sst2(2), { strict: true }).examples.length, 2);
});

test('a test split is whole or refused: its predictions are numbered by row', () => {
  const text = `index\tsentence\n${Array.from({ length: 50 }, (_, i) => `${i}\ttext`).join('\n')}\n50`;
  assert.throws(
    () => parse('sst2', text, {}, 'test'),
    /test\.tsv:52: 1 columns, 2 expected; a test file must be whole/,
  );
});
