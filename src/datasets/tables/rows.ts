/**
 * Rows of a table of one's own, as a stream: csv (RFC 4180), tsv (IANA: a quote is text), json lines, json, parquet; each also `.gz` or
 * `.xz`. Parquet is read one row group at a time, `.json` whole; of the others only the row at hand is held.
 */
import { access } from 'node:fs/promises';
import type { CsvError, Parser } from 'csv-parse';
import type { AsyncBuffer } from 'hyparquet';
import { DataError } from '../../errors.js';
import { parseJson } from '../../json.js';
import { loadParquet } from '../parquet.js';
import { linesOf, openBytes, readText } from '../text.js';
import { ending, TABLE_ENDINGS } from './endings.js';

/** A row by the names of its columns. */
export interface TableRow {
  readonly values: Readonly<Record<string, unknown>>;
  /** `reviews.csv:12`, the line it begins on; `reviews.parquet, row 11`. */
  readonly where: string;
}

/** A column's text. @throws DataError with line, column and value for a field that is no text, or empty */
export function textOf({ values, where }: TableRow, column: string): string {
  const value = values[column];
  if (typeof value === 'string' && value !== '') return value;
  throw new DataError(`${where}: column '${column}' is ${JSON.stringify(value) ?? 'missing'}; wanted a text`);
}

function delimiterOf(path: string, given: string | undefined): string {
  if (given === '')
    throw new DataError(`${path}: --delimiter is empty; give what stands between its columns`);
  if (given !== undefined) return given === '\\t' ? '\t' : given;
  const kind = ending(path);
  if (kind === 'csv') return ',';
  if (kind === 'tsv') return '\t';
  throw new DataError(`${path}: what stands between its columns? Give --delimiter (\\t for a tab)`);
}

/** @throws DataError for a column without a name, or two of one name */
function checkHeader(names: readonly string[], path: string): void {
  const empty = names.indexOf('');
  if (empty >= 0)
    throw new DataError(`${path}:1: column ${empty + 1} has no name; the first line names them`);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined)
    throw new DataError(`${path}:1: two columns are named '${twice}'; give each a name of its own`);
}

/** @param begins line of the row at which the reading stopped */
function describeCsv(error: CsvError, path: string, begins: number): string {
  const place = `${path}:${begins}`;
  if (error.code === 'CSV_QUOTE_NOT_CLOSED')
    return `${place}: a quote is opened and never closed; close it, or write a quote within a field as ""`;
  if (error.code === 'CSV_INVALID_CLOSING_QUOTE' || error.code === 'INVALID_OPENING_QUOTE')
    return `${place}: a quote within a field; put the field in quotes and write the quote as ""`;
  if (error.code === 'CSV_MAX_RECORD_SIZE')
    return `${place}: a field of over ${MOST} characters: is a quote never closed?`;
  return `${place}: ${error.message}`;
}

/** Characters of a row. A quote that is never closed is found after so many. */
const MOST = 2 ** 24;

/** Until it takes more, or takes no more. */
function drained(parser: Parser): Promise<void> {
  return new Promise((resolve) => {
    const resume = (): void => {
      parser.off('drain', resume).off('close', resume);
      resolve();
    };
    parser.on('drain', resume).on('close', resume);
  });
}

async function* delimitedRows(path: string, delimiter: string): AsyncGenerator<TableRow> {
  const { CsvError, parse } = await import('csv-parse');
  let read = 0;
  const parser = parse({
    ...{ delimiter, quote: delimiter === '\t' ? false : '"', info: true, skip_empty_lines: true },
    ...{ relax_column_count: true, max_record_size: MOST },
    on_record: (record: string[], { lines }: { readonly lines: number }) => {
      read = lines;
      return record;
    },
  });
  const feed = async (): Promise<void> => {
    try {
      for await (const text of readText(path)) {
        if (parser.destroyed) return;
        if (!parser.write(text)) await drained(parser);
      }
      parser.end();
    } catch (error) {
      parser.destroy(error as Error);
    }
  };
  void feed();
  let names: readonly string[] | undefined;
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: string[];
      info: { lines: number };
    }>) {
      if (!names) {
        names = record.map((name) => name.trim());
        checkHeader(names, path);
        continue;
      }
      const within = record.reduce((sum, field) => sum + field.split('\n').length - 1, 0);
      const where = `${path}:${info.lines - within}`;
      if (record.length !== names.length)
        throw new DataError(
          `${where}: ${record.length} fields, but ${names.length} columns (${names.join(', ')}); ${delimiter === '\t' ? 'is a tab missing?' : 'put a field that holds the delimiter in quotes'}`,
        );
      yield { values: Object.fromEntries(names.map((name, i) => [name, record[i]])), where };
    }
  } catch (error) {
    throw error instanceof CsvError
      ? new DataError(describeCsv(error, path, read + 1), { cause: error })
      : error;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function* objectsOf(values: Iterable<unknown>, whereOf: (index: number) => string): Generator<TableRow> {
  let index = 0;
  for (const value of values) {
    const where = whereOf(index++);
    if (!isObject(value))
      throw new DataError(`${where}: a row is ${JSON.stringify(value).slice(0, 40)}; wanted an object {...}`);
    yield { values: value, where };
  }
}

function parseLine(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new DataError(
      `${where}: not JSON: ${(cause as Error).message}; json lines want one object a line`,
      {
        cause,
      },
    );
  }
}

