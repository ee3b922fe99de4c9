/** Packing, against the rule written out plainly; the folder as a cache; damage. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { buildCorpus, type CorpusOptions, openCorpus } from '../../src/datasets/corpus.js';
import { DataError } from '../../src/errors.js';
import { loadTokenizer } from '../../src/tokenizers/tokenizer.js';
import { writeTokenizer } from '../../src/tokenizers/train.js';

const folder = mkdtempSync(join(tmpdir(), 'progtuning-corpus-'));
after(() => rmSync(folder, { recursive: true }));

const VOCABULARY = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  'the',
  'cat',
  'sat',
  '##s',
  'on',
  'mat',
  '.',
];
const home = join(folder, 'tokenizer');
await writeTokenizer(home, VOCABULARY, { lowercase: true });
const documents = Array.from({ length: 40 }, (_, i) =>
  `The cats sat on\nthe mat ${'. '.repeat(i % 5)}`.trim(),
);
const text = join(folder, 'text.txt');
writeFileSync(text, documents.join('\n\n'));
const options: CorpusOptions = {
  files: [text],
  tokenizer: home,
  vocabSize: VOCABULARY.length,
  length: 16,
  heldOutShare: 0.1,
};

/** The rule, with no regard to memory: all ids in one list, cut into rows. */
async function expectedRows(texts: readonly string[], length: number): Promise<number[][]> {
  const { tokenizer } = await loadTokenizer(home);
  const stream: number[] = [];
  for (const document of texts) {
    if (stream.length > 0) stream.push(3);
    stream.push(...(await tokenizer.encode(document, null, { addSpecialTokens: false })).getIds());
  }
  const room = length - 2;
  return Array.from({ length: Math.floor(stream.length / room) }, (_, row) => [
    2,
    ...stream.slice(row * room, (row + 1) * room),
    3,
  ]);
}

test('rows hold the documents in order, parted by [SEP]; the last tenth of the documents is held out', async () => {
  const { train, heldOut, header } = await buildCorpus(join(folder, 'a'), options);
  const train0 = await expectedRows(documents.slice(0, 36), 16);
  assert.deepEqual([...train.ids], train0.flat());
  assert.deepEqual([...heldOut.ids], (await expectedRows(documents.slice(36), 16)).flat());
  assert.deepEqual([train.rows, header.train.documents, header.heldOut.documents], [train0.length, 36, 4]);
});

test('more rows than are written at a time', async () => {
  const many = join(folder, 'many.txt');
  const texts = Array.from({ length: 6000 }, (_, i) =>
    `the cats sat on the mat ${'. '.repeat(i % 11)}`.trim(),
  );
  writeFileSync(many, texts.join('\n\n'));
  for (const length of [3, 8]) {
    const { train, heldOut } = await buildCorpus(join(folder, `many-${length}`), {
      ...options,
      files: [many],
      length,
      heldOutShare: 0,
    });
    assert.ok(train.rows > 2 * 4096);
    assert.deepEqual([...train.ids], (await expectedRows(texts, length)).flat());
    assert.equal(heldOut.rows, 0);
  }
});

test('the same sources are not packed again; other ones are', async () => {
  const home = join(folder, 'cache');
  await buildCorpus(home, options);
  const made = statSync(join(home, 'train.bin')).mtimeMs;
  let events = 0;
  const again = await buildCorpus(home, { ...options, onProgress: () => events++ });
  assert.deepEqual([events, statSync(join(home, 'train.bin')).mtimeMs], [0, made]);
  const other = await buildCorpus(home, { ...options, length: 8, onProgress: () => events++ });
  assert.ok(events > 0 && other.header.length === 8 && again.header.length === 16);
  assert.deepEqual(readdirSync(home).sort(), ['corpus.json', 'heldout.bin', 'train.bin']);
});

test('progress ends with all bytes, documents and tokens', async () => {
  let last: unknown;
  await buildCorpus(join(folder, 'progress'), { ...options, onProgress: (event) => (last = event) });
  const bytes = statSync(text).size;
  assert.deepEqual(last, {
    phase: 'pack',
    bytes,
    totalBytes: bytes,
    documents: 40,
    tokens: 40 * 7 + 80,
  });
});

test('damage and too little text are errors; nothing is left under a final name', async () => {
  const home = join(folder, 'damaged');
  await buildCorpus(home, options);
  const bytes = readFileSync(join(home, 'train.bin'));
  bytes[7] = (bytes[7] as number) ^ 1;
  writeFileSync(join(home, 'train.bin'), bytes);
  await assert.rejects(openCorpus(home), /train\.bin: not what corpus\.json describes/);
  writeFileSync(join(home, 'train.bin'), bytes.subarray(2));
  await assert.rejects(openCorpus(home), DataError);
  await assert.rejects(openCorpus(folder), /no packed corpus/);
  const short = join(folder, 'short');
  await assert.rejects(buildCorpus(short, { ...options, length: 512 }), /does not fill one row of 512/);
  assert.deepEqual(readdirSync(short), []);
});
