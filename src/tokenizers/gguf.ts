/**
 * The tokenizer inside a GGUF file as `tokenizer.json` and `tokenizer_config.json`: byte-level BPE, whose rules of cutting a text into words
 * the file only names (`tokenizer.ggml.pre`).
 */
import { DataError } from '../errors.js';
import { specialToken } from './added-tokens.js';
import { emptyFolder, type JsonObject, type TokenizerJson } from './folder.js';
import { type TextTokenizer, textTokenizer } from './tokenizer.js';

type Fields = ReadonlyMap<string, unknown>;

const byteLevel = (use_regex: boolean): JsonObject => ({
  ...{ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex },
});

const sequence = (...pretokenizers: JsonObject[]): JsonObject => ({ type: 'Sequence', pretokenizers });

/** LLaMA 3's `tokenizer.json`. */
const LLAMA_3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

interface Rules {
  readonly pre_tokenizer: JsonObject;
  /** A word that is a token is not built by merges. */
  readonly ignore_merges: boolean;
}

/** By llama.cpp's name (`llama_vocab::load`). */
const RULES: Readonly<Record<string, Rules>> = {
  'gpt-2': { pre_tokenizer: byteLevel(true), ignore_merges: false },
  smollm: {
    pre_tokenizer: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
    ignore_merges: false,
  },
  'llama-bpe': {
    pre_tokenizer: sequence(
      { type: 'Split', pattern: { Regex: LLAMA_3 }, behavior: 'Isolated', invert: false },
      byteLevel(false),
    ),
    ignore_merges: true,
  },
};

/** Kinds of tokens (`llama_token_type`). */
const CONTROL = 3;
const USER_DEFINED = 4;

function list<T>(
  fields: Fields,
  key: string,
  holds: (value: unknown) => value is T,
  path: string,
): readonly T[] {
  const value = fields.get(`tokenizer.ggml.${key}`);
  if (Array.isArray(value) && value.every(holds)) return value;
  throw new DataError(
    `${path}: tokenizer.ggml.${key}: wanted a list, got ${value === undefined ? 'none' : typeof value}; the file has no whole tokenizer: get the model as safetensors, with tokenizer.json`,
  );
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number';

/** Ids by token. @throws DataError for a token that stands twice */
function idsOf(tokens: readonly string[], path: string): Map<string, number> {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  if (ids.size === tokens.length) return ids;
  const twice = tokens.find((token, id) => ids.get(token) !== id);
  throw new DataError(`${path}: tokenizer.ggml.tokens: '${twice}' stands twice; the file is damaged`);
}

/** @throws DataError for a merge that is not two tokens which make a third */
function mergesOf(fields: Fields, ids: ReadonlyMap<string, number>, path: string): [string, string][] {
  return list(fields, 'merges', isText, path).map((merge, i) => {
    const pair = merge.split(' ');
    const [left, right] = pair;
    if (pair.length === 2 && [left, right, pair.join('')].every((piece) => ids.has(piece as string)))
      return pair as [string, string];
    throw new DataError(
      `${path}: tokenizer.ggml.merges[${i}]: wanted two tokens that make a third, got '${merge}'`,
    );
  });
}

function rulesOf(fields: Fields, path: string): Rules {
  const model = fields.get('tokenizer.ggml.model');
  if (model !== 'gpt2')
    throw new DataError(
      `${path}: tokenizer.ggml.model is '${model ?? 'not there'}'; only gpt2, byte-level BPE, is read: get the model as safetensors, with tokenizer.json`,
    );
  const pre = String(fields.get('tokenizer.ggml.pre') ?? 'gpt-2');
  const rules = Object.hasOwn(RULES, pre) ? RULES[pre] : undefined;
  if (rules) return rules;
  throw new DataError(
    `${path}: tokenizer.ggml.pre is '${pre}'; known: ${Object.keys(RULES).join(', ')}: get the model as safetensors, with tokenizer.json`,
  );
}

/** A role's token, where the file gives it an id. @throws DataError for an id that is none */
function roleToken(
  fields: Fields,
  role: string,
  tokens: readonly string[],
  path: string,
): string | undefined {
  const id = fields.get(`tokenizer.ggml.${role}_token_id`);
  if (id === undefined) return undefined;
  const token = isNumber(id) ? tokens[id] : undefined;
  if (token === undefined)
    throw new DataError(
      `${path}: tokenizer.ggml.${role}_token_id: wanted an id under ${tokens.length}, got ${id}`,
    );
  return token;
}

/** llama.cpp's words for roles, and Hugging Face's. */
const ROLES = { bos: 'bos_token', eos: 'eos_token', unknown: 'unk_token', padding: 'pad_token' } as const;

/** Around a text: the tokens that the file says are added to it. */
function frame(
  fields: Fields,
  named: Readonly<Record<string, string>>,
  ids: ReadonlyMap<string, number>,
): JsonObject {
  const piece = (role: 'bos' | 'eos'): string[] => {
    const token = named[ROLES[role]];
    return fields.get(`tokenizer.ggml.add_${role}_token`) === true && token !== undefined ? [token] : [];
  };
  const [first, last] = [piece('bos'), piece('eos')];
  const special = (token: string): JsonObject => ({ SpecialToken: { id: token, type_id: 0 } });
  const around = (id: string): JsonObject[] => [
    ...first.map(special),
    { Sequence: { id, type_id: 0 } },
    ...last.map(special),
  ];
  return {
    type: 'TemplateProcessing',
    single: around('A'),
    pair: [...around('A'), ...around('B')],
    special_tokens: Object.fromEntries(
      [...first, ...last].map((id) => [id, { id, ids: [ids.get(id)], tokens: [id] }]),
    ),
  };
}

/**
 * The tokenizer of a GGUF file.
 * @param fields of its header
 * @throws DataError for one that is no byte-level BPE, or cuts words by rules that are not known here
 */
export async function ggufTokenizer(fields: Fields, path: string): Promise<TextTokenizer> {
  const { pre_tokenizer, ignore_merges } = rulesOf(fields, path);
  const tokens = list(fields, 'tokens', isText, path);
  const types = fields.has('tokenizer.ggml.token_type') ? list(fields, 'token_type', isNumber, path) : [];
  const ids = idsOf(tokens, path);
  const named = Object.fromEntries(
    Object.entries(ROLES).flatMap(([role, name]) => {
      const token = roleToken(fields, role, tokens, path);
      return token === undefined ? [] : [[name, token]];
    }),
  );
  const added_tokens = tokens.flatMap((token, id) => {
    const special = types[id] === CONTROL;
    return special || types[id] === USER_DEFINED ? [{ id, ...specialToken(token), special }] : [];
  });
  const json: TokenizerJson = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens,
    normalizer: null,
    pre_tokenizer,
    post_processor: frame(fields, named, ids),
    decoder: byteLevel(true),
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null },
      ...{ end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges },
      vocab: Object.fromEntries(ids),
      merges: mergesOf(fields, ids, path),
    },
  };
  const chat = fields.get('tokenizer.chat_template');
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    ...named,
    ...(isText(chat) ? { chat_template: chat } : {}),
  };
  return textTokenizer({ ...emptyFolder(path), json, config });
}
