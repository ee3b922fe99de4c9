/**
 * Text to ids, by Hugging Face's own `tokenizers` library, as Python's transformers reads a model's folder (see effective.ts).
 * Truncation is ours: the library's loses text after a truncated piece (huggingface/tokenizers#2091).
 */
import { createHash } from 'node:crypto';
import { DataError } from '../errors.js';
import type { NumberedToken } from './added-tokens.js';
import { type EffectiveTokenizer, effectiveTokenizer } from './effective.js';
import { readTokenizerFolder, type TokenizerFolder } from './folder.js';
import { library, type NativeTokenizer } from './native.js';
import { type Template, templates } from './template.js';
import { highestId } from './vocabulary.js';
import { tokenizerWarnings } from './warnings.js';

/** A tokenizer in effect: the library's own, and what was found out about it. */
export interface TextTokenizer {
  readonly tokenizer: NativeTokenizer;
  /** One more than the highest id. */
  readonly vocabSize: number;
  /** sha256 of the tokenizer in effect: whatever of its files changes an id, a token type or an offset changes it. */
  readonly hash: string;
  /** What it was read from, and what Python would write. @internal */
  readonly effective: EffectiveTokenizer;
  /** Tokens in a row, if the folder says so. */
  readonly modelMaxLength: number | undefined;
  /** What a reader would not expect of it, one line each: to be shown. */
  readonly warnings: readonly string[];
  readonly single: Template;
  readonly pair: Template;
}

/** A row: ids and token types, [tokens] each, special tokens included. */
export interface EncodedText {
  readonly inputIds: Int32Array;
  readonly tokenTypeIds: Int32Array;
}

/** Keys in order, so that the same meaning is the same text. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, canonical(item)]),
  );
}

/** The library's tokenizer of a `tokenizer.json` in effect. @throws DataError where the library refuses it */
function open({ json, added }: EffectiveTokenizer, folder: string): NativeTokenizer {
  let tokenizer: NativeTokenizer;
  try {
    tokenizer = library().Tokenizer.fromString(JSON.stringify(json));
  } catch (cause) {
    throw new DataError(`${folder}: the tokenizer cannot be read: ${(cause as Error).message}`, { cause });
  }
  const moved = added.find(({ content, id }) => tokenizer.tokenToId(content) !== id);
  if (moved)
    throw new DataError(
      `${folder}: the token '${moved.content}' should have the id ${moved.id}, the library gives it ${tokenizer.tokenToId(moved.content)}; are the ids of its vocabulary without gaps?`,
    );
  const twins = sameOnceNormalised(tokenizer, added);
  if (twins)
    throw new DataError(
      `${folder}: the added tokens '${twins.join("' and '")}' are one and the same in normalised text: which of them is found is left to chance, in Python too; give one of them "normalized": false`,
    );
  return tokenizer;
}

/** Two tokens that are looked for in normalised text, and are the same there. */
function sameOnceNormalised(
  tokenizer: NativeTokenizer,
  added: readonly NumberedToken[],
): readonly [string, string] | undefined {
  const normalizer = tokenizer.getNormalizer();
  const seen = new Map<string, string>();
  for (const { content } of added.filter(({ normalized }) => normalized)) {
    const form = normalizer === null ? content : normalizer.normalizeString(content);
    const former = seen.get(form);
    if (former !== undefined) return [former, content];
    seen.set(form, content);
  }
  return undefined;
}

/** Share of a model's rows that its tokenizer has at least: published ones pad their vocabulary to a round number, by less than this leaves. */
const FULL_VOCABULARY = 0.9;

/**
 * Opens the tokenizer of a model's folder.
 * @param expectedVocabSize rows of the model's word embeddings: a larger vocabulary cannot be looked up
 * @throws DataError when there is none, it is malformed, or it is too large for the model
 * @example
 * ```ts
 * import { tokenizers } from 'progtuning';
 *
 * const tokenizer = await tokenizers.loadTokenizer('models/tiny');
 * console.log(tokenizer.vocabSize); // 150
 * ```
 */
export async function loadTokenizer(folder: string, expectedVocabSize?: number): Promise<TextTokenizer> {
  return textTokenizer(await readTokenizerFolder(folder), expectedVocabSize);
}

/** The same of files that need not lie on disk. */
export async function textTokenizer(
  files: TokenizerFolder,
  expectedVocabSize?: number,
): Promise<TextTokenizer> {
  const { folder } = files;
  const effective = await effectiveTokenizer(files);
  const tokenizer = open(effective, folder);
  const vocabSize = 1 + Math.max(highestId(effective.vocabulary), effective.added.at(-1)?.id ?? -1);
  const { single, pair } = await templates(tokenizer, effective, folder);
  const hasTypes = pair.types.some((type) => type !== 0);
  const warnings = [...tokenizerWarnings(files, effective, hasTypes)];
  if (expectedVocabSize !== undefined && vocabSize > expectedVocabSize) {
    throw new DataError(
      [
        `${folder}: the tokenizer has ${vocabSize} tokens, the model only ${expectedVocabSize}; they do not belong together`,
        ...warnings,
      ].join('. '),
    );
  }
  if (expectedVocabSize !== undefined && vocabSize < FULL_VOCABULARY * expectedVocabSize)
    warnings.push(
      `${folder}: the tokenizer has ${vocabSize} tokens, the model ${expectedVocabSize}: is its vocabulary whole, and this model's?`,
    );
  const meaning = JSON.stringify(canonical({ json: effective.json, single, pair }));
  return {
    tokenizer,
    vocabSize,
    hash: createHash('sha256').update(meaning).digest('hex'),
    effective,
    modelMaxLength: effective.modelMaxLength,
    warnings,
    single,
    pair,
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

/** Characters that the library is given at a time: while it lasts, what it makes of a text takes a hundred times the text's room. */
const CHARACTERS = 2 ** 20;

/** Ids of each text, whole. */
async function idsOf(tokenizer: NativeTokenizer, texts: readonly string[]): Promise<readonly number[][]> {
  const ids: number[][] = [];
  for (let start = 0; start < texts.length; ) {
    let [end, characters] = [start, 0];
    do characters += (texts[end++] as string).length;
    while (end < texts.length && characters + (texts[end] as string).length <= CHARACTERS);
    const encodings = await tokenizer.encodeBatch(texts.slice(start, end), { addSpecialTokens: false });
    for (const encoding of encodings) ids.push(encoding.getIds());
    start = end;
  }
  return ids;
}

/**
 * Encodes a text, or two, per row. Rows keep their own lengths: padding is the batch's.
 * @param maxLength tokens of a row, special tokens included: longer ones are cut, the longer text first @returns a row each, in their order
 * @param tokenizer as {@link loadTokenizer} opens it
 * @example
 * ```ts
 * import { tokenizers } from 'progtuning';
 *
 * const tokenizer = await tokenizers.loadTokenizer('models/tiny');
 * const rows = await tokenizers.encodeTexts(tokenizer, [['a fine film'], ['a film', 'a play']], 16);
 * console.log(rows.length, rows[0].inputIds[0]); // 2 2
 * ```
 */
export async function encodeTexts(
  { tokenizer, single, pair }: TextTokenizer,
  rows: readonly (readonly [string] | readonly [string, string])[],
  maxLength: number,
): Promise<EncodedText[]> {
  const ids = await idsOf(tokenizer, rows.flat());
  let next = 0;
  return rows.map((row) => {
    const first = ids[next++] ?? [];
    return row.length === 2
      ? assemble(pair, first, ids[next++] ?? [], maxLength)
      : assemble(single, first, [], maxLength);
  });
}
