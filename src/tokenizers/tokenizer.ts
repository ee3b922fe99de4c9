/**
 * Text to ids, by Hugging Face's own `tokenizers` library. From a model's folder: `tokenizer.json`, or `vocab.txt` alone (BERT).
 * Truncation is ours: the library's loses text after a truncated piece (huggingface/tokenizers#2091).
 */
import { createHash } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from 'tokenizers';
import { DataError } from '../errors.js';
import { bertTokenizerJson } from './bert-wordpiece.js';

/** Special tokens around one text, or around two. */
interface Template {
  readonly prefix: readonly number[];
  readonly middle: readonly number[];
  readonly suffix: readonly number[];
  /** Token types of prefix, first text, middle, second text, suffix. */
  readonly types: readonly number[];
}

export interface TextTokenizer {
  readonly tokenizer: Tokenizer;
  readonly vocabSize: number;
  /** sha256 of what the tokenizer was read from. */
  readonly hash: string;
  readonly single: Template;
  readonly pair: Template;
}

export interface EncodedText {
  readonly inputIds: Int32Array;
  readonly tokenTypeIds: Int32Array;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Of the files that `loadTokenizer` may read. */
async function hashOfFiles(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'vocab.txt'])
    hash.update(`${name}\n`).update(await readFile(join(folder, name)).catch(() => ''));
  return hash.digest('hex');
}

async function fromVocabulary(folder: string): Promise<Tokenizer> {
  const vocabulary = (await readFile(join(folder, 'vocab.txt'), 'utf8')).replace(/\r?\n$/, '').split(/\r?\n/);
  const config = join(folder, 'tokenizer_config.json');
  const options = (await exists(config))
    ? (JSON.parse(await readFile(config, 'utf8')) as Record<string, unknown>)
    : {};
  return Tokenizer.fromString(JSON.stringify(bertTokenizerJson(vocabulary, options)));
}

async function singleTemplate(tokenizer: Tokenizer): Promise<Template> {
  const [bare, framed] = [
    await tokenizer.encode('a', null, { addSpecialTokens: false }),
    await tokenizer.encode('a'),
  ];
  const [ids, types] = [framed.getIds(), framed.getTypeIds()];
  const first = framed.getSequenceIds().indexOf(0);
  const end = first + bare.getLength();
  const type = types[first] ?? 0;
  return {
    prefix: ids.slice(0, first),
    middle: [],
    suffix: ids.slice(end),
    types: [type, type, type, type, types.at(-1) ?? 0],
  };
}

async function pairTemplate(tokenizer: Tokenizer): Promise<Template> {
  const encoded = await tokenizer.encode('a', 'a');
  const [ids, types, owners] = [encoded.getIds(), encoded.getTypeIds(), encoded.getSequenceIds()];
  const [a, aEnd, b, bEnd] = [
    owners.indexOf(0),
    owners.lastIndexOf(0) + 1,
    owners.indexOf(1),
    owners.lastIndexOf(1) + 1,
  ];
  const at = (i: number): number => types[i] ?? 0;
  return {
    prefix: ids.slice(0, a),
    middle: ids.slice(aEnd, b),
    suffix: ids.slice(bEnd),
    types: [at(0), at(a), at(aEnd), at(b), at(bEnd)],
  };
}

/**
 * Opens the tokenizer of a model's folder.
 * @param expectedVocabSize rows of the model's word embeddings: a larger vocabulary cannot be looked up
 * @throws DataError when there is none, it is malformed, or it is too large for the model
 */
export async function loadTokenizer(folder: string, expectedVocabSize?: number): Promise<TextTokenizer> {
  const path = join(folder, 'tokenizer.json');
  let tokenizer: Tokenizer;
  try {
    if (await exists(path)) tokenizer = Tokenizer.fromFile(path);
    else if (await exists(join(folder, 'vocab.txt'))) tokenizer = await fromVocabulary(folder);
    else
      throw new DataError(`${folder}: no tokenizer.json and no vocab.txt; copy them from the model's page`);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`${folder}: the tokenizer cannot be read: ${(cause as Error).message}`, { cause });
  }
  tokenizer.disableTruncation();
  tokenizer.disablePadding();
  const vocabSize = tokenizer.getVocabSize(true);
  if (expectedVocabSize !== undefined && vocabSize > expectedVocabSize) {
    throw new DataError(
      `${folder}: the tokenizer has ${vocabSize} tokens, the model only ${expectedVocabSize}; they do not belong together`,
    );
  }
  return {
    tokenizer,
    vocabSize,
    hash: await hashOfFiles(folder),
    single: await singleTemplate(tokenizer),
    pair: await pairTemplate(tokenizer),
  };
}

/**
 * Lengths to keep so that both fit in `room`: the longer text gives first, as HF `longest_first` (tokenizers up to 0.22, where the
 * odd token of a tie goes to the text that was longer; 0.23 cuts both before it compares, so there it goes to the second).
 */
export function longestFirst(first: number, second: number, room: number): [number, number] {
  if (first + second <= room) return [first, second];
  const shorter = Math.min(first, second);
  const half = Math.floor(room / 2);
  const [less, more] = shorter <= half ? [shorter, room - shorter] : [half, room - half];
  return first <= second ? [less, more] : [more, less];
}

/** One row: special tokens, the first text, and the second if there is one, cut to `maxLength` together. */
function assemble(
  { prefix, middle, suffix, types }: Template,
  a: readonly number[],
  b: readonly number[],
  maxLength: number,
): EncodedText {
  const room = Math.max(0, maxLength - prefix.length - middle.length - suffix.length);
  const [keepA, keepB] = longestFirst(a.length, b.length, room);
  const pieces = [prefix, a.slice(0, keepA), middle, b.slice(0, keepB), suffix];
  const inputIds = new Int32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  const tokenTypeIds = new Int32Array(inputIds.length);
  let at = 0;
  pieces.forEach((piece, i) => {
    inputIds.set(piece, at);
    tokenTypeIds.fill(types[i] ?? 0, at, at + piece.length);
    at += piece.length;
  });
  return { inputIds, tokenTypeIds };
}

/** Encodes a text, or two, per row. Rows keep their own lengths: padding is the batch's. */
export async function encodeTexts(
  { tokenizer, single, pair }: TextTokenizer,
  rows: readonly (readonly [string] | readonly [string, string])[],
  maxLength: number,
): Promise<EncodedText[]> {
  const texts = rows.flat();
  const ids = (await tokenizer.encodeBatch(texts, { addSpecialTokens: false })).map((encoding) =>
    encoding.getIds(),
  );
  let next = 0;
  return rows.map((row) => {
    const first = ids[next++] ?? [];
    return row.length === 2
      ? assemble(pair, first, ids[next++] ?? [], maxLength)
      : assemble(single, first, [], maxLength);
  });
}
