/** Tables of one's own: formats, quoting, and what bad files say. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { tableLayout } from '../../src/datasets/tables/columns.js';
import { type LabelledTable, labelledRows } from '../../src/datasets/tables/labelled.js';
import { classesOf, inLabelOrder } from '../../src/datasets/tables/labels.js';
import { readQuestions } from '../../src/datasets/tables/questions.js';
import { readRows } from '../../src/datasets/tables/rows.js';
import { checkTable, heldOutNotes, heldOutRows, surveyTable } from '../../src/datasets/tables/survey.js';
import { DataError } from '../../src/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'progtuning-tables-'));
after(() => rmSync(folder, { recursive: true }));

const write = (name: string, bytes: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const valuesOf = async (path: string, delimiter?: string): Promise<unknown[]> =>
  (await all(readRows(path, delimiter))).map(({ values }) => values);

const ROWS = [
  { text: 'one, "two"', label: 'x' },
  { text: 'three\nfour', label: 'y' },
];
const CSV = '\ufefftext,label\r\n"one, ""two""",x\r\n"three\nfour",y\r\n';

test('csv, json lines, json and parquet hold the same rows; gzip changes nothing', async () => {
  const lines = `${ROWS.map((row) => JSON.stringify(row)).join('\n')}\n`;
  const parquet = parquetWriteBuffer({
    columnData: [
      { name: 'text', data: ROWS.map(({ text }) => text), type: 'STRING' },
      { name: 'label', data: ROWS.map(({ label }) => label), type: 'STRING' },
    ],
  });
  const files = [
    write('a.csv', CSV),
    write('a.csv.gz', gzipSync(CSV)),
    write('a.jsonl', lines),
    write('a.json', JSON.stringify(ROWS)),
    write('b.json', lines),
    write('c.json', JSON.stringify({ data: ROWS })),
    write('a.parquet', new Uint8Array(parquet)),
    write('a.parquet.gz', gzipSync(new Uint8Array(parquet))),
  ];
  for (const path of files) assert.deepEqual(await valuesOf(path), ROWS, path);
});

test('tsv: a quote is text; .txt wants its delimiter', async () => {
  const text = 'text\tlabel\n"quoted" word\tx\n';
  const wanted = [{ text: '"quoted" word', label: 'x' }];
  assert.deepEqual(await valuesOf(write('a.tsv', text)), wanted);
  const path = write('a.txt', text);
  assert.deepEqual(await valuesOf(path, '\\t'), wanted);
  await assert.rejects(valuesOf(path), /Give --delimiter/);
  await assert.rejects(valuesOf(path, ''), /a\.txt: --delimiter is empty/);
  mkdirSync(join(folder, 'folder.csv'));
  await assert.rejects(valuesOf(join(folder, 'folder.csv')), /folder\.csv: is a folder; name a file in it/);
});

test('a row is known by the line that it begins on', async () => {
  const found = await all(readRows(write('lines.csv', 'text,label\n"a\nb",x\n\nc,y\n')));
  assert.deepEqual(
    found.map(({ where }) => where.replace(/.*:/, '')),
    ['2', '5'],
  );
});

const BAD: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
  ['open.csv', 'text,label\na,x\n"b,y\nc,x\n', /open\.csv:3: a quote is opened/],
  ['inner.csv', 'text,label\na "b" c,x\n', /inner\.csv:2: a quote within/],
  ['wide.csv', 'text,label\na,b,x\n', /wide\.csv:2: 3 fields, but 2 columns/],
  ['latin.csv', Buffer.from('text,label\nd\xe4,x\n', 'latin1'), /latin\.csv:2:2: not UTF-8/],
  ['twice.csv', 'text,text\na,b\n', /two columns are named 'text'/],
  ['bad.jsonl', '{"text": 1}\n{"text":\n', /bad\.jsonl:2: not JSON/],
  ['bad.parquet', 'PAR0', /not a parquet file/],
  ['cut.csv.gz', gzipSync(CSV).subarray(0, 20), /cut off/],
  ['a.xlsx', 'x', /known: \.csv/],
];
for (const [name, bytes, message] of BAD)
  test(`${name}: one line that names the place`, () =>
    assert.rejects(
      valuesOf(write(name, bytes)),
      (error: unknown) => error instanceof DataError && message.test(error.message),
    ));

test('kind and columns are guessed from names and values', async () => {
  const layout = (name: string, text: string) => tableLayout(write(name, text), {});
  assert.deepEqual(await layout('k1.csv', 'review,sentiment\na,good\nb,bad\n'), {
    kind: 'classification',
    columns: { text: 'review', label: 'sentiment' },
  });
  assert.equal((await layout('k2.csv', 'premise,hypothesis,score\na,b,1.5\nc,d,2\n')).kind, 'regression');
  assert.equal((await layout('k3.jsonl', '{"text":"a","labels":["x","y"]}\n')).kind, 'multi-label');
  const squad = '{"id":"1","question":"q","context":"c","answers":{"text":["c"],"answer_start":[0]}}\n';
  assert.equal((await layout('k4.jsonl', squad)).kind, 'question-answering');
  await assert.rejects(layout('k5.csv', 'a,b,label\nx,y,1\n'), /There are: a, b, label\. Give --text-column/);
  await assert.rejects(
    tableLayout(write('k6.csv', 'text,other\na,x\n'), { text: 'text', label: 'text' }),
    /'text' is given as text and as label/,
  );
});

const table = (path: string, kind: LabelledTable['kind'] = 'classification'): LabelledTable => ({
  path,
  kind,
  columns: { text: 'text', label: 'label' },
});

test('what is wrong with labelled rows is one line', async () => {
  const fails = (
    name: string,
    text: string,
    message: RegExp,
    kind?: LabelledTable['kind'],
    label = 'label',
  ) => {
    const read = table(write(name, text), kind);
    return assert.rejects(surveyTable({ ...read, columns: { ...read.columns, label } }), message);
  };
  await fails('e1.csv', 'text,label\na,x\n ,y\n', /e1\.csv:3: 'text' is empty/);
  await fails('e2.csv', 'text,label\na,x\nb,x\n', /all 2 rows have the label 'x'/);
  await fails(
    'e3.csv',
    'text,label\na,0.5\nb,high\n',
    /e3\.csv:3: label 'high' is not a number/,
    'regression',
  );
  await fails(
    'e4.csv',
    'text,lab\na,x\n',
    /no column 'label' \(did you mean 'lab'\?\); there are: text, lab/,
  );
  await fails('e5.csv', 'text,label\na,\n', /e5\.csv:2: the label is empty/);
  await fails(
    'e9.csv',
    'text,lab\na,x\n',
    /no column 'toString'; there are: text, lab/,
    'classification',
    'toString',
  );
  const many = Array.from({ length: 30 }, (_, i) => `a${i},label ${i}`).join('\n');
  const { notes } = await surveyTable(table(write('many.csv', `text,label\n${many}\n`)));
  assert.match(
    notes.join(),
    /many\.csv: 30 labels in 30 rows, .* is 'label' the label's column\? Numbers .*--task regression$/,
  );
  const { labels, texts, rows } = await surveyTable(table(write('ok.csv', 'text,label\na,10\nb,9\n')));
  assert.deepEqual([labels, rows], [['9', '10'], 2]);
  await assert.rejects(
    checkTable(table(write('e6.csv', 'text,label\na,8\n')), labels),
    /e6\.csv:2: label '8' is none of the training data's \(9, 10\)/,
  );
  const { shared, found } = await checkTable(table(write('e7.csv', 'text,label\na,9\nc,9\n')), labels, texts);
  assert.deepEqual([shared, [...found]], [1, ['9']]);
  await assert.rejects(
    surveyTable({ ...table(write('e8.csv', 'text,label\na,x\nb,x\nc,y\n')), maxExamples: 2 }),
    /the first 2 rows have the label 'x'.*sorted by its labels\? --max-steps in the place of --max-train-examples/,
  );
});

test('a value without a text of its own is none; labels that are hardly meant are told', async () => {
  const fails = (name: string, text: string, message: RegExp, kind?: LabelledTable['kind']) =>
    assert.rejects(surveyTable(table(write(name, text), kind)), message);
  const jsonRow = (text: unknown, label: unknown): string => `${JSON.stringify({ text, label })}\n`;
  await fails(
    'o1.jsonl',
    jsonRow({ a: 1 }, 'x'),
    /o1\.jsonl:1: 'text': \{"a":1\} stands where a text is wanted/,
  );
  await fails('o2.jsonl', jsonRow('a', { b: 1 }), /o2\.jsonl:1: \{"b":1\} stands where/);
  await fails('o3.jsonl', jsonRow('a', [{ b: 1 }]), /o3\.jsonl:1: \{"b":1\} stands/, 'multi-label');
  await fails('o4.csv', 'text,label\n\u200b\0,x\n', /o4\.csv:2: 'text' is empty/);
  await fails('o5.csv', 'text,label\na,0x10\n', /o5\.csv:2: label '0x10' is not a number/, 'regression');
  await assert.rejects(
    tableLayout(write('o6.csv', 'text;label\na;x\n'), {}),
    /o6\.csv: which column is the label\? There is one, 'text;label': give --delimiter/,
  );
  const notesOf = async (...labels: string[]): Promise<readonly string[]> => {
    const rows = labels.map((label, i) => `a${i},${label}\n`).join('');
    return (await surveyTable(table(write('d.csv', `text,label\n${rows}`)))).notes;
  };
  assert.deepEqual(await notesOf('1', '2', ' 2 ', '1'), []);
  const path = join(folder, 'd.csv');
  assert.deepEqual(await notesOf('1', '1.0', '2'), [
    `${path}:3: labels '1' and '1.0' are two classes: if they are one, write them alike`,
  ]);
  assert.deepEqual(await notesOf('good', 'Good', 'NaN'), [
    `${path}:3: labels 'good' and 'Good' are two classes: if they are one, write them alike`,
    `${path}:4: label 'NaN' is taken as a class: if it stands for no label, leave its rows out`,
  ]);
  assert.deepEqual(await notesOf('a\0', 'b', '👩‍💻', 'b\u200b'), [
    `${path}:2: label 'a\\u0000' has characters that are not seen: mend it if they are not meant`,
    `${path}:5: label 'b\\u200b' has characters that are not seen: mend it if they are not meant`,
    `${path}:5: labels 'b' and 'b\u200b' are two classes: if they are one, write them alike`,
  ]);
  assert.deepEqual(await notesOf('a;b', 'a', 'b', 'e; f'), [
    `${path}:2: label 'a;b' is taken as one class; with --task multi-label it is 2`,
  ]);
  await fails(
    'o7.csv',
    'text,label\na,x;y\nb,\n',
    /o7\.csv:3: the label is empty;.*several \(a;b\), use --task multi-label/,
  );
  assert.equal(
    (await notesOf('a', 'A', 'b', 'B', 'c', 'C', 'd', 'D')).at(-1),
    'and 1 labels more of this kind',
  );
});

test('a held-out share keeps the classes, and is drawn by the seed', () => {
  const strata = Float64Array.from({ length: 100 }, (_, i) => (i < 80 ? 0 : 1));
  const held = heldOutRows(strata, 0.1, 1);
  const count = (from: number, to: number): number =>
    held.subarray(from, to).reduce((sum, value) => sum + value, 0);
  assert.deepEqual([count(0, 80), count(80, 100)], [8, 2]);
  assert.deepEqual(heldOutRows(strata, 0.1, 1), held);
  assert.notDeepEqual(heldOutRows(strata, 0.1, 2), held);
  assert.deepEqual(heldOutNotes(held, 0.1, 'a.csv'), []);
  // Every row a set of labels of its own, but for ten.
  const rare = Uint32Array.from({ length: 100 }, (_, i) => Math.max(0, i - 9));
  assert.match(
    heldOutNotes(heldOutRows(rare, 0.1, 1), 0.1, 'a.csv').join(),
    /^a\.csv: 1 of 100 rows are held out/,
  );
  assert.throws(
    () => heldOutNotes(new Uint8Array(100), 0.1, 'a.csv'),
    /a\.csv: no row is left to evaluate on/,
  );
});

test('several labels: a list, or names between commas, semicolons and bars', () => {
  assert.deepEqual(classesOf(['a', 'b'], 'x.csv:2'), ['a', 'b']);
  assert.deepEqual(classesOf('["a", "b, c"]', 'x.csv:2'), ['a', 'b, c']);
  assert.deepEqual(classesOf('a; b|a', 'x.csv:2'), ['a', 'b']);
  assert.deepEqual(classesOf('', 'x.csv:2'), []);
  assert.deepEqual(inLabelOrder(['b', 'B', 'a']), ['B', 'a', 'b']);
});

test('questions: rows with json answers; ids are given once', async () => {
  const row = { question: 'who?', context: 'Ada did', answers: '{"text":["Ada"],"answer_start":[0]}' };
  const { examples } = await readQuestions({ path: write('q.jsonl', `${JSON.stringify(row)}\n`) });
  assert.deepEqual(examples[0]?.answers, [{ text: 'Ada', start: 0 }]);
  const twice = [1, 2].map(() => JSON.stringify({ ...row, id: 'q1' })).join('\n');
  await assert.rejects(
    readQuestions({ path: write('q2.jsonl', twice) }),
    /q2.jsonl:2: the id 'q1' is that of .*q2.jsonl:1 too/,
  );
});

test('labelled rows: the first ones where there is a limit', async () => {
  const path = write('limit.csv', 'text,label\na,x\nb,y\nc,x\n');
  assert.equal((await all(labelledRows({ ...table(path), maxExamples: 2 }))).length, 2);
});
