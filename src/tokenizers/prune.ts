/** The frequent part of a WordPiece vocabulary, as a tokenizer of its own, and the ids that its tokens have in the whole one. */
import { DataError } from '../errors.js';
import { emptyFolder } from './folder.js';
import { saveTokenizer } from './save.js';
import { type TextTokenizer, textTokenizer } from './tokenizer.js';
import { RARE } from './train.js';

const CONTINUES = '##';

/** Tokens by id. */
const tokensOf = ({ tokenizer }: TextTokenizer): Map<number, string> =>
  new Map(Object.entries(tokenizer.getVocab(true)).map(([token, id]) => [id, token]));

/** @throws DataError for a tokenizer that is not BERT's */
function assertWordPiece({ effective }: TextTokenizer): void {
  if (effective.class.kind === 'wordpiece') return;
  throw new DataError(
    `${effective.vocabulary.path}: a vocabulary of ${effective.class.name}; only BERT's WordPiece vocabularies can be pruned or compared`,
  );
}

/** Characters that are no rarer in the counted text than a vocabulary learnt from it would want. */
function commonCharacters(tokens: ReadonlyMap<number, string>, counts: ArrayLike<number>): Set<string> {
  const characters = new Map<string, number>();
  let total = 0;
  for (const [id, token] of tokens) {
    const count = counts[id] as number;
    for (const character of token.startsWith(CONTINUES) ? token.slice(2) : token) {
      characters.set(character, (characters.get(character) ?? 0) + count);
      total += count;
    }
  }
  return new Set(
    [...characters].filter(([, count]) => count >= Math.max(1, total * RARE)).map(([character]) => character),
  );
}

/**
 * The tokens that are kept, in the order of their ids: special ones; each common character, at the start of a word and within one, so that
 * no word of such characters becomes [UNK]; then the most frequent.
 * @param counts of each id in a text @param size tokens in all
 * @throws DataError where the size does not even hold the characters, or is larger than the vocabulary
 */
export function frequentTokens(whole: TextTokenizer, counts: ArrayLike<number>, size: number): string[] {
  assertWordPiece(whole);
  const tokens = tokensOf(whole);
  const { path } = whole.effective.vocabulary;
  if (size > tokens.size)
    throw new DataError(
      `${path}: ${tokens.size} tokens, --vocabulary-size wants ${size}; give a smaller one`,
    );
  const common = commonCharacters(tokens, counts);
  const kept = new Set(whole.effective.added.filter(({ special }) => special).map(({ id }) => id));
  for (const [id, token] of tokens)
    if (common.has(token.startsWith(CONTINUES) ? token.slice(2) : token)) kept.add(id);
  if (kept.size > size)
    throw new DataError(
      `${path}: special tokens and single characters of the text are ${kept.size}, --vocabulary-size is ${size}; give a larger one`,
    );
  const byCount = [...tokens.keys()].sort((a, b) => (counts[b] as number) - (counts[a] as number) || a - b);
  for (const id of byCount) {
    if (kept.size === size) break;
    kept.add(id);
  }
  return [...kept].sort((a, b) => a - b).map((id) => tokens.get(id) as string);
}

/** Writes a tokenizer that cuts text as the whole one does, into these tokens alone, numbered in their order. */
export async function writePruned(
  folder: string,
  { effective, modelMaxLength: maxLength }: TextTokenizer,
  tokens: readonly string[],
): Promise<void> {
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const pruned = await textTokenizer({
    ...emptyFolder(folder),
    json: { model: { vocab }, added_tokens: [] },
    config: { tokenizer_class: 'BertTokenizer', ...effective.options, ...effective.special.named },
  });
  await saveTokenizer(folder, pruned, { maxLength });
}

/**
 * Where each token of a vocabulary stands in another one that holds it.
 * @returns [vocabulary of `part`]
 * @throws DataError for a token that the whole one lacks, or for tokenizers that cut text in different ways
 */
export function idsInWhole(part: TextTokenizer, whole: TextTokenizer): Int32Array {
  for (const tokenizer of [part, whole]) assertWordPiece(tokenizer);
  const [own, others] = [part.effective, whole.effective];
  if (JSON.stringify(own.options) !== JSON.stringify(others.options))
    throw new DataError(
      `${own.vocabulary.path}: ${JSON.stringify(own.options)}, but ${others.vocabulary.path}: ${JSON.stringify(others.options)}; a student reads text as its teacher does`,
    );
  const ids = new Int32Array(part.vocabSize);
  for (const [token, id] of Object.entries(part.tokenizer.getVocab(true))) {
    const there = whole.tokenizer.tokenToId(token);
    if (there === null)
      throw new DataError(
        `${own.vocabulary.path}: '${token}' is no token of ${others.vocabulary.path}; a student's vocabulary is part of its teacher's`,
      );
    ids[id] = there;
  }
  return ids;
}
