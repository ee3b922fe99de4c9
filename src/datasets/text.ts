/**
 * Plain text for pre-training, read as a stream: `.txt`, `.txt.gz`, `.txt.xz`. A document is a `<doc ...> ... </doc>` block (wikiextractor)
 * or, in files without such blocks, what stands between blank lines.
 */
import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { createGunzip } from 'node:zlib';
import { DataError } from '../errors.js';

/** How a text file is watched while it is read. */
export interface ReadOptions {
  /** Sees the file's bytes as they are on disk, compressed or not: for hashes and progress. */
  readonly onBytes?: ((bytes: Uint8Array) => void) | undefined;
}

async function* rawBytes(path: string, onBytes: (bytes: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(path)) {
    onBytes(chunk as Buffer);
    yield chunk as Buffer;
  }
}

/** The decompressed bytes of a file, by its ending. Errors of the file system or the archive come out of the iterator. */
export function openBytes(path: string, onBytes: (bytes: Uint8Array) => void): AsyncIterable<Uint8Array> {
  const raw = rawBytes(path, onBytes);
  // The callback is there because pipeline wants one: gunzip's own iterator throws the error.
  if (path.endsWith('.gz')) return pipeline(Readable.from(raw), createGunzip(), () => undefined);
  if (!path.endsWith('.xz')) return raw;
  return unpacked(raw);
}

async function* unpacked(raw: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { default: xz } = await import('xz-decompress');
  const compressed = Readable.toWeb(Readable.from(raw)) as unknown as ReadableStream<Uint8Array>;
  yield* new xz.XzReadableStream(compressed) as unknown as WebStream<Uint8Array>;
}

/** As Python's text mode has them: a lone CR ends a line. A CR at the end of what was read may be the half of a CRLF. */
const LINE_END = /\r\n|\n|\r(?!$)/;

/** `2:7`: line and column of the first byte that is no UTF-8. @param line of the first byte */
export async function firstWrongByte(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  line = 1,
): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let column = 1;
  for await (const bytes of chunks) {
    for (let i = 0; i < bytes.length; i++) {
      let decoded: string;
      try {
        decoded = decoder.decode(bytes.subarray(i, i + 1), { stream: true });
      } catch {
        return `${line}:${column}`;
      }
      if (decoded === '\n') {
        line++;
        column = 1;
      } else column += decoded === '' ? 0 : 1;
    }
  }
  return `${line}:${column}`;
}

/** Whether the first bytes of a file are UTF-16: its mark, or every other byte 0, which is UTF-8 too, of text that no one means. */
function isUtf16(bytes: Uint8Array): boolean {
  const [a, b] = bytes;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) return true;
  const begin = bytes.subarray(0, 64);
  return begin.length > 1 && 3 * begin.filter((byte) => byte === 0).length >= begin.length;
}

/**
 * The text of a file as it is read, without byte-order mark.
 * @throws DataError when the file is missing, cut off, damaged or not UTF-8 (with line and column)
 */
export async function* readText(
  path: string,
  onBytes: (bytes: Uint8Array) => void = () => undefined,
): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let isFirst = true;
  try {
    for await (const bytes of openBytes(path, onBytes)) {
      if (isFirst && isUtf16(bytes)) throw new DataError(UTF_16);
      isFirst = false;
      yield decoder.decode(bytes, { stream: true });
    }
    yield decoder.decode();
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    const isEncoding = error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA';
    const place = isEncoding ? `${path}:${await firstWrongByte(openBytes(path, () => undefined))}` : path;
    throw new DataError(`${place}: ${reason(path, error)}`, { cause });
  }
}

const UTF_16 = 'UTF-16 text; convert the file to UTF-8 (iconv -f UTF-16 -t UTF-8)';

/** Bytes in pieces that end with a line. */
async function* wholeLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array[] = [];
  for await (const bytes of stream) {
    const end = bytes.lastIndexOf(0x0a) + 1;
    if (end > 0) {
      yield Buffer.concat([...rest, bytes.subarray(0, end)]);
      rest = [];
    }
    rest.push(bytes.subarray(end));
  }
  yield Buffer.concat(rest);
}

/** The text of a stream that can be read but once. @param name in errors @throws DataError with line and column for what is not UTF-8 */
async function* streamText(stream: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<string> {
  let line = 1;
  for await (const bytes of wholeLines(stream)) {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: line > 1 });
    let text: string;
    try {
      text = decoder.decode(bytes);
    } catch (cause) {
      throw new DataError(`${name}:${await firstWrongByte([bytes], line)}: not UTF-8 text`, { cause });
    }
    yield text;
    line += text.split('\n').length - 1;
  }
}

/** Lines without their ends, as they come. @throws DataError as {@link readText} */
export const linesOfStream = (stream: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<string> =>
  linesIn(streamText(stream, name));

/** Lines without their ends. @throws DataError as {@link readText} */
export const linesOf = (
  path: string,
  onBytes: (bytes: Uint8Array) => void = () => undefined,
): AsyncGenerator<string> => linesIn(readText(path, onBytes));

async function* linesIn(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const part of texts) {
    const text = rest + part;
    const lines = text.includes('\r') ? text.split(LINE_END) : text.split('\n');
    rest = lines.pop() as string;
    yield* lines;
  }
  rest = rest.replace(/\r$/, '');
  if (rest !== '') yield rest;
}

