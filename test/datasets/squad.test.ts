import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { utf16Index, utf16Table } from '../../src/datasets/code-points.js';
import { describeMisplaced, parseSquad, readSquad, squadFromRows } from '../../src/datasets/squad.js';
import { parseJson } from '../../src/json.js';

const folder = mkdtempSync(join(tmpdir(), 'progtuning-squad-'));
after(() => rmSync(folder, { recursive: true }));

const CONTEXT = '😀 𝒜 cat sat. 😀 The dog ran.';

function file(qas: readonly unknown[], version = '1.1'): unknown {
  return { version, data: [{ title: 'Pets', paragraphs: [{ context: CONTEXT, qas }] }] };
}

/** `answer_start` as Python counts it. */
function at(text: string, context = CONTEXT): number {
  return [...context.slice(0, context.indexOf(text))].length;
}

const question = (id: string, text: string, start = at(text)) => ({
  id,
  question: 'What?',
  answers: [{ text, answer_start: start }],
});

describe('SQuAD files', () => {
  test('answer_start counts code points, start counts UTF-16 units', () => {
    const { examples, misplaced } = parseSquad(file([question('1', 'cat'), question('2', 'dog ran')]), 'f');
    assert.deepEqual(misplaced, []);
    for (const { context, answers } of examples)
      for (const { text, start } of answers) assert.equal(context.slice(start, start + text.length), text);
    assert.notEqual(examples[0]?.answers[0]?.start, at('cat'));
  });

  test('an answer elsewhere, and one beyond the end, are counted and named', () => {
    const split = parseSquad(
      file([question('ok', 'cat'), question('off', 'cat', 3), question('far', 'cat', 99)]),
      'f',
    );
    assert.deepEqual(split.misplaced, ['off', 'far']);
    assert.match(describeMisplaced(split) ?? '', /^2 of 3 questions .*\(off, far\)/);
  });

  test('the version is seen from the content', () => {
    const impossible = { id: 'n', question: 'Why?', answers: [], is_impossible: true };
    assert.equal(parseSquad(file([question('1', 'cat')]), 'f').version, '1.1');
    assert.equal(parseSquad(file([impossible], 'v2.0'), 'f').version, '2.0');
    assert.equal(
      parseSquad(file([{ ...question('1', 'cat'), is_impossible: false }], 'x'), 'f').version,
      '2.0',
    );
    assert.equal(parseSquad(file([{ ...question('1', 'cat'), answers: [] }], '1.1'), 'f').version, '2.0');
  });

  test('a missing field is named by its path', () => {
    const { id: _, ...anonymous } = question('1', 'cat');
    assert.throws(() => parseSquad(file([question('1', 'cat'), anonymous]), 'dev.json'), {
      name: 'DataError',
      message: /^dev\.json: data\[0\]\.paragraphs\[0\]\.qas\[1\]\.id: .*expected string/,
    });
    assert.throws(() => parseSquad([], 'dev.json'), /the whole file/);
  });

  test('an empty split', () => assert.throws(() => parseSquad(file([]), 'f'), /f: no questions/));

  test('a folder by official names; a file; neither', async () => {
    writeFileSync(join(folder, 'dev-v1.1.json'), JSON.stringify(file([question('1', 'cat')])));
    const which = { version: '1.1', split: 'dev' } as const;
    assert.equal((await readSquad(folder, which)).examples.length, 1);
    assert.equal((await readSquad(join(folder, 'dev-v1.1.json'), which)).examples[0]?.title, 'Pets');
    await assert.rejects(
      readSquad(folder, { version: '2.0', split: 'train' }),
      /train-v2\.0\.json: cannot be read/,
    );
  });
});

describe('SQuAD rows of the hub', () => {
  const row = (text: string[], start: ArrayLike<number | bigint>) => ({
    id: 'r',
    title: 'Pets',
    context: CONTEXT,
    question: 'What?',
    answers: { text, answer_start: start },
  });

  test('lists, typed arrays and 64-bit integers give the same as the file', () => {
    const { examples } = parseSquad(file([{ ...question('1', 'cat'), id: 'r' }]), 'f');
    for (const start of [[at('cat')], Int32Array.of(at('cat')), [BigInt(at('cat'))]])
      assert.deepEqual(squadFromRows([row(['cat'], start)], 'f').examples, examples);
    assert.equal(squadFromRows([row([], [])], 'f').version, '2.0');
  });

  test('a wrong row is named', () => {
    assert.throws(() => squadFromRows([row(['cat'], [])], 'f'), /question r: 1 answer texts but 0/);
    assert.throws(() => squadFromRows([row(['cat'], [1]), { id: 3 }], 'f'), /f: \[1\]\.?id/);
  });
});

describe('JSON', () => {
  test('Python numbers, and everything else as JSON.parse', () => {
    const text = '\ufeff{"a": [NaN, -Infinity, 1.5e3, {"b\\n": "\\u00e9"}, [], {}, true, null]}';
    assert.deepEqual(parseJson(text, 'f'), {
      a: [Number.NaN, Number.NEGATIVE_INFINITY, 1500, { 'b\n': 'é' }, [], {}, true, null],
    });
  });

  test('errors name line and column', () => {
    for (const [text, place] of [
      ['', '1:1'],
      ['{"a": 1,\n"b" 2}', '2:5'],
      ['[1,\n\n  2', '3:4'],
      ['{"a": "x', '1:7'],
      ['[1, nil]', '1:5'],
      ['{"a": 1} x', '1:10'],
      ['{a: 1}', '1:2'],
      ['[1,]', '1:4'],
    ])
      assert.throws(() => parseJson(text as string, 'f'), {
        name: 'DataError',
        message: new RegExp(`^f:${place}: `),
      });
  });
});

test('code points to UTF-16', () => {
  assert.equal(utf16Table('naïve 日本'), undefined);
  const table = utf16Table('a😀b');
  assert.deepEqual(
    [0, 1, 2, 3].map((i) => utf16Index(table, i)),
    [0, 1, 3, 4],
  );
  assert.ok(Number.isNaN(utf16Index(table, 4)));
});
