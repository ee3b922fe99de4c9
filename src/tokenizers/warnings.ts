/** What Python does silently with a folder's tokenizer, and what a reader would hardly expect: one line each. */
import { join } from 'node:path';
import { isDecoderClass } from './classes.js';
import type { EffectiveTokenizer } from './effective.js';
import { isObject, type TokenizerFolder } from './folder.js';
import { highestId, parseVocabTxt } from './vocabulary.js';

/** Examples that a line shows. */
const SHOWN = 3;

const quoted = (tokens: readonly string[]): string =>
  tokens
    .slice(0, SHOWN)
    .map((token) => JSON.stringify(token))
    .join(', ') + (tokens.length > SHOWN ? ', ...' : '');

/** A cased vocabulary that is lower-cased only because nothing says otherwise. */
function lowerCased({ class: { name }, options, special, vocabulary }: EffectiveTokenizer): string[] {
  const lowers = options !== undefined && 'do_lower_case' in options && options.do_lower_case;
  if (!lowers || special.settings.do_lower_case !== undefined) return [];
  const cased = [...vocabulary.ids.keys()].filter(
    (token) => token !== token.toLowerCase() && !/^[[<].*[\]>]$/.test(token),
  );
  if (cased.length === 0) return [];
  return [
    `${vocabulary.path}: ${cased.length} of ${vocabulary.ids.size} tokens have capitals (${quoted(cased)}), and text is lower-cased before it is looked up: ${name}'s default, as in Python. For a cased model put {"do_lower_case": false} into tokenizer_config.json`,
  ];
}

/** Settings of `given` that have another value in `effective`, as `path is A, in effect B`. */
function differences(given: unknown, effective: unknown, path: string): string[] {
  if (isObject(given) && isObject(effective))
    return Object.keys(given).flatMap((key) =>
      effective[key] === undefined ? [] : differences(given[key], effective[key], `${path}.${key}`),
    );
  const [one, other] = [JSON.stringify(given), JSON.stringify(effective)];
  return one === other ? [] : [`${path} is ${one?.slice(0, 60)}, in effect ${other?.slice(0, 60)}`];
}

/** Parts of `tokenizer.json` that the class builds anew. */
function overridden({ folder, json: given }: TokenizerFolder, tokenizer: EffectiveTokenizer): string[] {
  if (given === undefined || tokenizer.options === undefined) return [];
  const { json, class: own } = tokenizer;
  const parts = ['normalizer', 'pre_tokenizer'] as const;
  const changed = parts.flatMap((part) => differences(given[part] ?? null, json[part], part));
  const [was, is] = [given.model.type ?? json.model.type, json.model.type];
  if (was !== is) changed.push(`model.type is ${JSON.stringify(was)}, in effect ${JSON.stringify(is)}`);
  return changed.map(
    (change) =>
      `${join(folder, 'tokenizer.json')}: ${change}: ${own.name} (${own.source}) and tokenizer_config.json win, as in Python; "tokenizer_class": "PreTrainedTokenizerFast" takes tokenizer.json as it is`,
  );
}

/** Settings that a `tokenizer.json` taken as it is contradicts. */
function ignored({ folder, json, config }: TokenizerFolder, { class: own }: EffectiveTokenizer): string[] {
  if (own.kind !== 'json' || json === undefined || config === undefined) return [];
  const parts = [json.normalizer, json.pre_tokenizer].map((part) => (isObject(part) ? part : {}));
  return Object.entries(SETTING_OF).flatMap(([name, key]) => {
    const effective = parts.map((part) => part[key]).find((value) => value !== undefined);
    if (config[name] === undefined || effective === undefined || config[name] === effective) return [];
    return [
      `${join(folder, 'tokenizer_config.json')}: ${name} is ${JSON.stringify(config[name])}, in effect ${JSON.stringify(effective)}: ${own.name} takes tokenizer.json as it is, as in Python`,
    ];
  });
}

/** Names of a setting in `tokenizer_config.json` and in the parts of `tokenizer.json`. */
const SETTING_OF = {
  do_lower_case: 'lowercase',
  strip_accents: 'strip_accents',
  tokenize_chinese_chars: 'handle_chinese_chars',
  add_prefix_space: 'add_prefix_space',
} as const;

