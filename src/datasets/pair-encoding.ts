/**
 * Question and context -> the row a model reads: the tokenizer's own special tokens around ids that were made once.
 * One {@link PairEncoder} keeps the contexts of a whole split, so each paragraph is tokenised once.
 */

import { DataError } from '../errors.js';
import type { Encoding, NativeTokenizer } from '../tokenizers/native.js';
import { utf16Index, utf16Table } from './code-points.js';

/** What the tokenizer puts around the question and the context, seen from one encoded pair. */
export interface PairTemplate {
  readonly prefix: readonly number[];
  readonly middle: readonly number[];
  readonly suffix: readonly number[];
  /** Token types of prefix, question, middle, context, suffix. */
  readonly types: readonly [number, number, number, number, number];
}

export interface EncodedContext {
  readonly ids: Int32Array;
  /** [tokens, 2], UTF-16 */
  readonly offsets: Int32Array;
}

export interface PairEncoder {
  readonly tokenizer: NativeTokenizer;
  readonly template: PairTemplate;
  readonly contexts: Map<string, EncodedContext>;
  /** Token types are the same for equal lengths: kept once, by question length and row length. */
  readonly types: Map<string, Int32Array>;
}

/** `str.lstrip()`: run_qa strips the question on the left, as some start with many blanks. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python does strip U+001C..U+001F
const LEADING_SPACE = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/**
 * Switches truncation and padding of the tokenizer off, and reads its template for pairs.
 * @throws DataError when it has none
 */
export async function pairEncoder(tokenizer: NativeTokenizer): Promise<PairEncoder> {
  tokenizer.disableTruncation();
  tokenizer.disablePadding();
  return { tokenizer, template: await pairTemplate(tokenizer), contexts: new Map(), types: new Map() };
}

async function pairTemplate(tokenizer: NativeTokenizer): Promise<PairTemplate> {
  const pair = await tokenizer.encode('a', 'a');
  const [ids, types, sequences] = [pair.getIds(), pair.getTypeIds(), pair.getSequenceIds()];
  const [question, questionEnd] = [sequences.indexOf(0), sequences.lastIndexOf(0)];
  const [context, contextEnd] = [sequences.indexOf(1), sequences.lastIndexOf(1)];
  if (question < 0 || context < questionEnd)
    throw new DataError(
      'tokenizer: expected a template for pairs, question before context; SQuAD needs one. Use the tokenizer.json of a BERT-like model.',
    );
  const typeAt = (position: number): number => types[position] ?? 0;
  return {
    prefix: ids.slice(0, question),
    middle: ids.slice(questionEnd + 1, context),
    suffix: ids.slice(contextEnd + 1),
    types: [typeAt(0), typeAt(question), typeAt(questionEnd + 1), typeAt(context), typeAt(contextEnd + 1)],
  };
}

/** Question ids of the pairs; their contexts, unless known, go to `encoder.contexts`. Two native calls, on all cores. */
export async function encodePairs(
  encoder: PairEncoder,
  pairs: readonly { readonly question: string; readonly context: string }[],
): Promise<number[][]> {
  const options = { addSpecialTokens: false };
  const questions = pairs.map(({ question }) => question.replace(LEADING_SPACE, ''));
  const contexts = [...new Set(pairs.map(({ context }) => context))].filter(
    (text) => !encoder.contexts.has(text),
  );
  const [encodedQuestions, encodedContexts] = await Promise.all([
    encoder.tokenizer.encodeBatch(questions, options),
    encoder.tokenizer.encodeBatch(contexts, options),
  ]);
  for (const [i, text] of contexts.entries())
    encoder.contexts.set(text, toContext(text, encodedContexts[i] as Encoding));
  return encodedQuestions.map((encoding) => encoding.getIds());
}

/** The package counts code points; from here on it is UTF-16 units. */
function toContext(text: string, encoding: Encoding): EncodedContext {
  const table = utf16Table(text);
  const pairs = encoding.getOffsets();
  const offsets = new Int32Array(2 * pairs.length);
  for (const [i, [start, end]] of pairs.entries()) {
    offsets[2 * i] = utf16Index(table, start as number);
    offsets[2 * i + 1] = utf16Index(table, end as number);
  }
  return { ids: Int32Array.from(encoding.getIds()), offsets };
}

function tokenTypes(encoder: PairEncoder, question: number, length: number): Int32Array {
  const key = `${question} ${length}`;
  const known = encoder.types.get(key);
  if (known) return known;
  const { prefix, middle, suffix, types } = encoder.template;
  const made = new Int32Array(length).fill(types[3]);
  const context = prefix.length + question + middle.length;
  made
    .fill(types[2], 0, context)
    .fill(types[1], 0, prefix.length + question)
    .fill(types[0], 0, prefix.length);
  made.fill(types[4], length - suffix.length);
  encoder.types.set(key, made);
  return made;
}

/** Special tokens in a row. */
export function specialTokens({ prefix, middle, suffix }: PairTemplate): number {
  return prefix.length + middle.length + suffix.length;
}

/** The row of a question and a piece of its context; `contextStart` is the row position of the piece. */
export function pairRow(
  encoder: PairEncoder,
  question: readonly number[],
  context: Int32Array,
): { readonly inputIds: Int32Array; readonly tokenTypeIds: Int32Array; readonly contextStart: number } {
  const { prefix, middle, suffix } = encoder.template;
  const contextStart = prefix.length + question.length + middle.length;
  const inputIds = new Int32Array(contextStart + context.length + suffix.length);
  inputIds.set(prefix);
  inputIds.set(question, prefix.length);
  inputIds.set(middle, prefix.length + question.length);
  inputIds.set(context, contextStart);
  inputIds.set(suffix, contextStart + context.length);
  return { inputIds, tokenTypeIds: tokenTypes(encoder, question.length, inputIds.length), contextStart };
}