/** xz-embedded's codes, as `xz-decompress` words them. */
const XZ_REASONS: Readonly<Record<string, string>> = {
  5: 'not an xz archive',
  6: 'an xz archive with options that are not supported; write it anew with xz -6 --check=crc64',
  7: 'the xz archive is damaged; fetch it again',
  8: 'the xz archive is cut off; fetch it again',
};

function reason(path: string, error: NodeJS.ErrnoException): string {
  if (error.code === 'EISDIR') return 'is a folder; name a file in it';
  if (error.code === 'ENOENT') return 'no such file; give a text file, plain, .gz or .xz';
  if (error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'not UTF-8 text; convert the file to UTF-8';
  if (error.code === 'Z_BUF_ERROR') return 'the gzip archive is cut off; fetch it again';
  if (error.code?.startsWith('Z_')) return `the gzip archive is damaged (${error.message}); fetch it again`;
  const code = path.endsWith('.xz') ? /error code (\d+)/.exec(error.message)?.[1] : undefined;
  return XZ_REASONS[code ?? ''] ?? error.message;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&quot;': '"',
  '&lt;': '<',
  '&gt;': '>',
  '&nbsp;': ' ',
};

/** Removes what wikiextractor leaves behind: tags, entities, numbered formulas, parentheses emptied of their templates. */
export function cleanWikiLine(line: string): string {
  return line
    .replace(/<\/?[a-z][a-z0-9]*(\s[^<>]*)?\/?>/gi, ' ')
    .replace(/&(amp|quot|lt|gt|nbsp);/g, (entity) => ENTITIES[entity] as string)
    .replace(/formula_\d+/g, 'formula')
    .replace(/\(\s*[,;:]\s*/g, '(')
    .replace(/\s*\([\s,;:]*\)/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/** The body of a `<doc>` block: the title, which opens it, and lines of nothing but a formula are left out. */
function wikiDocument(lines: readonly string[], title: string): string {
  const body = lines[0]?.trim() === title ? lines.slice(1) : lines;
  return body
    .map(cleanWikiLine)
    .filter((line) => line !== '' && !/^formula\W*$/.test(line))
    .join('\n');
}

/** Documents of one file, paragraphs on lines of their own. @throws DataError */
async function* documentsOf(path: string, onBytes: (bytes: Uint8Array) => void): AsyncGenerator<string> {
  let lines: string[] = [];
  let title: string | undefined;
  let number = 0;
  for await (const line of linesOf(path, onBytes)) {
    number++;
    const opening = line.startsWith('<doc ') ? (/ title="([^"]*)"/.exec(line)?.[1] ?? '') : undefined;
    const closing = title !== undefined && line.startsWith('</doc>');
    if (opening !== undefined && title !== undefined)
      throw new DataError(`${path}:${number}: <doc> inside the document '${title}'; a </doc> is missing`);
    const ends = opening !== undefined || closing || (title === undefined && line.trim() === '');
    if (!ends) {
      lines.push(line);
      continue;
    }
    const text = title === undefined ? lines.join('\n') : wikiDocument(lines, title);
    if (text !== '') yield text;
    lines = [];
    title = opening;
  }
  if (title !== undefined)
    throw new DataError(`${path}: the file ends inside the document '${title}'; it is cut off`);
  if (lines.length > 0) yield lines.join('\n');
}

/**
 * Documents of several files, in order.
 * @throws DataError for a file that is missing, cut off, damaged or not UTF-8
 * @param options what sees the bytes
 * @example
 * ```ts
 * import { pretraining } from 'progtuning';
 * import { writeFile } from 'node:fs/promises';
 *
 * await writeFile('notes.txt', 'One document.\n\nAnother,\nof two lines.\n');
 * for await (const document of pretraining.readDocuments(['notes.txt'])) {
 *   console.log(document.split('\n')[0]);
 * }
 * ```
 */
export async function* readDocuments(
  paths: readonly string[],
  { onBytes = () => undefined }: ReadOptions = {},
): AsyncGenerator<string> {
  for (const path of paths) {
    await access(path).catch(() => {
      throw new DataError(`${path}: no such file; plain text is wanted, as it is, .gz or .xz`);
    });
    yield* documentsOf(path, onBytes);
  }
}

/**
 * Documents from the start of each file, together about `characters` long: what a vocabulary is trained on.
 * @example
 * ```ts
 * import { pretraining } from 'progtuning';
 * import { writeFile } from 'node:fs/promises';
 *
 * const text = Array.from({ length: 400 }, (_, i) => `film ${i % 7} was fine and play ${i % 5} was dull`);
 * await writeFile('text.txt', text.join('\n\n'));
 * console.log((await pretraining.sampleDocuments(['text.txt'], 100)).length); // 3
 * ```
 */
export async function sampleDocuments(paths: readonly string[], characters: number): Promise<string[]> {
  const share = characters / paths.length;
  const sample: string[] = [];
  for (const path of paths) {
    let taken = 0;
    for await (const document of readDocuments([path])) {
      sample.push(document);
      taken += document.length;
      if (taken >= share) break;
    }
  }
  return sample;
}
