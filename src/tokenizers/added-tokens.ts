/** Tokens beside a model's vocabulary, and the ids that they get. */
import { DataError } from '../errors.js';
import { isObject } from './folder.js';

/** How a token is found in a text (the `tokenizers` library's AddedToken). */
export interface AddedToken {
  readonly content: string;
  /** Not inside a word. */
  readonly single_word: boolean;
  /** Takes the blanks on its left with it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Found in the normalised text, in normalised form. */
  readonly normalized: boolean;
  readonly special: boolean;
}

export interface NumberedToken extends AddedToken {
  readonly id: number;
}

/** A special token as Python adds one that is given as a string. */
export const specialToken = (content: string): AddedToken => ({
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

const FLAGS = ['single_word', 'lstrip', 'rstrip', 'normalized', 'special'] as const;

/**
 * @param where file and key, for the message
 * @throws DataError where it has no content, or a flag that is no boolean
 */
export function parseToken(value: unknown, where: string): AddedToken {
  if (!isObject(value) || typeof value.content !== 'string')
    throw new DataError(`${where}: wanted a token with its content, got ${JSON.stringify(value)}`);
  for (const flag of FLAGS)
    if (value[flag] !== undefined && typeof value[flag] !== 'boolean')
      throw new DataError(`${where}: ${flag}: wanted true or false, got ${JSON.stringify(value[flag])}`);
  const special = value.special === true;
  return {
    content: value.content,
    single_word: value.single_word === true,
    lstrip: value.lstrip === true,
    rstrip: value.rstrip === true,
    normalized: value.normalized === undefined ? !special : value.normalized === true,
    special,
  };
}

/**
 * Ids as the library gives them when the tokens are added one after the other: a token of the vocabulary keeps its id, any other
 * gets the next free one, whatever a file says.
 */
export function numberTokens(
  vocabulary: ReadonlyMap<string, number>,
  tokens: readonly AddedToken[],
): NumberedToken[] {
  const ids = new Map<string, number>();
  const byId = new Map<number, NumberedToken>();
  let highest = -1;
  for (const token of tokens.filter(({ content }) => content !== '')) {
    const next = highest >= vocabulary.size ? highest + 1 : vocabulary.size;
    const id = ids.get(token.content) ?? vocabulary.get(token.content) ?? next;
    ids.set(token.content, id);
    highest = Math.max(highest, id);
    // Given twice, the later flags count.
    byId.set(id, { id, ...token });
  }
  return [...byId.values()].sort((a, b) => a.id - b.id);
}
