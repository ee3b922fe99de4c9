/** What `saveTokenizer` writes, as `@huggingface/transformers` and our own loader read it (Python's reading: folders.test.ts). */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AutoTokenizer, env } from '@huggingface/transformers';
import { copyTokenizer } from '../../src/tokenizers/save.js';
import { encodeTexts, loadTokenizer } from '../../src/tokenizers/tokenizer.js';
import { casedJson, folderOf, mergesTxt, vocabJson, vocabTxt } from './folder-files.js';

env.allowRemoteModels = false;

const TEXTS = ['A man walks in Paris, née [E1]man[/E1].', 'paris'] as const;
const bert = { 'config.json': { model_type: 'bert' } };
const FOLDERS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'vocab.txt alone': { ...bert, 'vocab.txt': vocabTxt },
  'do_lower_case alone': {
    ...bert,
    'vocab.txt': vocabTxt,
    'tokenizer_config.json': { do_lower_case: false },
  },
  "Python's very large limit": {
    ...bert,
    'vocab.txt': vocabTxt,
    'tokenizer_config.json': { model_max_length: 1e30 },
  },
  'added tokens': { ...bert, 'vocab.txt': vocabTxt, 'added_tokens.json': { '[E1]': 14, '[/E1]': 15 } },
  TokenizersBackend: {
    ...bert,
    'tokenizer.json': casedJson,
    'tokenizer_config.json': { tokenizer_class: 'TokenizersBackend' },
  },
  'a tokenizer.json that no class builds': {
    ...bert,
    'tokenizer.json': { ...casedJson, normalizer: { type: 'Lowercase' } },
    'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast' },
  },
  RoBERTa: {
    'config.json': { model_type: 'roberta' },
    'vocab.json': vocabJson,
    'merges.txt': mergesTxt,
    'added_tokens.json': { '[E1]': 12 },
  },
};

interface Called {
  readonly input_ids: number[];
  readonly token_type_ids?: number[];
}
type Tokenizer = ((text: string, options: object) => Called) & { readonly model_max_length: number };

for (const [name, files] of Object.entries(FOLDERS))
  test(`for @huggingface/transformers: ${name}`, async () => {
    const [from, to] = [await folderOf(files), await folderOf({ 'added_tokens.json': { stale: 99 } })];
    await copyTokenizer(from, to, { maxLength: 512, reader: 'transformers.js' });
    const theirs = (await AutoTokenizer.from_pretrained(to)) as unknown as Tokenizer;
    const [row] = await encodeTexts(await loadTokenizer(from), [TEXTS], 512);
    const called = theirs(TEXTS[0], { text_pair: TEXTS[1], return_tensor: false });
    assert.deepEqual(called.input_ids, [...(row?.inputIds ?? [])]);
    const types = [...(row?.tokenTypeIds ?? [])];
    assert.deepEqual(called.token_type_ids ?? types.map(() => 0), types);
    assert.equal(theirs.model_max_length, 512);
    assert.ok(!(await readdir(to)).includes('added_tokens.json'));
  });

test('a limit of its own that is smaller stays; a role that is not filled stays so', async () => {
  const settings = { do_lower_case: true, model_max_length: 128, pad_token: null };
  const [from, to] = [
    await folderOf({ ...bert, 'vocab.txt': vocabTxt, 'tokenizer_config.json': settings }),
    await folderOf({}),
  ];
  await copyTokenizer(from, to, { maxLength: 512 });
  const written = JSON.parse(await readFile(join(to, 'tokenizer_config.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  assert.deepEqual(
    [written.tokenizer_class, written.model_max_length, written.pad_token],
    ['BertTokenizer', 128, null],
  );
  assert.equal(await readFile(join(to, 'vocab.txt'), 'utf8'), vocabTxt);
  assert.equal((await loadTokenizer(to)).hash, (await loadTokenizer(from)).hash);
});

test('for Python a tokenizer.json that no class builds keeps the class that takes it as it is', async () => {
  const [from, to] = [
    await folderOf(FOLDERS['a tokenizer.json that no class builds'] ?? {}),
    await folderOf({}),
  ];
  await copyTokenizer(from, to);
  const written = JSON.parse(await readFile(join(to, 'tokenizer_config.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  assert.deepEqual(
    [written.tokenizer_class, written.model_input_names],
    ['PreTrainedTokenizerFast', ['input_ids', 'token_type_ids', 'attention_mask']],
  );
});

test('a folder without a tokenizer gives none', async () => {
  const to = await folderOf({});
  await copyTokenizer(await folderOf({ 'config.json': {} }), to);
  assert.deepEqual(await readdir(to), []);
});
