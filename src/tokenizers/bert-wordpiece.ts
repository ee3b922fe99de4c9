/** BERT's tokenizer as data: the `tokenizer.json` that Hugging Face makes of a `vocab.txt` (HF `BertTokenizerFast`). */

export interface BertTokenizerOptions {
  readonly do_lower_case?: unknown;
  readonly strip_accents?: unknown;
  readonly tokenize_chinese_chars?: unknown;
}

/** @param vocabulary one token a line, its id the line */
export function bertTokenizerJson(vocabulary: readonly string[], options: BertTokenizerOptions = {}): object {
  const ids = Object.fromEntries(vocabulary.map((token, id) => [token, id]));
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].filter((token) => token in ids);
  const [cls, sep] = [ids['[CLS]'], ids['[SEP]']];
  if (cls === undefined || sep === undefined || ids['[UNK]'] === undefined) {
    throw new Error('vocab.txt has no [CLS], [SEP] or [UNK]: it is not a BERT vocabulary');
  }
  const part = (kind: 'SpecialToken' | 'Sequence', id: string, type: number): object => ({
    [kind]: { id, type_id: type },
  });
  const single = [
    part('SpecialToken', '[CLS]', 0),
    part('Sequence', 'A', 0),
    part('SpecialToken', '[SEP]', 0),
  ];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content) => ({
      id: ids[content],
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: options.tokenize_chinese_chars !== false,
      strip_accents: typeof options.strip_accents === 'boolean' ? options.strip_accents : null,
      lowercase: options.do_lower_case !== false,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, part('Sequence', 'B', 1), part('SpecialToken', '[SEP]', 1)],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [cls], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [sep], tokens: ['[SEP]'] },
      },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: ids,
    },
  };
}