async function* jsonLines(path: string): AsyncGenerator<TableRow> {
  let number = 0;
  for await (const line of linesOf(path)) {
    number++;
    const where = `${path}:${number}`;
    if (line.trim() !== '') yield* objectsOf([parseLine(line, where)], () => where);
  }
}

/** The whole value of a `.json` file; undefined for one that holds json lines. */
export async function readJsonDocument(path: string): Promise<unknown> {
  const parts: string[] = [];
  for await (const part of readText(path)) parts.push(part);
  const text = parts.join('');
  const [first, second] = text.trimStart().split('\n', 2);
  const isLines = first?.startsWith('{') && first.trimEnd().endsWith('}') && second?.trim().startsWith('{');
  return isLines ? undefined : parseJson(text, path);
}

async function* jsonRows(path: string): AsyncGenerator<TableRow> {
  const value = await readJsonDocument(path);
  if (value === undefined) yield* jsonLines(path);
  else {
    const rows = isObject(value) && Array.isArray(value.data) ? value.data : [value].flat();
    yield* objectsOf(rows, (index) => `${path}, row ${index}`);
  }
}

/** The file's bytes for hyparquet: from disk, or unpacked in memory. */
async function parquetBuffer(path: string): Promise<AsyncBuffer | ArrayBuffer> {
  if (!/\.(gz|xz)$/i.test(path)) return (await loadParquet())[0].asyncBufferFromFile(path);
  const parts: Uint8Array[] = [];
  for await (const bytes of openBytes(path, () => undefined)) parts.push(bytes);
  const { buffer, byteOffset, byteLength } = Buffer.concat(parts);
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}

async function* parquetRows(path: string): AsyncGenerator<TableRow> {
  const [{ parquetMetadataAsync, parquetReadObjects }, { compressors }] = await loadParquet();
  try {
    const file = await parquetBuffer(path);
    const metadata = await parquetMetadataAsync(file);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      const rows = await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd });
      const from = rowStart;
      yield* objectsOf(rows, (index) => `${path}, row ${from + index}`);
      rowStart = rowEnd;
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`${path}: not a parquet file that can be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/**
 * The rows of a file, by its ending.
 * @param delimiter of csv, tsv and txt; default: the ending's
 * @throws DataError with file and line: no such file, an ending that is not known, a malformed row, text that is not UTF-8
 * @example
 * ```ts
 * import { datasets } from 'progtuning';
 * import { writeFile } from 'node:fs/promises';
 *
 * await writeFile('films.jsonl', '{"text": "a fine film", "stars": 5}\n');
 * for await (const { values, where } of datasets.readRows('films.jsonl')) {
 *   console.log(where, values.stars); // films.jsonl:1 5
 * }
 * ```
 */
export async function* readRows(path: string, delimiter?: string): AsyncGenerator<TableRow> {
  await access(path).catch(() => {
    throw new DataError(`${path}: no such file`);
  });
  const kind = ending(path);
  if (!TABLE_ENDINGS.includes(kind))
    throw new DataError(
      `${path}: the ending says no format; known: ${TABLE_ENDINGS.map((name) => `.${name}`).join(' ')}, each also .gz or .xz`,
    );
  if (kind === 'parquet') yield* parquetRows(path);
  else if (kind === 'json') yield* jsonRows(path);
  else if (kind === 'jsonl' || kind === 'ndjson') yield* jsonLines(path);
  else yield* delimitedRows(path, delimiterOf(path, delimiter));
}
