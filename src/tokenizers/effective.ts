/**
 * A folder's files -> the one tokenizer that Python gives for them (`AutoTokenizer.from_pretrained`, transformers 5.24), as the
 * `tokenizer.json` in effect.
 */
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { type AddedToken, type NumberedToken, numberTokens, parseToken } from './added-tokens.js';
import { BYTE_LEVEL_TOKENS, type ByteLevelOptions, byteLevelJson } from './byte-level.js';
import { type ChatTemplate, chatTemplateOf } from './chat-template.js';
import { type TokenizerClass, tokenizerClass } from './classes.js';
import type { JsonObject, TokenizerFolder, TokenizerJson } from './folder.js';
import { type SpecialTokens, specialTokens } from './special-tokens.js';
import { bytePairVocabulary, type Vocabulary, vocabularyOfJson, wordPieceVocabulary } from './vocabulary.js';
import { WORDPIECE_TOKENS, type WordPieceOptions, wordPieceJson } from './wordpiece.js';

/** The one tokenizer that a folder's files amount to. */
export interface EffectiveTokenizer {
  readonly class: TokenizerClass;
  readonly json: TokenizerJson;
  /** What the class builds its tokenizer with; none where `tokenizer.json` is taken as it is. */
  readonly options: WordPieceOptions | ByteLevelOptions | undefined;
  readonly special: SpecialTokens;
  readonly vocabulary: Vocabulary;
  readonly added: readonly NumberedToken[];
  /** Tokens in a row as `tokenizer_config.json` says; undefined where it says none, or Python's "very large". */
  readonly modelMaxLength: number | undefined;
  /** Writes a conversation as one text (Jinja). */
  readonly chatTemplate: ChatTemplate | undefined;
}

/** Larger ones stand for "no limit": Python writes 1e30. */
const LONGEST = 1e9;

function option<T extends boolean | null>(
  settings: JsonObject,
  name: string,
  fallback: T,
  where: string,
): boolean | T {
  const value = settings[name];
  if (value === undefined || value === fallback) return fallback;
  if (typeof value === 'boolean') return value;
  throw new DataError(`${where}: ${name}: wanted true or false, got ${JSON.stringify(value)}`);
}

function readMaxLength({ model_max_length, max_len }: JsonObject, where: string): number | undefined {
  const value = model_max_length ?? max_len ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(value > 0))
    throw new DataError(
      `${where}: model_max_length: wanted a number of tokens, got ${JSON.stringify(value)}`,
    );
  return value < LONGEST ? Math.floor(value) : undefined;
}

/** Built by its class: vocabulary and added tokens from the files, all else from the options. */
type Built = Pick<EffectiveTokenizer, 'json' | 'options' | 'special' | 'vocabulary' | 'added'>;

function buildWordPiece(files: TokenizerFolder, where: string): Built {
  const vocabulary = wordPieceVocabulary(files);
  const special = specialTokens(files, WORDPIECE_TOKENS, []);
  const { settings, named } = special;
  const options = {
    do_lower_case: option(settings, 'do_lower_case', true, where),
    strip_accents: option(settings, 'strip_accents', null, where),
    tokenize_chinese_chars: option(settings, 'tokenize_chinese_chars', true, where),
  };
  const added = numberTokens(vocabulary.ids, special.toAdd);
  return { json: wordPieceJson(vocabulary, added, named, options), options, special, vocabulary, added };
}

async function buildByteLevel(files: TokenizerFolder, where: string): Promise<Built> {
  const vocabulary = await bytePairVocabulary(files);
  const special = specialTokens(files, BYTE_LEVEL_TOKENS, []);
  const { settings, named } = special;
  const options = {
    add_prefix_space: option(settings, 'add_prefix_space', false, where),
    trim_offsets: option(settings, 'trim_offsets', true, where),
  };
  const added = numberTokens(vocabulary.ids, special.toAdd);
  return { json: byteLevelJson(vocabulary, added, named, options), options, special, vocabulary, added };
}

/** Without a template of its own a tokenizer frames nothing. */
const BARE_TEMPLATE = {
  type: 'TemplateProcessing',
  single: [{ Sequence: { id: 'A', type_id: 0 } }],
  pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
  special_tokens: {},
};

function takeJson(files: TokenizerFolder, { name, source }: TokenizerClass): Built {
  const { folder, json } = files;
  const vocabulary = vocabularyOfJson(files);
  if (json === undefined || vocabulary === undefined)
    throw new DataError(
      `${folder}: no tokenizer.json, which ${name} (${source}) wants; copy it from the model's page`,
    );
  const own = json.added_tokens.map(
    (token): AddedToken => parseToken(token, `${join(folder, 'tokenizer.json')}: added_tokens`),
  );
  const special = specialTokens(
    files,
    {},
    own.map(({ content }) => content),
  );
  const added = numberTokens(vocabulary.ids, [...own, ...special.toAdd]);
  const post_processor = json.post_processor ?? BARE_TEMPLATE;
  const effective = { ...json, truncation: null, padding: null, added_tokens: added, post_processor };
  return { json: effective, options: undefined, special, vocabulary, added };
}

/** @throws DataError that names file and value of what is missing, malformed or not supported */
export async function effectiveTokenizer(files: TokenizerFolder): Promise<EffectiveTokenizer> {
  const tokenizer = tokenizerClass(files);
  const where = join(files.folder, 'tokenizer_config.json');
  const build = {
    wordpiece: buildWordPiece,
    'byte-level': buildByteLevel,
    json: () => takeJson(files, tokenizer),
  };
  const built = await build[tokenizer.kind](files, where);
  const { settings } = built.special;
  if (option(settings, 'split_special_tokens', false, where))
    throw new DataError(`${where}: split_special_tokens: true is not supported; remove it`);
  return {
    class: tokenizer,
    ...built,
    modelMaxLength: readMaxLength(settings, where),
    chatTemplate: chatTemplateOf(files, settings),
  };
}
