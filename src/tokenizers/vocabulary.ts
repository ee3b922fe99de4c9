/** A folder's vocabulary: from `tokenizer.json` if there is one, from `vocab.txt` or `vocab.json` and `merges.txt` otherwise. */
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { parseJson } from '../json.js';
import { isObject, readText, type TokenizerFolder } from './folder.js';

export interface Vocabulary {
  /** Ids by token. */
  readonly ids: ReadonlyMap<string, number>;
  /** Pairs of pieces that are joined, most frequent first; BPE only. */
  readonly merges: readonly (readonly [string, string])[];
  /** File it came from, for messages. */
  readonly path: string;
}

/** White space to Unicode (Rust's `trim_end`), which is not quite JavaScript's. */
const TRAILING_SPACE = /[\s\u0085]+$/;
const BYTE_ORDER_MARK = '\ufeff';

/** A line of `vocab.txt` as the `tokenizers` library reads it: without blanks at its end. */
export const withoutTrailingSpace = (line: string): string => {
  // A byte-order mark is white space to JavaScript only.
  const marks = line.lastIndexOf(BYTE_ORDER_MARK) + 1;
  return line.slice(0, marks) + line.slice(marks).replace(TRAILING_SPACE, '');
};

/** Only line feeds end a line: U+2028 and U+0085 are characters. */
function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** The ids of a model: by token, or a list in their order. @throws DataError that shows what is no id */
function parseIds(value: unknown, where: string): Map<string, number> {
  const bad = (what: unknown): DataError =>
    new DataError(`${where}: vocabulary: wanted tokens with whole numbers, got ${JSON.stringify(what)}`);
  if (Array.isArray(value))
    return new Map(value.map((item, id) => [String(Array.isArray(item) ? item[0] : item), id]));
  if (!isObject(value)) throw bad(value);
  const entries = Object.entries(value);
  const wrong = entries.find(([, id]) => typeof id !== 'number' || !Number.isInteger(id) || id < 0);
  if (wrong) throw bad(Object.fromEntries([wrong]));
  return new Map(entries as [string, number][]);
}

function parseMerges(text: string, path: string): [string, string][] {
  return linesOf(text).flatMap((line, i): [string, string][] => {
    if (line.startsWith('#version')) return [];
    const pair = line.replace(/\r$/, '').split(' ');
    if (pair.length === 2) return [pair as [string, string]];
    throw new DataError(`${path}:${i + 1}: wanted two pieces with a blank between, got '${line}'`);
  });
}

function mergesOfJson(merges: unknown, path: string): [string, string][] {
  return (Array.isArray(merges) ? merges : []).map((merge: unknown, i) => {
    const pair = typeof merge === 'string' ? merge.split(' ') : merge;
    if (Array.isArray(pair) && pair.length === 2 && pair.every((piece) => typeof piece === 'string'))
      return pair as [string, string];
    throw new DataError(`${path}: model.merges[${i}]: wanted a pair of pieces, got ${JSON.stringify(merge)}`);
  });
}

/** @returns undefined where there is no `tokenizer.json` */
export function vocabularyOfJson({ folder, json }: TokenizerFolder): Vocabulary | undefined {
  if (json === undefined) return undefined;
  const path = join(folder, 'tokenizer.json');
  return { ids: parseIds(json.model.vocab, path), merges: mergesOfJson(json.model.merges, path), path };
}

const missing = (folder: string, wanted: string): DataError =>
  new DataError(`${folder}: ${wanted}; copy them from the model's page`);

/** Ids by the lines of a `vocab.txt`; a token that stands twice has its last line. */
export const parseVocabTxt = (text: string): Map<string, number> =>
  new Map(linesOf(text).map((line, id) => [withoutTrailingSpace(line), id]));

/** @throws DataError where there is none, or it is malformed */
export function wordPieceVocabulary(files: TokenizerFolder): Vocabulary {
  const ofJson = vocabularyOfJson(files);
  if (ofJson) return ofJson;
  if (files.vocabTxt === undefined) throw missing(files.folder, 'no tokenizer.json and no vocab.txt');
  return { ids: parseVocabTxt(files.vocabTxt), merges: [], path: join(files.folder, 'vocab.txt') };
}

/** @throws DataError where there is none, or it is malformed */
export async function bytePairVocabulary(files: TokenizerFolder): Promise<Vocabulary> {
  const ofJson = vocabularyOfJson(files);
  if (ofJson) return ofJson;
  const [path, mergesPath] = [join(files.folder, 'vocab.json'), join(files.folder, 'merges.txt')];
  const [ids, merges] = await Promise.all([readText(path), readText(mergesPath)]);
  if (ids === undefined || merges === undefined)
    throw missing(files.folder, 'no tokenizer.json, nor vocab.json with merges.txt');
  return { ids: parseIds(parseJson(ids, path), path), merges: parseMerges(merges, mergesPath), path };
}

export function highestId({ ids }: Vocabulary): number {
  let highest = -1;
  for (const id of ids.values()) highest = Math.max(highest, id);
  return highest;
}
