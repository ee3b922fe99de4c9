/**
 * JSON as Python's `json.load` reads it: `NaN`, `Infinity` and `-Infinity` are numbers, and an error names line and
 * column. The built-in parser does the work; the slow parser below runs only on text that it refuses.
 */

import { readFile } from 'node:fs/promises';
import { DataError } from './errors.js';

const LITERALS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these inside a string
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERAL = /-?[A-Za-z]+/y;
const SPACE = /[ \t\n\r]*/y;

interface Cursor {
  readonly text: string;
  at: number;
}

/** The text is not JSON; `at` is the index of the first character that does not fit. */
class JsonFault extends Error {
  constructor(
    readonly expected: string,
    readonly at: number,
  ) {
    super(expected);
  }
}

function take(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at;
  const found = pattern.exec(cursor.text)?.[0];
  if (found !== undefined) cursor.at += found.length;
  return found;
}

function skipSpace(cursor: Cursor): string | undefined {
  take(cursor, SPACE);
  return cursor.text[cursor.at];
}

function readString(cursor: Cursor, expected: string): string {
  const found = take(cursor, STRING);
  if (found === undefined) throw new JsonFault(expected, cursor.at);
  return JSON.parse(found) as string;
}

/** The comma-separated items up to `close`; `item` reads one. */
function readItems(cursor: Cursor, close: string, item: () => void): void {
  cursor.at++;
  if (skipSpace(cursor) === close) {
    cursor.at++;
    return;
  }
  for (;;) {
    skipSpace(cursor);
    item();
    const next = skipSpace(cursor);
    if (next !== ',' && next !== close) throw new JsonFault(`',' or '${close}'`, cursor.at);
    cursor.at++;
    if (next === close) return;
  }
}

function readObject(cursor: Cursor): Record<string, unknown> {
  const entries: [string, unknown][] = [];
  readItems(cursor, '}', () => {
    const key = readString(cursor, 'a key in double quotes');
    if (skipSpace(cursor) !== ':') throw new JsonFault("':'", cursor.at);
    cursor.at++;
    entries.push([key, readValue(cursor)]);
  });
  return Object.fromEntries(entries);
}

function readArray(cursor: Cursor): unknown[] {
  const values: unknown[] = [];
  readItems(cursor, ']', () => values.push(readValue(cursor)));
  return values;
}

function readScalar(cursor: Cursor): unknown {
  const number = take(cursor, NUMBER);
  if (number !== undefined) return Number(number);
  const start = cursor.at;
  const word = take(cursor, LITERAL);
  if (word === undefined || !LITERALS.has(word)) throw new JsonFault('a value', start);
  return LITERALS.get(word);
}

function readValue(cursor: Cursor): unknown {
  const first = skipSpace(cursor);
  if (first === '{') return readObject(cursor);
  if (first === '[') return readArray(cursor);
  if (first === '"') return readString(cursor, 'a string with its closing quote');
  return readScalar(cursor);
}

function readDocument(text: string): unknown {
  const cursor = { text, at: 0 };
  const value = readValue(cursor);
  if (skipSpace(cursor) !== undefined) throw new JsonFault('the end of the file', cursor.at);
  return value;
}

function describe(text: string, path: string, fault: JsonFault): string {
  const before = text.slice(0, fault.at).split('\n');
  const place = `${path}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
  const given =
    fault.at < text.length ? JSON.stringify(text.slice(fault.at, fault.at + 12)) : 'the end of the file';
  return `${place}: not JSON: expected ${fault.expected}, found ${given}. Is the file complete?`;
}

/**
 * The value of a JSON text; `path` names it in the error.
 * @throws DataError with `path:line:column` where the text stops being JSON
 */
export function parseJson(text: string, path: string): unknown {
  const body = text.startsWith('\ufeff') ? text.slice(1) : text;
  try {
    return JSON.parse(body);
  } catch {
    try {
      return readDocument(body);
    } catch (fault) {
      if (fault instanceof JsonFault) throw new DataError(describe(body, path, fault));
      throw new DataError(`${path}: not JSON that can be read: nested too deep.`);
    }
  }
}

/**
 * Reads and parses a JSON file (UTF-8).
 * @throws DataError when the file cannot be read or is not JSON
 */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new DataError(
      `${path}: cannot be read (${code ?? 'unknown error'}). Check the path and its permissions.`,
    );
  }
  return parseJson(text, path);
}
