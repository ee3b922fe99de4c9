/** What the JSON files of a folder say of its tokenizer, as they are; malformed ones are named. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { parseJson } from '../json.js';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Hugging Face's `tokenizer.json`: the parts that are looked at here. */
export interface TokenizerJson extends JsonObject {
  readonly model: JsonObject;
  readonly added_tokens: readonly unknown[];
}

/** A file that is not there is undefined. */
export interface TokenizerFolder {
  readonly folder: string;
  readonly json: TokenizerJson | undefined;
  readonly config: JsonObject | undefined;
  readonly vocabTxt: string | undefined;
  readonly specialTokensMap: JsonObject | undefined;
  readonly addedTokens: JsonObject | undefined;
  /** The model's own `config.json`: its `model_type` tells the class where `tokenizer_config.json` does not. */
  readonly modelConfig: JsonObject | undefined;
  /** `chat_template.jinja` */
  readonly chatTemplate: string | undefined;
}

export const emptyFolder = (folder: string): TokenizerFolder => ({
  folder,
  json: undefined,
  config: undefined,
  vocabTxt: undefined,
  specialTokensMap: undefined,
  addedTokens: undefined,
  modelConfig: undefined,
  chatTemplate: undefined,
});

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @returns undefined where there is no such file @throws DataError where it is not UTF-8 */
export async function readText(path: string): Promise<string | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new DataError(`${path}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new DataError(`${path}: not UTF-8; save it in that encoding`, { cause });
  }
}

async function readObject(path: string): Promise<JsonObject | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  const value = parseJson(text, path);
  if (!isObject(value))
    throw new DataError(`${path}: wanted a JSON object, got ${JSON.stringify(value)?.slice(0, 60)}`);
  return value;
}

async function readTokenizerJson(path: string): Promise<TokenizerJson | undefined> {
  const value = await readObject(path);
  if (value === undefined) return undefined;
  const { model, added_tokens = [] } = value;
  if (!isObject(model) || !Array.isArray(added_tokens))
    throw new DataError(
      `${path}: has no model or no list added_tokens: it is no file of the tokenizers library`,
    );
  return { ...value, model, added_tokens };
}

/** @throws DataError that names the malformed file */
export async function readTokenizerFolder(folder: string): Promise<TokenizerFolder> {
  const [json, config, vocabTxt, specialTokensMap, addedTokens, modelConfig, chatTemplate] =
    await Promise.all([
      readTokenizerJson(join(folder, 'tokenizer.json')),
      readObject(join(folder, 'tokenizer_config.json')),
      readText(join(folder, 'vocab.txt')),
      readObject(join(folder, 'special_tokens_map.json')),
      readObject(join(folder, 'added_tokens.json')),
      readObject(join(folder, 'config.json')),
      readText(join(folder, 'chat_template.jinja')),
    ]);
  return { folder, json, config, vocabTxt, specialTokensMap, addedTokens, modelConfig, chatTemplate };
}
