/** Tokens that files give an id: `added_tokens_decoder`, `added_tokens.json` and the list in `tokenizer.json`. */
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { type AddedToken, parseToken, specialToken } from './added-tokens.js';
import { isObject, type TokenizerFolder } from './folder.js';

export interface WantedId {
  readonly id: number;
  readonly file: string;
}

/** Tokens with an id, by id and by content, and what the files call those ids. */
export interface Decoder {
  readonly tokens: Map<number, AddedToken>;
  /** One that lost its id to another token is still here. */
  readonly byContent: Map<string, AddedToken>;
  readonly wanted: Map<string, WantedId>;
}

const emptyDecoder = (): Decoder => ({ tokens: new Map(), byContent: new Map(), wanted: new Map() });

function addTo({ tokens, byContent, wanted }: Decoder, id: unknown, token: AddedToken, file: string): void {
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0)
    throw new DataError(
      `${file}: id of '${token.content}': wanted a whole number, got ${JSON.stringify(id)}`,
    );
  tokens.set(id, token);
  byContent.set(token.content, token);
  wanted.set(token.content, { id, file });
}

export function decoderOfConfig(given: unknown, file: string): Decoder {
  if (!isObject(given))
    throw new DataError(`${file}: added_tokens_decoder: wanted tokens by id, got ${JSON.stringify(given)}`);
  const decoder = emptyDecoder();
  for (const [id, value] of Object.entries(given))
    addTo(decoder, Number(id), parseToken(value, `${file}: added_tokens_decoder.${id}`), file);
  return decoder;
}

/** @param special contents known as special: another token of `added_tokens.json` is looked for in normalised text */
export function decoderOfFiles(
  { folder, addedTokens, json }: TokenizerFolder,
  special: ReadonlySet<string>,
): Decoder {
  const decoder = emptyDecoder();
  for (const [content, id] of Object.entries(addedTokens ?? {})) {
    const token = special.has(content)
      ? specialToken(content)
      : { ...specialToken(content), normalized: true, special: false };
    addTo(decoder, id, token, join(folder, 'added_tokens.json'));
  }
  const file = join(folder, 'tokenizer.json');
  for (const value of json?.added_tokens ?? [])
    addTo(decoder, isObject(value) ? value.id : undefined, parseToken(value, `${file}: added_tokens`), file);
  return decoder;
}
