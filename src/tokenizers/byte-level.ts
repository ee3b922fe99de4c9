/** RoBERTa's tokenizer as data: what Hugging Face's `RobertaTokenizer` builds of vocabulary, merges and its options. */
import { DataError } from '../errors.js';
import type { NumberedToken } from './added-tokens.js';
import type { TokenizerJson } from './folder.js';
import type { NamedTokens } from './special-tokens.js';
import type { Vocabulary } from './vocabulary.js';

export interface ByteLevelOptions {
  /** A blank before the first word, so that it reads as a word within a text. */
  readonly add_prefix_space: boolean;
  /** Offsets without the blank before a word. */
  readonly trim_offsets: boolean;
}

export const BYTE_LEVEL_TOKENS = {
  bos_token: '<s>',
  eos_token: '</s>',
  unk_token: '<unk>',
  sep_token: '</s>',
  pad_token: '<pad>',
  cls_token: '<s>',
  mask_token: '<mask>',
} as const satisfies NamedTokens;

/** @throws DataError where there is no `cls_token` or `sep_token` */
export function byteLevelJson(
  { ids, merges, path }: Vocabulary,
  added: readonly NumberedToken[],
  named: NamedTokens,
  { add_prefix_space, trim_offsets }: ByteLevelOptions,
): TokenizerJson {
  const numbered = (name: 'cls_token' | 'sep_token'): [string, number] => {
    const found = added.find(({ content }) => content === named[name]);
    if (found === undefined) throw new DataError(`${path}: has no ${name}; RoBERTa needs one`);
    return [found.content, found.id];
  };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space, trim_offsets: true, use_regex: true },
    post_processor: {
      type: 'RobertaProcessing',
      sep: numbered('sep_token'),
      cls: numbered('cls_token'),
      trim_offsets,
      add_prefix_space,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(ids),
      merges,
    },
  };
}
