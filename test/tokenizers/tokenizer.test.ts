/** Token ids against `@huggingface/transformers`, from tokenizer.json and from vocab.txt alone; truncation; errors. */
import assert from 'node:assert/strict';
import { access, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AutoTokenizer, env } from '@huggingface/transformers';
import { readSplit } from '../../src/datasets/source.js';
import { findTask } from '../../src/datasets/task.js';
import { encodeTexts, loadTokenizer, longestFirst } from '../../src/tokenizers/tokenizer.js';
import { trainVocabulary, writeTokenizer } from '../../src/tokenizers/train.js';
import { learnWordPieces } from '../../src/tokenizers/wordpiece-trainer.js';
import { packageRoot } from '../golden/golden.js';
import { temporaryFolder } from '../temporary-folder.js';

env.allowRemoteModels = false;

const TEXTS = [
  'The film is dull.',
  "Don't miss it, Zoë's naïve café scene – 日本語 too!",
  '  many   blanks\tand\u00a0no-break \u200b zero width ',
  'unbelievablyunsegmentablewordthatgoesonandonandonandonandonandonandonandonandonandonandonandonandonandonandonandonandonandon',
  '[MASK] in text, [SEP] too',
  '😀 emoji & symbols ©',
  '',
];

type TransformersTokenizer = (
  text: string,
  options: Record<string, unknown>,
) => { input_ids: number[]; token_type_ids?: number[] };

async function compare(folder: string, texts: readonly string[]): Promise<void> {
  const theirs = (await AutoTokenizer.from_pretrained(folder)) as unknown as TransformersTokenizer;
  const ours = await loadTokenizer(folder);
  const plain = await encodeTexts(
    ours,
    texts.map((text) => [text] as const),
    512,
  );
  const pairs = await encodeTexts(
    ours,
    texts.map((text, i) => [text, texts[(i + 1) % texts.length] as string] as const),
    512,
  );
  texts.forEach((text, i) => {
    const one = theirs(text, { return_tensor: false, truncation: true, max_length: 512 });
    assert.deepEqual([...(plain[i]?.inputIds ?? [])], [...one.input_ids], text);
    // transformers.js takes an empty second text for none; Python's tokenizers and ours do not.
    if (texts[(i + 1) % texts.length] === '') return;
    const two = theirs(text, {
      text_pair: texts[(i + 1) % texts.length],
      return_tensor: false,
      truncation: true,
      max_length: 512,
    });
    assert.deepEqual([...(pairs[i]?.inputIds ?? [])], [...two.input_ids], text);
    assert.deepEqual([...(pairs[i]?.tokenTypeIds ?? [])], [...(two.token_type_ids ?? [])], text);
  });
}

const corpus = [...TEXTS, 'the cast is warm and the plot is not dull', 'a café scene in the film'];

test('a vocabulary of our own: ids are those of transformers.js, from tokenizer.json and from vocab.txt', async () => {
  const folder = temporaryFolder();
  const vocabulary = trainVocabulary(corpus, { vocabSize: 120, lowercase: true });
  assert.deepEqual(
    [vocabulary.length, vocabulary.slice(0, 5)],
    [120, ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']],
  );
  assert.equal(new Set(vocabulary).size, 120);
  await writeTokenizer(folder, vocabulary, { lowercase: true });
  await compare(folder, TEXTS);
  const whole = await loadTokenizer(folder, 120);
  const fromJson = await encodeTexts(whole, [['The film']], 64);
  await rm(join(folder, 'tokenizer.json'));
  assert.deepEqual(await encodeTexts(await loadTokenizer(folder, 120), [['The film']], 64), fromJson);
  await assert.rejects(loadTokenizer(folder, 100), /the tokenizer has 120 tokens, the model only 100/);
});

test('the first n tokens are what training for n gives', async () => {
  const [small, large] = [100, 130].map((vocabSize) =>
    trainVocabulary(corpus, { vocabSize, lowercase: true }),
  );
  assert.deepEqual(small, large?.slice(0, 100));
  assert.throws(
    () => trainVocabulary(['a b'], { vocabSize: 100, lowercase: true }),
    /gives \d+ tokens, 100 wanted/,
  );
});

test('merges: the most frequent pair first, ties in order (worked by hand)', () => {
  const words = new Map([
    ['low', 5],
    ['lower', 2],
    ['newest', 6],
    ['widest', 3],
  ]);
  const learnt = learnWordPieces(words, 20);
  assert.deepEqual(learnt.slice(0, 3), ['l', 'n', 'w']);
  assert.deepEqual(learnt.filter((token) => token.replace('##', '').length > 1).slice(0, 4), [
    '##es',
    '##est',
    '##ow',
    'low',
  ]);
});

test('the longer text gives first, as in Hugging Face', () => {
  assert.deepEqual(longestFirst(3, 4, 10), [3, 4]);
  assert.deepEqual(longestFirst(3, 20, 10), [3, 7]);
  assert.deepEqual(longestFirst(20, 3, 10), [7, 3]);
  assert.deepEqual(longestFirst(20, 30, 11), [5, 6]);
  assert.deepEqual(longestFirst(30, 20, 11), [6, 5]);
});

test('errors: no tokenizer, a malformed one', async () => {
  const folder = temporaryFolder();
  await assert.rejects(loadTokenizer(folder), /no tokenizer\.json and no vocab\.txt/);
  await writeFile(join(folder, 'tokenizer.json'), '{"version": 1');
  await assert.rejects(loadTokenizer(folder), /tokenizer\.json:1:14: not JSON: expected ',' or '}'/);
});

test('bert-base-uncased on real sentences, where it is at hand', async (context) => {
  const shared = join(packageRoot, '../shared/data');
  if (
    await access(shared).then(
      () => false,
      () => true,
    )
  )
    return context.skip('no ../shared/data here');
  const { examples } = await readSplit(join(shared, 'glue'), findTask('mrpc'), 'dev');
  await compare(join(shared, 'models/bert-base-uncased-tokenizer'), [
    ...TEXTS,
    ...examples.slice(0, 200).flatMap(({ texts }) => texts),
  ]);
});
