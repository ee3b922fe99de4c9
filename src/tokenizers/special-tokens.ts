/**
 * The special and added tokens of a folder: `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json` and the list in
 * `tokenizer.json`, put together as transformers 5.24 does (`PreTrainedTokenizerBase._from_pretrained`, `TokenizersBackend.__init__`).
 * With `added_tokens_decoder` in `tokenizer_config.json` the other three are not looked at.
 */
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { type AddedToken, parseToken, specialToken } from './added-tokens.js';
import { decoderOfConfig, decoderOfFiles, type WantedId } from './decoder.js';
import { isObject, type JsonObject, type TokenizerFolder } from './folder.js';

export const NAMED_TOKENS = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const;
export type NamedToken = (typeof NAMED_TOKENS)[number];
/** Contents of the tokens that have a role. */
export type NamedTokens = Partial<Readonly<Record<NamedToken, string>>>;

export interface SpecialTokens {
  /** `tokenizer_config.json`, with `special_tokens_map.json` over it where that is read. */
  readonly settings: JsonObject;
  readonly named: NamedTokens;
  /** To add to the vocabulary, in this order. */
  readonly toAdd: readonly AddedToken[];
  /** Ids that files give to tokens, for a warning where they do not get them. */
  readonly wanted: ReadonlyMap<string, WantedId>;
}

type Given = string | AddedToken;
const contentOf = (token: Given): string => (typeof token === 'string' ? token : token.content);

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0);

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function parseGiven(value: unknown, where: string): Given {
  return typeof value === 'string' ? value : parseToken(value, where);
}

/** One list under its new name: the old one of `tokenizer_config.json` counts where the new one is empty. */
function withNewName(config: JsonObject): JsonObject {
  const { additional_special_tokens: additional, ...others } = config;
  return additional !== undefined && isEmpty(config.extra_special_tokens)
    ? { ...others, extra_special_tokens: additional }
    : config;
}

/** Marks an object of `tokenizer_config.json` as a token. */
const TOKEN = { __type: 'AddedToken' } as const;

/** `special_tokens_map.json` over the settings; a token that is there with its flags is special. */
function withSpecialTokensMap(settings: JsonObject, map: JsonObject): JsonObject {
  const special = (value: unknown): unknown =>
    isObject(value) ? { ...value, ...TOKEN, special: true } : value;
  const entries = Object.entries(map).map(([key, value]): [string, unknown] => {
    if (!Array.isArray(value)) return [key, key === 'extra_special_tokens' ? value : special(value)];
    const former = key === 'extra_special_tokens' ? listOf(settings[key]) : [];
    return [key, [...former, ...value.map(special)]];
  });
  return { ...settings, ...Object.fromEntries(entries) };
}

/** Roles of the model's own: `image_token` and the like, and a dictionary of extra tokens. */
function ownRoles(settings: JsonObject): [string, unknown][] {
  const isToken = (value: unknown): boolean =>
    typeof value === 'string' || (isObject(value) && value.__type === TOKEN.__type);
  const keys = Object.entries(settings).filter(
    ([key, value]) => key.endsWith('_token') && !NAMED_TOKENS.some((name) => name === key) && isToken(value),
  );
  const extra = settings.extra_special_tokens;
  return [...keys, ...(isObject(extra) ? Object.entries(extra) : [])];
}

/** The list of extra tokens. @throws DataError where it is neither list nor dictionary */
function extraTokens(settings: JsonObject, where: string): readonly Given[] {
  const { extra_special_tokens: extra, additional_special_tokens: additional } = settings;
  const given = extra === undefined || isObject(extra) ? additional : extra;
  if (!isEmpty(given) && !Array.isArray(given))
    throw new DataError(
      `${where}: extra_special_tokens: wanted a list of tokens, got ${JSON.stringify(given)}`,
    );
  return listOf(given).map((value) =>
    parseGiven(isObject(value) ? { special: true, ...value } : value, `${where}: extra_special_tokens`),
  );
}

/** The same string twice is one; a string and a token with flags are two, of which the later one counts. */
const distinct = (tokens: readonly Given[]): Given[] => [
  ...new Map(tokens.map((token) => [JSON.stringify(token), token])).values(),
];

/**
 * @param defaults of the class, for the roles that no file fills
 * @param existing contents of the added tokens that the tokenizer already has
 * @throws DataError that names file, key and value of what is no token
 */
export function specialTokens(
  files: TokenizerFolder,
  defaults: NamedTokens,
  existing: readonly string[],
): SpecialTokens {
  const where = join(files.folder, 'tokenizer_config.json');
  const own = withNewName(files.config ?? {});
  const byConfig = own.added_tokens_decoder !== undefined;
  const settings = byConfig ? own : withSpecialTokensMap(own, files.specialTokensMap ?? {});
  const filled = { ...defaults, ...settings };
  const role = (name: string, value: unknown): Given => parseGiven(value, `${where}: ${name}`);
  const given = NAMED_TOKENS.filter((name) => !isEmpty(filled[name])).map(
    (name) => [name, role(name, filled[name])] as const,
  );
  const extra = extraTokens(settings, where);
  // Not what tokenizer_config.json has with flags: Python compares texts before it reads those.
  const isKnown = (key: string, value: unknown): boolean =>
    typeof value === 'string' ||
    (files.specialTokensMap?.[key] !== undefined && !listOf(own[key]).includes(value));
  const special = new Set([
    ...given.filter(([name]) => isKnown(name, settings[name])).map(([, token]) => contentOf(token)),
    ...listOf(settings.extra_special_tokens)
      .filter((value) => isKnown('extra_special_tokens', value))
      .map((value) => contentOf(role('extra_special_tokens', value))),
  ]);
  const { tokens, byContent, wanted } = byConfig
    ? decoderOfConfig(own.added_tokens_decoder, where)
    : decoderOfFiles(files, special);
  const roles = [
    ...given.map(([name, token]) =>
      isEmpty(settings[name]) ? token : (byContent.get(contentOf(token)) ?? token),
    ),
    ...ownRoles(settings).map(([name, value]) => role(name, value)),
  ];
  const inRole = new Set(roles.map(contentOf));
  const numbered = [...tokens].sort(([a], [b]) => a - b).map(([, token]) => token);
  const known = new Set([...existing, ...numbered.map(contentOf)]);
  const fresh = [...roles, ...extra].filter((token) => !known.has(contentOf(token)));
  const toAdd = [...numbered, ...distinct(fresh)].map((token) => {
    const full = typeof token === 'string' ? specialToken(token) : token;
    return inRole.has(full.content) ? { ...full, special: true } : full;
  });
  const named = Object.fromEntries(given.map(([name, token]) => [name, contentOf(token)]));
  return { settings, named, toAdd, wanted };
}
