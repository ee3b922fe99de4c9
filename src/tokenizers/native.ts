/**
 * The tokenizer of Hugging Face's `tokenizers`, as far as it is used here. The types that the package ships do not compile where a
 * project checks its libraries, so none of ours may name them.
 */

import { createRequire } from 'node:module';

/** A text, or two, in tokens: one entry each in every list. */
export interface Encoding {
  getLength(): number;
  getIds(): number[];
  getTypeIds(): number[];
  /** 0 and 1: tokens of the first text and of the second; neither: special tokens. */
  getSequenceIds(): (number | undefined | null)[];
  /** Begin and end in the text, in code points. */
  getOffsets(): number[][];
}

interface EncodeOptions {
  readonly addSpecialTokens?: boolean;
}

export interface NativeTokenizer {
  encode(text: string, pair?: string | null, options?: EncodeOptions): Promise<Encoding>;
  encodeBatch(texts: string[], options?: EncodeOptions): Promise<Encoding[]>;
  getVocab(withAddedTokens?: boolean): Record<string, number>;
  getVocabSize(withAddedTokens?: boolean): number;
  tokenToId(token: string): number | null;
  getNormalizer(): { normalizeString(text: string): string } | null;
  decode(ids: number[], skipSpecialTokens: boolean): Promise<string>;
  disableTruncation(): void;
  disablePadding(): void;
}

interface Library {
  readonly Tokenizer: { fromString(json: string): NativeTokenizer };
  bertNormalizer(options: { readonly lowercase: boolean }): { normalizeString(text: string): string };
  bertPreTokenizer(): { preTokenizeString(text: string): [word: string, range: [number, number]][] };
}

const require = createRequire(import.meta.url);

/** Loaded with the first tokenizer: who only counts parameters does without it. */
export const library = (): Library => require('tokenizers');
