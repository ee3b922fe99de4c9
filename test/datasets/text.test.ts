/** Documents from plain, gzipped and xz text; what cut-off and damaged archives say. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { cleanWikiLine, linesOfStream, readDocuments, sampleDocuments } from '../../src/datasets/text.js';
import { DataError } from '../../src/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'progtuning-text-'));
after(() => rmSync(folder, { recursive: true }));

const write = (name: string, bytes: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};
async function collect(documents: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const document of documents) all.push(document);
  return all;
}
const read = (...paths: string[]): Promise<string[]> => collect(readDocuments(paths));
const fails = (path: string, message: RegExp): Promise<void> =>
  assert.rejects(
    () => read(path),
    (error: unknown) => error instanceof DataError && message.test(error.message),
  );

const PLAIN = 'One document,\non two lines.\n\n\nAnother – with a dash.\n';
const DOCUMENTS = ['One document,\non two lines.', 'Another – with a dash.'];
/** PLAIN by `xz -6 --check=crc64` (XZ Utils). */
const XZ = Buffer.from(
  '/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQA2T25lIGRvY3VtZW50LApvbiB0d28gbGluZXMuCgoKQW5vdGhlciDigJMgd2l0aCBhIGRhc2guCgAAWrWBLCCZSDIAAU837kPa7x+2830BAAAAAARZWg==',
  'base64',
);

test('plain text: documents stand between blank lines', async () => {
  assert.deepEqual(await read(write('a.txt', PLAIN)), DOCUMENTS);
  assert.deepEqual(await read(write('b.txt', PLAIN.trimEnd().replaceAll('\n', '\r\n'))), DOCUMENTS);
  assert.deepEqual(await read(write('mac.txt', PLAIN.replaceAll('\n', '\r'))), DOCUMENTS);
  // A CRLF whose halves are read one after the other (64 KiB at a time) is one end of line.
  const long = 'x'.repeat(2 ** 16 - 1);
  assert.deepEqual(await read(write('cut.txt', `${long}\r\ny\r\n`)), [`${long}\ny`]);
  assert.deepEqual(await read(write('c.txt', '')), []);
});

test('UTF-16 is named, with a mark and without', async () => {
  const text = 'text,label\nfine,good\n';
  for (const mark of ['\ufeff', ''])
    await fails(
      write('wide.txt', Buffer.from(`${mark}${text}`, 'utf16le')),
      /wide\.txt: UTF-16 text; convert the file to UTF-8/,
    );
  await fails(write('big.txt', Buffer.from(`\ufeff${text}`, 'utf16le').swap16()), /big\.txt: UTF-16 text/);
  for (const short of ['a', 'ab', 'a\nb']) assert.deepEqual(await read(write('tiny.txt', short)), [short]);
});

test('gzip and xz give the same documents; files follow one another', async () => {
  const gz = write('a.txt.gz', gzipSync(PLAIN));
  const xz = write('a.txt.xz', XZ);
  assert.deepEqual(await read(gz, xz), [...DOCUMENTS, ...DOCUMENTS]);
});

test('bytes are seen as they are on disk', async () => {
  const seen: Buffer[] = [];
  const path = write('seen.txt.xz', XZ);
  await collect(readDocuments([path], { onBytes: (bytes) => seen.push(Buffer.from(bytes)) }));
  assert.deepEqual(Buffer.concat(seen), XZ);
});

test('wikiextractor blocks: the title goes, blank lines do not part, residue goes', async () => {
  const wiki = `<doc id="1" url="u" title="Albedo">\nAlbedo\n\nAlbedo () is R&amp;D.\n\nformula_6,\nEnd.\n</doc>\n<doc id="2" url="u" title="B">\nB\n\n</doc>\n`;
  assert.deepEqual(await read(write('wiki.txt', wiki)), ['Albedo is R&D.\nEnd.']);
  assert.equal(
    cleanWikiLine('Apollo ( ; Φ, "Ph") x<br>y ( , ) where formula_12 < 3'),
    'Apollo (Φ, "Ph") x y where formula < 3',
  );
  assert.equal(cleanWikiLine('a < b and c > d (e)'), 'a < b and c > d (e)');
});

test('a document longer than a read, cut anywhere, stays whole', async () => {
  const long = Array.from({ length: 30_000 }, (_, i) => `Zeile ${i} – ä`).join('\n');
  assert.deepEqual(await read(write('long.txt.gz', gzipSync(`${long}\n\nx`))), [long, 'x']);
});

test('errors say what is wrong with the file', async () => {
  await fails(join(folder, 'none.txt'), /none\.txt: no such file/);
  await fails(write('cut.txt.gz', gzipSync(PLAIN).subarray(0, 40)), /gzip archive is cut off/);
  await fails(write('not.txt.gz', PLAIN), /gzip archive is damaged/);
  for (const end of [20, XZ.length - 12, XZ.length - 1])
    await fails(write('cut.txt.xz', XZ.subarray(0, end)), /xz archive is cut off/);
  await fails(write('not.txt.xz', PLAIN), /not an xz archive/);
  const damaged = Buffer.from(XZ);
  damaged[XZ.length - 30] = (damaged[XZ.length - 30] as number) ^ 0xff;
  await fails(write('bad.txt.xz', damaged), /xz archive/);
  await fails(write('latin1.txt', Buffer.from([0x61, 0xe4, 0x62, 0x0a])), /not UTF-8/);
  await fails(write('half.txt', '<doc id="1" title="A">\nA\ntext\n'), /ends inside the document 'A'/);
  await fails(write('two.txt', '<doc title="A">\n<doc title="B">\n'), /two\.txt:2: <doc> inside/);
});

test('lines of a stream: wherever it is cut; a line separator within a text is no end; what is no UTF-8 has line and column', async () => {
  const lines = (bytes: Uint8Array, size: number): Promise<string[]> => {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    return collect(
      linesOfStream(
        (async function* () {
          yield* pieces;
        })(),
        'stdin',
      ),
    );
  };
  const text = Buffer.from('\ufeffone\u2028more\r\n\u{1F600} ä\n\nlast');
  for (const size of [1, 2, 3, 7, 100])
    assert.deepEqual(await lines(text, size), ['one\u2028more', '\u{1F600} ä', '', 'last'], String(size));
  assert.deepEqual(await lines(Buffer.from(''), 1), []);
  const wrong = Buffer.concat([Buffer.from('fein\ngrün\nd'), Buffer.from([0xe4, 0x0a])]);
  for (const size of [1, 4, 100])
    await assert.rejects(lines(wrong, size), { name: 'DataError', message: 'stdin:3:2: not UTF-8 text' });
});

test('a sample takes the start of every file', async () => {
  const one = write('s1.txt', 'aaaa\n\nbbbb\n\ncccc');
  const two = write('s2.txt', 'dddd\n\neeee');
  assert.deepEqual(await sampleDocuments([one, two], 10), ['aaaa', 'bbbb', 'dddd', 'eeee']);
  assert.deepEqual(await sampleDocuments([one, two], 2), ['aaaa', 'dddd']);
});