/** A `vocab.txt` of other tokens than the `tokenizer.json` beside it. */
function otherVocabulary(
  { folder, json, vocabTxt }: TokenizerFolder,
  { vocabulary }: EffectiveTokenizer,
): string[] {
  if (json === undefined || vocabTxt === undefined) return [];
  const others = [...parseVocabTxt(vocabTxt)].filter(([token, id]) => vocabulary.ids.get(token) !== id);
  if (others.length === 0) return [];
  return [
    `${join(folder, 'vocab.txt')}: not read, as in Python: tokenizer.json has a vocabulary of its own, without ${others.length} of these tokens (${quoted(others.map(([token]) => token))}); remove tokenizer.json to use vocab.txt`,
  ];
}

/** Added tokens whose id in a file is not the one that they get. */
function renumbered({ added, special }: EffectiveTokenizer): string[] {
  return added.flatMap(({ content, id }) => {
    const wanted = special.wanted.get(content);
    if (wanted === undefined || wanted.id === id) return [];
    return [
      `${wanted.file}: '${content}' has the id ${wanted.id} there and gets ${id}, as in Python: ids of added tokens follow the vocabulary without a gap`,
    ];
  });
}

/** Special tokens that neither the vocabulary nor a file with ids knows. */
function appended({ added, special, vocabulary }: EffectiveTokenizer): string[] {
  const fresh = added.filter(({ content }) => !vocabulary.ids.has(content) && !special.wanted.has(content));
  if (fresh.length === 0) return [];
  const ids = fresh.map(({ content, id }) => `'${content}' (${id})`).join(', ');
  return [
    `${vocabulary.path}: added at the end of the vocabulary, where they were missing, as in Python: ${ids}`,
  ];
}

function duplicated({ vocabulary }: EffectiveTokenizer): string[] {
  const highest = highestId(vocabulary);
  const gaps = highest + 1 - vocabulary.ids.size;
  if (gaps <= 0) return [];
  return [
    `${vocabulary.path}: ${gaps} of ${highest + 1} ids have no token: a token that stands twice has its last id, as in Python`,
  ];
}

function unread(files: TokenizerFolder, { special, added, class: own }: EffectiveTokenizer): string[] {
  const byConfig = special.settings.added_tokens_decoder !== undefined;
  const lost = byConfig
    ? Object.keys(files.addedTokens ?? {}).filter((token) => !added.some(({ content }) => content === token))
    : [];
  return [
    ...(lost.length === 0
      ? []
      : [
          `${join(files.folder, 'added_tokens.json')}: not read, as in Python: added_tokens_decoder in tokenizer_config.json takes its place; it lacks ${quoted(lost)}`,
        ]),
    ...(own.known
      ? []
      : [
          `${own.source}: tokenizer_class '${own.name}' is unknown: tokenizer.json is taken as it is, as in Python`,
        ]),
  ];
}

/** Token types that the template has and that Python's class does not hand out. */
function typesUnsaid(
  { folder }: TokenizerFolder,
  tokenizer: EffectiveTokenizer,
  hasTypes: boolean,
): string[] {
  const { class: own, special } = tokenizer;
  const names = special.settings.model_input_names;
  const typed = own.kind === 'wordpiece' && !own.name.startsWith('DistilBert');
  const given = Array.isArray(names) ? names.includes('token_type_ids') : typed;
  if (!hasTypes || given || isDecoderClass(own.name)) return [];
  return [
    `${join(folder, 'tokenizer_config.json')}: ${own.name} without "token_type_ids" in model_input_names: Python hands out no token types, so that a model takes the second text of a pair for type 0; here it is type 1, as the template says`,
  ];
}

/** @param hasTypes whether the second text of a pair has a token type of its own */
export function tokenizerWarnings(
  files: TokenizerFolder,
  tokenizer: EffectiveTokenizer,
  hasTypes: boolean,
): readonly string[] {
  return [
    ...typesUnsaid(files, tokenizer, hasTypes),
    ...unread(files, tokenizer),
    ...overridden(files, tokenizer),
    ...ignored(files, tokenizer),
    ...otherVocabulary(files, tokenizer),
    ...lowerCased(tokenizer),
    ...renumbered(tokenizer),
    ...appended(tokenizer),
    ...duplicated(tokenizer),
  ];
}
