/** Where SQuAD comes from: official files, the hub's parquet out of a warm cache, the embedded one; and what is wrong with it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { readSquadSplit } from '../../src/datasets/squad-source.js';

const home = await mkdtemp(join(tmpdir(), 'progtuning-squad-source-'));
const kept = { ...process.env };
process.env.HF_HUB_CACHE = home;
process.env.HF_HUB_OFFLINE = '1';
after(async () => {
  process.env = kept;
  await rm(home, { recursive: true });
});

interface Answers {
  readonly text: string[];
  readonly answer_start: number[];
}
interface Rows {
  readonly context: string;
  readonly answers: Answers;
}

const leaf = (name: string, type: object): object => ({ name, repetition_type: 'OPTIONAL', ...type });
const TEXT = { type: 'BYTE_ARRAY', converted_type: 'UTF8' };
const list = (name: string, type: object): object[] => [
  { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  leaf('element', type),
];
const ANSWERS = [
  { name: 'answers', repetition_type: 'OPTIONAL', num_children: 2 },
  ...list('text', TEXT),
  ...list('answer_start', { type: 'INT32' }),
];

/** Parquet with the nesting of the hub's files. */
function parquet(rows: readonly Rows[], columns: readonly string[]): Buffer {
  const text = columns.filter((name) => name !== 'answers');
  const data: Record<string, unknown[]> = {
    id: rows.map((_, i) => `q${i}`),
    title: rows.map(() => 'Pets'),
    context: rows.map(({ context }) => context),
    question: rows.map(() => 'What?'),
    answers: rows.map(({ answers }) => answers),
  };
  const schema = [
    { name: 'root', num_children: columns.length },
    ...text.map((name) => leaf(name, TEXT)),
    ...(columns.includes('answers') ? ANSWERS : []),
  ];
  const order = [...text, ...(columns.includes('answers') ? ['answers'] : [])];
  const columnData = order.map((name) => ({ name, data: data[name] }));
  return Buffer.from(parquetWriteBuffer({ columnData, schema } as never));
}

/** A file in the cache as Python's library leaves it. */
async function cached(repo: string, path: string, bytes: Buffer): Promise<void> {
  const folder = join(home, `datasets--${repo.replace('/', '--')}`);
  const commit = 'a'.repeat(40);
  await mkdir(join(folder, 'refs'), { recursive: true });
  await writeFile(join(folder, 'refs', 'main'), commit);
  await mkdir(join(folder, 'snapshots', commit, path, '..'), { recursive: true });
  await writeFile(join(folder, 'snapshots', commit, path), bytes);
}

const ALL = ['id', 'title', 'context', 'question', 'answers'];
const row = (text: string[], answer_start: number[]): Rows => ({
  context: '😀 the cat sat',
  answers: { text, answer_start },
});

test('hub: v1.1 and v2.0 parquet, places in UTF-16, hash, the first questions', async () => {
  const bytes = parquet([row(['cat'], [6]), row(['cat', 'the cat'], [6, 2]), row(['cat'], [5])], ALL);
  await cached('rajpurkar/squad', 'plain_text/validation-00000-of-00001.parquet', bytes);
  const split = await readSquadSplit('hub', '1.1', 'dev', { maxExamples: 2 });
  assert.deepEqual(
    split.examples.map(({ id, answers }) => [id, answers.map(({ start }) => start)]),
    [
      ['q0', [7]],
      ['q1', [7, 3]],
    ],
  );
  assert.equal(split.hash, createHash('sha256').update(bytes).digest('hex'));
  assert.deepEqual(split.misplaced, []);
  assert.deepEqual((await readSquadSplit('hub', '1.1', 'dev')).misplaced, ['q2']);
  const v2 = parquet([row([], []), row(['cat'], [6])], ALL);
  await cached('rajpurkar/squad_v2', 'squad_v2/train-00000-of-00001.parquet', v2);
  const { version, examples } = await readSquadSplit('hub', '2.0', 'train');
  assert.deepEqual([version, examples.map(({ answers }) => answers.length)], ['2.0', [0, 1]]);
});

test('hub: a missing column and an empty split are named', async () => {
  const path = 'plain_text/train-00000-of-00001.parquet';
  await cached('rajpurkar/squad', path, parquet([row(['cat'], [6])], ALL.slice(0, 4)));
  await assert.rejects(
    readSquadSplit('hub', '1.1', 'train'),
    /train-00000-of-00001\.parquet: no column 'answers'; there are: id, title, context, question$/,
  );
  await cached('rajpurkar/squad', path, parquet([row(['cat'], [6])], ['id', 'answers']));
  await assert.rejects(readSquadSplit('hub', '1.1', 'train'), /no column 'title', 'context', 'question'/);
  await cached('rajpurkar/squad', path, parquet([], ALL));
  await assert.rejects(readSquadSplit('hub', '1.1', 'train'), /no questions in it/);
});

test('folder: hash of the bytes; malformed JSON by line; v2.0 data is not v1.1', async () => {
  const folder = join(home, 'folder');
  await mkdir(folder);
  const embedded = await readSquadSplit('embedded', '2.0', 'dev');
  const bytes = await readFile(embedded.path);
  assert.equal(embedded.hash, createHash('sha256').update(bytes).digest('hex'));
  await writeFile(join(folder, 'dev-v1.1.json'), bytes);
  await assert.rejects(
    readSquadSplit(folder, '1.1', 'dev'),
    /is SQuAD v2\.0; v1\.1 is wanted\. Use task squad_v2/,
  );
  // Under the other version's name it is found by what it holds.
  assert.equal((await readSquadSplit(folder, '2.0', 'dev')).version, '2.0');
  const v1 = await readSquadSplit('embedded', '1.1', 'dev');
  await writeFile(join(folder, 'dev-v1.1.json'), await readFile(v1.path));
  await assert.rejects(
    readSquadSplit(folder, '2.0', 'dev'),
    /dev-v2\.0\.json: no such file; .*dev-v1\.1\.json is SQuAD v1\.1: use task squad$/,
  );
  await writeFile(join(folder, 'dev-v1.1.json'), '{"data": [\n  {"title" 1}]}');
  await assert.rejects(readSquadSplit(folder, '1.1', 'dev'), /dev-v1\.1\.json:2:\d+: /);
  await assert.rejects(
    readSquadSplit(folder, '1.1', 'train'),
    /train-v1\.1\.json: no such file; --data names/,
  );
});

test('v1.1 with is_impossible on every question; strict refuses an answer that is not at its place', async () => {
  const folder = await mkdtemp(join(home, 'marked-'));
  const question = (id: string, start: number) => ({
    ...{ id, question: 'Who?', answers: [{ text: 'cat', answer_start: start }], is_impossible: false },
  });
  const data = [
    { title: 't', paragraphs: [{ context: 'the cat', qas: [question('a', 4), question('b', 5)] }] },
  ];
  await writeFile(join(folder, 'train-v1.1.json'), JSON.stringify({ version: 'v2.0', data }));
  const { version, misplaced } = await readSquadSplit(folder, '1.1', 'train');
  assert.deepEqual([version, misplaced], ['1.1', ['b']]);
  await assert.rejects(
    readSquadSplit(folder, '1.1', 'train', { strict: true }),
    /train-v1\.1\.json: --strict: 1 of 2 questions .*\(b\); mend the file/,
  );
});
