/** Ids from `vocab.txt` alone against Hugging Face's Python library (test/golden/tokenizer.py): options, truncation of texts and pairs. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { encodeTexts, loadTokenizer } from '../../src/tokenizers/tokenizer.js';
import { goldenJson } from '../golden/golden.js';

interface Golden {
  readonly vocabulary: string[];
  readonly texts: string[];
  readonly plain: { readonly options: object; readonly ids: number[][] }[];
  readonly words: number[];
  readonly truncated: {
    readonly maxLength: number;
    readonly singles: number[][];
    readonly pairs: number[][];
    readonly types: number[][];
  }[];
}

const golden = goldenJson<Golden>('tokenizer.json');
const repeat = (word: string, count: number): string => new Array(count).fill(word).join(' ');

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'progtuning-vocab-'));
  await writeFile(join(folder, 'vocab.txt'), `${golden.vocabulary.join('\n')}\n`);
});
after(() => rm(folder, { recursive: true }));

for (const { options, ids } of golden.plain) {
  test(`tokenizer_config.json ${JSON.stringify(options)}`, async () => {
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(options));
    const rows = await encodeTexts(
      await loadTokenizer(folder),
      golden.texts.map((text) => [text] as const),
      512,
    );
    rows.forEach(({ inputIds }, i) => {
      assert.deepEqual([...inputIds], ids[i], golden.texts[i]);
    });
    await rm(join(folder, 'tokenizer_config.json'));
  });
}

test('truncation, longest first: each pair of lengths, ids and token types', async () => {
  const tokenizer = await loadTokenizer(folder);
  for (const { maxLength, singles, pairs, types } of golden.truncated) {
    const one = golden.words.map((a) => [repeat('a', a)] as const);
    const two = golden.words.flatMap((a) =>
      golden.words.map((b) => [repeat('a', a), repeat('b', b)] as const),
    );
    const ours = await encodeTexts(tokenizer, two, maxLength);
    assert.deepEqual(
      (await encodeTexts(tokenizer, one, maxLength)).map(({ inputIds }) => [...inputIds]),
      singles,
      `max length ${maxLength}`,
    );
    ours.forEach(({ inputIds, tokenTypeIds }, i) => {
      assert.deepEqual([...inputIds], pairs[i], `max length ${maxLength}: ${two[i]}`);
      assert.deepEqual([...tokenTypeIds], types[i], `max length ${maxLength}: ${two[i]}`);
    });
  }
});

test('a file that is no BERT vocabulary, and a config that is no JSON, are named', async () => {
  const other = await mkdtemp(join(tmpdir(), 'progtuning-vocab-'));
  await writeFile(join(other, 'vocab.txt'), 'a\nb\n');
  await assert.rejects(loadTokenizer(other), /vocab\.txt: unk_token '\[UNK\]' is not among its 2 tokens/);
  await writeFile(join(other, 'vocab.txt'), golden.vocabulary.join('\n'));
  await writeFile(join(other, 'tokenizer_config.json'), '{');
  await assert.rejects(loadTokenizer(other), /tokenizer_config\.json:1:2: not JSON/);
  await rm(other, { recursive: true });
});
