/** What a reader is warned of, what is refused, and what the hash of a tokenizer covers. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DataError } from '../../src/errors.js';
import { encodeTexts, loadTokenizer } from '../../src/tokenizers/tokenizer.js';
import { casedJson, folderOf, mergesTxt, VOCABULARY, vocabJson, vocabTxt } from './folder-files.js';

const bert = { model_type: 'bert' };
const base = { 'config.json': bert, 'vocab.txt': vocabTxt };
const lower = { ...base, 'tokenizer_config.json': { do_lower_case: true } };

const warningsOf = async (files: Readonly<Record<string, unknown>>): Promise<string> =>
  (await loadTokenizer(await folderOf(files))).warnings.join('\n');

async function idsOf(folder: string, text: string): Promise<number[]> {
  const [row] = await encodeTexts(await loadTokenizer(folder), [[text]], 64);
  return [...(row?.inputIds ?? [])];
}

test('nothing to warn of: one line less to read', async () => {
  assert.equal(await warningsOf(lower), '');
  assert.equal(
    await warningsOf({
      ...base,
      'tokenizer_config.json': { do_lower_case: false },
      'tokenizer.json': casedJson,
    }),
    '',
  );
});

const WARNED: Readonly<Record<string, [Readonly<Record<string, unknown>>, RegExp]>> = {
  'a cased vocabulary, lower-cased by default': [
    base,
    /vocab\.txt: 1 of 14 tokens have capitals \("Paris"\), and text is lower-cased.*"do_lower_case": false/,
  ],
  'tokenizer.json overridden': [
    {
      'config.json': bert,
      'tokenizer.json': casedJson,
      'tokenizer_config.json': { do_lower_case: true, strip_accents: false },
    },
    /normalizer\.strip_accents is null, in effect false.*\n.*normalizer\.lowercase is false, in effect true: BertTokenizer \(.*model_type bert\)/,
  ],
  'ids that are not given': [
    { ...lower, 'added_tokens.json': { '[E1]': 20, '[E2]': 17 } },
    /'\[E2\]' has the id 17 there and gets 14.*\n.*'\[E1\]' has the id 20 there and gets 15/,
  ],
  'a special token that the vocabulary lacks': [
    { ...lower, 'tokenizer_config.json': { do_lower_case: true, cls_token: '<s>' } },
    /added at the end.*'<s>' \(14\)/,
  ],
  'a token twice': [{ ...lower, 'vocab.txt': `${vocabTxt}man\n` }, /1 of 15 ids have no token/],
  'added_tokens.json beside added_tokens_decoder': [
    {
      ...lower,
      'added_tokens.json': { '[E1]': 14 },
      'tokenizer_config.json': { do_lower_case: true, added_tokens_decoder: {} },
    },
    /added_tokens\.json: not read.*it lacks "\[E1\]"/,
  ],
  'an unknown class': [
    { ...lower, 'tokenizer.json': casedJson, 'tokenizer_config.json': { tokenizer_class: 'OurTokenizer' } },
    /'OurTokenizer' is unknown: tokenizer\.json is taken as it is/,
  ],
  'settings that tokenizer.json alone contradicts': [
    {
      'config.json': bert,
      'tokenizer.json': casedJson,
      'tokenizer_config.json': { tokenizer_class: 'TokenizersBackend', do_lower_case: true },
    },
    /tokenizer_config\.json: do_lower_case is true, in effect false: TokenizersBackend takes tokenizer\.json as it is/,
  ],
  'vocab.txt with other tokens than tokenizer.json': [
    { ...lower, 'tokenizer.json': casedJson, 'vocab.txt': vocabTxt.replace('walk', 'swim') },
    /vocab\.txt: not read.*without 1 of these tokens \("swim"\)/,
  ],
  'token types that Python does not hand out': [
    {
      'config.json': bert,
      'tokenizer.json': casedJson,
      'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast' },
    },
    /PreTrainedTokenizerFast without "token_type_ids" in model_input_names/,
  ],
};

for (const [name, [files, expected]] of Object.entries(WARNED))
  test(`warning: ${name}`, async () => {
    assert.match(await warningsOf(files), expected);
  });

const config = (settings: object): Readonly<Record<string, unknown>> => ({
  ...base,
  'tokenizer_config.json': settings,
});
const REFUSED: Readonly<Record<string, [Readonly<Record<string, unknown>>, RegExp]>> = {
  'no object': [
    { ...base, 'tokenizer_config.json': '[1]' },
    /tokenizer_config\.json: wanted a JSON object, got \[1\]/,
  ],
  'not JSON': [{ ...base, 'added_tokens.json': '{"[E1]": 14,\n' }, /added_tokens\.json:2:1: not JSON/],
  'an option of another type': [
    config({ do_lower_case: 'false' }),
    /tokenizer_config\.json: do_lower_case: wanted true or false, got "false"/,
  ],
  'an id that is no number': [
    { ...base, 'added_tokens.json': { '[E1]': 'x' } },
    /added_tokens\.json: id of '\[E1\]': wanted a whole number, got "x"/,
  ],
  'a token that is none': [
    config({ cls_token: 5 }),
    /tokenizer_config\.json: cls_token: wanted a token with its content, got 5/,
  ],
  'a list that is none': [
    config({ additional_special_tokens: 'x' }),
    /extra_special_tokens: wanted a list of tokens, got "x"/,
  ],
  'an odd decoder': [
    config({ added_tokens_decoder: { 14: 'x' } }),
    /added_tokens_decoder\.14: wanted a token with its content, got "x"/,
  ],
  'a flag that is none': [
    config({ mask_token: { content: '[MASK]', lstrip: 'yes' } }),
    /mask_token: lstrip: wanted true or false, got "yes"/,
  ],
  'no room for a class of its own': [
    config({ tokenizer_class: 'BertJapaneseTokenizer' }),
    /tokenizer_class 'BertJapaneseTokenizer' is not supported/,
  ],
  'a class without its file': [
    config({ tokenizer_class: 'PreTrainedTokenizerFast' }),
    /no tokenizer\.json, which PreTrainedTokenizerFast .* wants/,
  ],
  'no class token': [config({ cls_token: null }), /vocab\.txt: has no cls_token/],
  'an unknown token outside the vocabulary': [
    config({ unk_token: '<unk>' }),
    /unk_token '<unk>' is not among its 14 tokens/,
  ],
  'special tokens split': [
    config({ split_special_tokens: true }),
    /split_special_tokens: true is not supported/,
  ],
  'a limit that is none': [
    config({ model_max_length: 'long' }),
    /model_max_length: wanted a number of tokens, got "long"/,
  ],
  'two added tokens, one once lower-cased': [
    { ...lower, 'added_tokens.json': { Marker: 14, marker: 15 } },
    /'Marker' and 'marker' are one and the same in normalised text/,
  ],
  'a library file of another kind': [
    { ...base, 'tokenizer.json': { model: 3 } },
    /tokenizer\.json: has no model/,
  ],
  'ids that are none': [
    { ...base, 'tokenizer.json': { ...casedJson, model: { ...casedJson.model, vocab: { a: 'x' } } } },
    /vocabulary: wanted tokens with whole numbers, got \{"a":"x"\}/,
  ],
  'a merge that is none': [
    {
      'config.json': { model_type: 'roberta' },
      'vocab.json': vocabJson,
      'merges.txt': '#version: 0.2\na n\nman\n',
    },
    /merges\.txt:3: wanted two pieces with a blank between, got 'man'/,
  ],
  'merges that are missing': [
    { 'config.json': { model_type: 'roberta' }, 'vocab.json': vocabJson },
    /no tokenizer\.json, nor vocab\.json with merges\.txt/,
  ],
};

for (const [name, [files, expected]] of Object.entries(REFUSED))
  test(`refused: ${name}`, async () => {
    const folder = await folderOf(files);
    await assert.rejects(loadTokenizer(folder), (error: Error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, expected);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  });

test('a vocabulary in another encoding is refused, not read with replacement characters', async () => {
  const folder = await folderOf(base);
  await writeFile(join(folder, 'vocab.txt'), Buffer.from(`${VOCABULARY.join('\n')}\ncaf\u00e9\n`, 'latin1'));
  await assert.rejects(loadTokenizer(folder), /vocab\.txt: not UTF-8/);
});

test('only a line feed ends a line of vocab.txt: U+2028 and U+0085 do not shift the ids', async () => {
  const separators = await folderOf({
    ...lower,
    'vocab.txt': `[PAD]\n[UNK]\n[CLS]\n[SEP]\nx\u2028y\nx\u0085y\nman\n`,
  });
  assert.deepEqual(await idsOf(separators, 'man'), [2, 6, 3]);
});

test('a token that is named like a property of objects', async () => {
  const folder = await folderOf({
    ...lower,
    'vocab.txt': `${vocabTxt}constructor\n__proto__\n`,
    'added_tokens.json': { toString: 16 },
  });
  assert.deepEqual(await idsOf(folder, 'constructor'), [2, 14, 3]);
  assert.equal((await loadTokenizer(folder)).tokenizer.tokenToId('__proto__'), 15);
});

test('added tokens: within words, in other case, and a model with too few rows is refused', async () => {
  const folder = await folderOf({ ...lower, 'added_tokens.json': { '[E1]': 14, '[/E1]': 15 } });
  assert.deepEqual(await idsOf(folder, 'a[E1]man[/e1]'), [2, 5, 14, 6, 15, 3]);
  await assert.rejects(loadTokenizer(folder, 14), /the tokenizer has 16 tokens, the model only 14/);
});

test('RoBERTa from vocab.json and merges.txt, with and without a blank in front', async () => {
  const files = {
    'config.json': { model_type: 'roberta' },
    'vocab.json': vocabJson,
    'merges.txt': mergesTxt,
  };
  assert.deepEqual(await idsOf(await folderOf(files), 'man man'), [0, 10, 11, 2]);
  const prefixed = await folderOf({ ...files, 'tokenizer_config.json': { add_prefix_space: true } });
  assert.deepEqual(await idsOf(prefixed, 'man man'), [0, 11, 11, 2]);
});

test('the longest row: a number, or none where Python writes its very large one', async () => {
  const limitOf = async (model_max_length: unknown): Promise<number | undefined> =>
    (await loadTokenizer(await folderOf(config({ do_lower_case: true, model_max_length })))).modelMaxLength;
  assert.deepEqual(
    [await limitOf(128), await limitOf(1e30), await limitOf(null)],
    [128, undefined, undefined],
  );
});

test('the hash: every file that changes the meaning changes it, others do not', async () => {
  const hashOf = async (files: Readonly<Record<string, unknown>>): Promise<string> =>
    (await loadTokenizer(await folderOf(files))).hash;
  const changes: Readonly<Record<string, unknown>>[] = [
    lower,
    { ...lower, 'vocab.txt': `${vocabTxt}new\n` },
    { ...lower, 'tokenizer_config.json': { do_lower_case: false } },
    { ...lower, 'tokenizer_config.json': { strip_accents: false } },
    { ...lower, 'tokenizer_config.json': { tokenize_chinese_chars: false } },
    { ...lower, 'tokenizer_config.json': { mask_token: 'man' } },
    { ...lower, 'added_tokens.json': { '[E1]': 14 } },
    { ...lower, 'added_tokens.json': { '[E1]': 14 }, 'special_tokens_map.json': { cls_token: '[E1]' } },
    { ...lower, 'special_tokens_map.json': { additional_special_tokens: ['[E1]'] } },
    {
      ...lower,
      'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast' },
      'tokenizer.json': casedJson,
    },
    { 'config.json': { model_type: 'roberta' }, 'vocab.json': vocabJson, 'merges.txt': mergesTxt },
    {
      'config.json': { model_type: 'roberta' },
      'vocab.json': vocabJson,
      'merges.txt': '#version: 0.2\na n\nm an\n',
    },
  ];
  const hashes = await Promise.all(changes.map(hashOf));
  assert.equal(new Set(hashes).size, hashes.length);
  const same = [
    { ...lower, 'tokenizer.json': { ...casedJson, truncation: null } },
    {
      ...lower,
      'tokenizer_config.json': {
        do_lower_case: true,
        model_max_length: 64,
        tokenizer_class: 'BertTokenizerFast',
      },
    },
  ];
  for (const files of same) assert.equal(await hashOf(files), hashes[0]);
});
