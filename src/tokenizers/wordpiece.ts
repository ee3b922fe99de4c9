/** BERT's tokenizer as data: what Hugging Face's `BertTokenizer` builds of a vocabulary and its options. */
import { DataError } from '../errors.js';
import type { NumberedToken } from './added-tokens.js';
import { isObject, type JsonObject, type TokenizerJson } from './folder.js';
import type { NamedTokens } from './special-tokens.js';
import { type Vocabulary, withoutTrailingSpace } from './vocabulary.js';

export interface WordPieceOptions {
  readonly do_lower_case: boolean;
  /** null: as `do_lower_case`. */
  readonly strip_accents: boolean | null;
  readonly tokenize_chinese_chars: boolean;
}

export const WORDPIECE_TOKENS = {
  unk_token: '[UNK]',
  sep_token: '[SEP]',
  pad_token: '[PAD]',
  cls_token: '[CLS]',
  mask_token: '[MASK]',
} as const satisfies NamedTokens;

const part = (kind: 'SpecialToken' | 'Sequence', id: string, type: number): object => ({
  [kind]: { id, type_id: type },
});

/** `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`, the second text and its end of token type 1. */
function template(cls: { token: string; id: number }, sep: { token: string; id: number }): JsonObject {
  const single = [
    part('SpecialToken', cls.token, 0),
    part('Sequence', 'A', 0),
    part('SpecialToken', sep.token, 0),
  ];
  return {
    type: 'TemplateProcessing',
    single,
    pair: [...single, part('Sequence', 'B', 1), part('SpecialToken', sep.token, 1)],
    special_tokens: Object.fromEntries(
      [cls, sep].map(({ token, id }) => [token, { id: token, ids: [id], tokens: [token] }]),
    ),
  };
}

/**
 * @param added with the tokens that `named` names
 * @throws DataError where `unk_token`, `cls_token` or `sep_token` is missing or unknown
 */
export function wordPieceJson(
  { ids, path }: Vocabulary,
  added: readonly NumberedToken[],
  named: NamedTokens,
  options: WordPieceOptions,
): TokenizerJson {
  const numbered = (name: 'unk_token' | 'cls_token' | 'sep_token'): { token: string; id: number } => {
    const token = named[name];
    const id = added.find(({ content }) => content === token)?.id;
    if (token === undefined || id === undefined)
      throw new DataError(`${path}: has no ${name}; BERT needs one`);
    return { token, id };
  };
  const unknown = numbered('unk_token').token;
  if (!ids.has(unknown))
    throw new DataError(
      `${path}: unk_token '${unknown}' is not among its ${ids.size} tokens: it is not this tokenizer's vocabulary`,
    );
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: options.tokenize_chinese_chars,
      strip_accents: options.strip_accents,
      lowercase: options.do_lower_case,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: template(numbered('cls_token'), numbered('sep_token')),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unknown,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
}

/** Tokens by id; undefined where `vocab.txt` cannot hold them. */
export function vocabularyLines({ model }: TokenizerJson): readonly string[] | undefined {
  const ids = isObject(model.vocab) ? (Object.entries(model.vocab) as [string, number][]) : [];
  const lines = new Array<string>(ids.length);
  for (const [token, id] of ids) lines[id] = token;
  const whole = lines.length === ids.length && Object.keys(lines).length === ids.length;
  return whole && lines.every((line) => line === withoutTrailingSpace(line) && !line.includes('\n'))
    ? lines
    : undefined;
}
