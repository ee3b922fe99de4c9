/** Trains a BERT WordPiece vocabulary and writes it as Hugging Face does. Words are cut by the `tokenizers` library. */
import { DataError } from '../errors.js';
import { emptyFolder } from './folder.js';
import { library } from './native.js';
import { saveTokenizer } from './save.js';
import { textTokenizer } from './tokenizer.js';
import { learnWordPieces } from './wordpiece-trainer.js';

/** In this order, as in BERT's own vocabulary. */
const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

/** Characters rarer than this share of the text become [UNK]: else other scripts' alphabets fill a small vocabulary. */
export const RARE = 1e-6;

/** Positions of BERT. */
const MAX_LENGTH = 512;

/** How large a vocabulary is, and whether case counts. */
export interface VocabularyOptions {
  /** Tokens, special ones included. */
  readonly vocabSize: number;
  readonly lowercase: boolean;
}

/** Text without the characters that are too rare to have a token of their own. */
function withoutRareCharacters(texts: readonly string[], lowercase: boolean): string[] {
  const normalizer = library().bertNormalizer({ lowercase });
  const normalised = texts.map((text) => normalizer.normalizeString(text));
  const counts = new Map<string, number>();
  let total = 0;
  for (const text of normalised) {
    for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
    total += text.length;
  }
  const rare = new Set(
    [...counts].filter(([, count]) => count < total * RARE).map(([character]) => character),
  );
  if (rare.size === 0) return normalised;
  return normalised.map((text) =>
    [...text].map((character) => (rare.has(character) ? ' ' : character)).join(''),
  );
}

/** How often each word stands in the texts, as BERT's pre-tokenizer cuts them. */
function countWords(texts: readonly string[]): Map<string, number> {
  const preTokenizer = library().bertPreTokenizer();
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of preTokenizer.preTokenizeString(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/**
 * The vocabulary, most general tokens first: special tokens, characters, then merges in the order in which they were learnt, so that
 * the first n tokens are what training for n would give. The same texts give the same vocabulary.
 * @throws DataError when the text has too few distinct pieces
 * @param options size, and whether case counts
 * @example
 * ```ts
 * import { tokenizers } from 'progtuning';
 *
 * const texts = ['low lower lowest', 'new newer newest', 'wide wider widest'];
 * const vocabulary = tokenizers.trainVocabulary(texts, { vocabSize: 30, lowercase: true });
 * console.log(vocabulary.slice(0, 5).join(' ')); // [PAD] [UNK] [CLS] [SEP] [MASK]
 * ```
 */
export function trainVocabulary(
  texts: readonly string[],
  { vocabSize, lowercase }: VocabularyOptions,
): string[] {
  const words = countWords(withoutRareCharacters(texts, lowercase));
  const tokens = [...SPECIAL, ...learnWordPieces(words, vocabSize - SPECIAL.length)];
  if (tokens.length < vocabSize) {
    throw new DataError(
      `vocabulary: the text gives ${tokens.length} tokens, ${vocabSize} wanted; use more text or a smaller --vocab-size`,
    );
  }
  return tokens;
}

/**
 * Writes `vocab.txt`, `tokenizer.json` and `tokenizer_config.json` into a folder.
 * @throws DataError where it cannot be written
 * @param options whether case counts
 * @example
 * ```ts
 * import { tokenizers } from 'progtuning';
 *
 * const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'fine', 'film'];
 * await tokenizers.writeTokenizer('words', vocabulary, { lowercase: true });
 * ```
 */
export async function writeTokenizer(
  folder: string,
  vocabulary: readonly string[],
  { lowercase }: Pick<VocabularyOptions, 'lowercase'>,
): Promise<void> {
  const ids = Object.fromEntries(vocabulary.map((token, id) => [token, id]));
  const tokenizer = await textTokenizer({
    ...emptyFolder(folder),
    json: { model: { vocab: ids }, added_tokens: [] },
    config: { tokenizer_class: 'BertTokenizer', do_lower_case: lowercase },
  });
  await saveTokenizer(folder, tokenizer, { maxLength: MAX_LENGTH });
}
