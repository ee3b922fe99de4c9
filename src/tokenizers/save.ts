/**
 * A loaded tokenizer as a folder: all that Python's `from_pretrained` and `@huggingface/transformers` need to give the same ids, token
 * types and offsets, whatever files it was read from.
 */
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BYTE_LEVEL_TOKENS } from './byte-level.js';
import { TOKENIZER_FILES } from './files.js';
import { emptyFolder, isObject, type JsonObject } from './folder.js';
import { loadTokenizer, type TextTokenizer, textTokenizer } from './tokenizer.js';
import { vocabularyLines, WORDPIECE_TOKENS } from './wordpiece.js';

export interface SaveTokenizerOptions {
  /** Tokens in a row that the model takes: the limit that is written, unless the tokenizer's own is smaller. */
  readonly maxLength?: number | undefined;
  /**
   * Who will read the folder, Python's transformers by default. It matters for a `tokenizer.json` that no class rebuilds:
   * `@huggingface/transformers` gives token types for a class that it knows to have them, and takes the file as it is in any case.
   */
  readonly reader?: 'transformers' | 'transformers.js';
}

/** The same tokenizer under the class that builds it, where there is one: both readers then know its token types. */
async function underItsClass(tokenizer: TextTokenizer): Promise<TextTokenizer> {
  const { class: own, json, special, chatTemplate } = tokenizer.effective;
  if (own.kind !== 'json') return tokenizer;
  const { normalizer, post_processor: frame } = json;
  const bert = isObject(normalizer) && normalizer.type === 'BertNormalizer' ? normalizer : undefined;
  const bpe = isObject(frame) && frame.type === 'RobertaProcessing' ? frame : undefined;
  if (bert === undefined && bpe === undefined) return tokenizer;
  const settings = bert
    ? {
        tokenizer_class: 'BertTokenizer',
        do_lower_case: bert.lowercase,
        strip_accents: bert.strip_accents,
        tokenize_chinese_chars: bert.handle_chinese_chars,
      }
    : {
        tokenizer_class: 'RobertaTokenizer',
        add_prefix_space: bpe?.add_prefix_space,
        trim_offsets: bpe?.trim_offsets,
      };
  const config = {
    ...{ ...settings, ...special.named, model_max_length: tokenizer.modelMaxLength },
    ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate.text }),
  };
  const rebuilt = await textTokenizer({ ...emptyFolder('rebuilt'), json, config }).catch(() => undefined);
  return rebuilt?.hash === tokenizer.hash ? rebuilt : tokenizer;
}

const CLASSES = {
  wordpiece: 'BertTokenizer',
  'byte-level': 'RobertaTokenizer',
  json: 'PreTrainedTokenizerFast',
};

const DEFAULTS = { wordpiece: WORDPIECE_TOKENS, 'byte-level': BYTE_LEVEL_TOKENS };

function configOf(
  { effective, pair, modelMaxLength }: TextTokenizer,
  { maxLength, reader }: SaveTokenizerOptions,
): JsonObject {
  const { class: own, options, special, added } = effective;
  const inRole = new Set(Object.values(special.named));
  const extra = added.filter((token) => token.special && !inRole.has(token.content));
  const limits = [modelMaxLength, maxLength].filter((limit) => limit !== undefined);
  const hasTypes = pair.types.some((type) => type !== 0);
  const kind = own.kind === 'json' && reader === 'transformers.js' && hasTypes ? 'wordpiece' : own.kind;
  // A role that the tokenizer does not have: else the class would give it its default.
  const noRoles =
    own.kind === 'json'
      ? {}
      : Object.fromEntries(Object.keys(DEFAULTS[own.kind]).map((role) => [role, null]));
  return {
    tokenizer_class: CLASSES[kind],
    ...options,
    ...(limits.length > 0 ? { model_max_length: Math.min(...limits) } : {}),
    model_input_names: ['input_ids', ...(hasTypes ? ['token_type_ids'] : []), 'attention_mask'],
    ...noRoles,
    ...special.named,
    // The old name of `extra_special_tokens`: transformers 4 and 5 read it.
    ...(extra.length > 0 ? { additional_special_tokens: extra.map(({ content }) => content) } : {}),
    ...(effective.chatTemplate === undefined ? {} : { chat_template: effective.chatTemplate.text }),
  };
}

/**
 * Writes `tokenizer.json`, `tokenizer_config.json` and, for a WordPiece vocabulary, `vocab.txt`. Other tokenizer files that lie in the
 * folder would mean something else: they are removed.
 */
export async function saveTokenizer(
  folder: string,
  tokenizer: TextTokenizer,
  options: SaveTokenizerOptions = {},
): Promise<void> {
  const given = await underItsClass(tokenizer);
  const { json, class: own } = given.effective;
  const lines = own.kind === 'wordpiece' ? vocabularyLines(json) : undefined;
  const files = new Map([
    ...(lines === undefined ? [] : [['vocab.txt', `${lines.join('\n')}\n`] as const]),
    ['tokenizer.json', JSON.stringify(json)],
    ['tokenizer_config.json', `${JSON.stringify(configOf(given, options), null, 2)}\n`],
  ]);
  await mkdir(folder, { recursive: true });
  for (const name of TOKENIZER_FILES) if (!files.has(name)) await rm(join(folder, name), { force: true });
  for (const [name, text] of files) {
    const partial = join(folder, `${name}.partial`);
    await writeFile(partial, text);
    await rename(partial, join(folder, name));
  }
}

/** The tokenizer of one folder in another; a folder without one gives none. @throws DataError where it is malformed */
export async function copyTokenizer(
  from: string,
  to: string,
  options: SaveTokenizerOptions = {},
): Promise<void> {
  const there = await Promise.all(
    TOKENIZER_FILES.map((name) =>
      access(join(from, name)).then(
        () => true,
        () => false,
      ),
    ),
  );
  if (there.includes(true)) await saveTokenizer(to, await loadTokenizer(from), options);
}
