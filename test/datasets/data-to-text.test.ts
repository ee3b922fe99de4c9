/** E2E and WebNLG: references by meaning representation, splits, prompts, labels, rows. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { makeBatch } from '../../src/datasets/batches.js';
import {
  type CompletionFeature,
  completionFeatures,
  type PromptFormat,
  promptIds,
} from '../../src/datasets/completion.js';
import { inputOutputs } from '../../src/datasets/data-to-text/example.js';
import { readDataToText } from '../../src/datasets/data-to-text/read.js';
import { exists } from '../../src/exists.js';
import { convertGguf } from '../../src/models/gguf-folder.js';
import { loadTokenizer, type TextTokenizer } from '../../src/tokenizers/tokenizer.js';
import { packageRoot } from '../golden/golden.js';
import { tinyLlama } from '../models/gguf-file.js';

const home = await mkdtemp(join(tmpdir(), 'progtuning-data-to-text-'));
after(() => rm(home, { recursive: true }));

async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(home, 'part-'));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

describe('E2E', () => {
  const rows = Array.from({ length: 10 }, (_, i) => [
    `"name[Pub ${i}], eatType[pub]","Pub ${i} is a pub, it's said."`,
    `"name[Pub ${i}], eatType[pub]",A pub: Pub ${i}.`,
  ]).flat();
  const file = ['mr,ref', ...rows].join('\n');

  test('references stand together', async () => {
    const folder = await folderOf({ 'testset_w_refs.csv': file });
    const { examples, notes } = await readDataToText(folder, 'e2e', 'test');
    assert.equal(examples.length, 10);
    assert.deepEqual(examples[3], {
      id: 'testset_w_refs.csv#4',
      input: 'name[Pub 3], eatType[pub]',
      references: ["Pub 3 is a pub, it's said.", 'A pub: Pub 3.'],
    });
    assert.deepEqual(notes, []);
    assert.equal(inputOutputs(examples).length, 20);
  });

  test('without trainset.csv two parts are cut from devset.csv, always the same', async () => {
    const folder = await folderOf({ 'devset.csv': file });
    const [train, dev, again] = [
      await readDataToText(folder, 'e2e', 'train'),
      await readDataToText(folder, 'e2e', 'dev'),
      await readDataToText(folder, 'e2e', 'train'),
    ];
    assert.deepEqual([train.examples.length, dev.examples.length], [8, 2]);
    assert.equal(new Set([...train.examples, ...dev.examples].map(({ input }) => input)).size, 10);
    assert.deepEqual(train, again);
    assert.match(train.notes[0] as string, /trainset.csv is missing: .* 8 and 2 meaning representations/);
    assert.notEqual(train.hash, dev.hash);
    const other = await readDataToText(folder, 'e2e', 'train', { seed: 2 });
    assert.notEqual(other.hash, train.hash);
    await writeFile(join(folder, 'trainset.csv'), file);
    assert.deepEqual((await readDataToText(folder, 'e2e', 'dev')).notes, []);
  });

  for (const [name, content, message] of [
    [
      'no references',
      'MR\n"name[A]"',
      /columns MR; wanted mr and ref: a file without references; the one with them is testset_w_refs.csv/,
    ],
    ['no slots', 'mr,ref\nAromi,A pub.', /:2: mr: wanted name\[value\], eatType\[value\] ..., got 'Aromi'/],
    ['no text', 'mr,ref\nname[A],', /:2: ref: is empty; remove the row/],
    ['nothing', 'mr,ref\n', /holds no meaning representation/],
  ] as const)
    test(name, async () => {
      const folder = await folderOf({ 'testset_w_refs.csv': content });
      await assert.rejects(readDataToText(folder, 'e2e', 'test'), message);
    });

  test('no file', async () => {
    const folder = await folderOf({});
    await assert.rejects(
      readDataToText(folder, 'e2e', 'train'),
      /devset.csv: no such file; the folder of E2E NLG holds trainset.csv/,
    );
  });
});

describe('WebNLG', () => {
  const entry = (extra: object = {}): string =>
    JSON.stringify({
      id: 'Airport/1/Id1',
      category: 'Airport',
      triples: ['Aarhus_Airport | runwayName | "10L/28R"', 'Aarhus | leaderName | Jacob_B.'],
      lexes: [{ text: 'One.', comment: 'good' }, { text: 'Two.' }],
      ...extra,
    });

  test('triples in one line', async () => {
    const folder = await folderOf({ 'dev.jsonl': entry(), 'train.jsonl': entry() });
    const { examples } = await readDataToText(folder, 'webnlg', 'dev');
    assert.deepEqual(examples, [
      {
        id: 'Airport/1/Id1',
        category: 'Airport',
        input: '<S> Aarhus Airport <P> runwayName <O> 10L/28R <S> Aarhus <P> leaderName <O> Jacob B.',
        references: ['One.', 'Two.'],
      },
    ]);
  });

  for (const [name, extra, message] of [
    [
      'a triple of two',
      { triples: ['a | b'] },
      /test.jsonl:1: triples: wanted 'subject \| predicate \| object', got 'a \| b'/,
    ],
    ['no text', { lexes: [] }, /test.jsonl:1: lexes: has no text/],
    ['no category', { category: 3 }, /test.jsonl:1: category: /],
  ] as const)
    test(name, async () => {
      const folder = await folderOf({ 'test.jsonl': entry(extra) });
      await assert.rejects(readDataToText(folder, 'webnlg', 'test'), message);
    });
});

const shared = join(packageRoot, '../shared/data');
test('the real files have as many as their README says', { skip: !(await exists(shared)) }, async () => {
  // Two entries of WebNLG's dev part have the same triples.
  const sizes: Record<string, readonly [number, number]> = {};
  for (const [task, part] of [
    ['e2e', 'test'],
    ['webnlg', 'dev'],
    ['webnlg', 'test'],
  ] as const) {
    const { examples } = await readDataToText(join(shared, task), task, part);
    sizes[`${task} ${part}`] = [examples.length, inputOutputs(examples).length];
  }
  assert.deepEqual(sizes, {
    'e2e test': [630, 4693],
    'webnlg dev': [871, 2268],
    'webnlg test': [1862, 4928],
  });
});

describe('prompts', () => {
  let tokenizer: TextTokenizer;
  before(async () => {
    const folder = join(home, 'model');
    await mkdir(folder);
    await writeFile(join(home, 'tiny.gguf'), tinyLlama());
    await convertGguf(join(home, 'tiny.gguf'), folder);
    tokenizer = await loadTokenizer(folder);
  });
  const pairs = [
    { id: 'one', input: 'abc', output: 'a b' },
    { id: 'two', input: 'name[b]', output: 'abcabcabc' },
  ];
  const halves = async ({ inputIds, labels }: CompletionFeature): Promise<[string, string]> => {
    const start = labels.findIndex((label) => label !== -100);
    assert.deepEqual([...labels.subarray(start)], [...inputIds.subarray(start)]);
    const text = (ids: Int32Array): Promise<string> => tokenizer.tokenizer.decode([...ids], false);
    return [await text(inputIds.subarray(0, start)), await text(inputIds.subarray(start))];
  };
  const CHAT = '<|im_start|>user\nabc<|im_end|>\n<|im_start|>assistant\n';

  test('plain: the answer and the end of text are learnt', async () => {
    const { features } = await completionFeatures(tokenizer, pairs, { kind: 'plain' }, 64);
    assert.deepEqual(await halves(features[0] as CompletionFeature), ['abc ->', ' a b<|im_end|>']);
    const [prompt] = await promptIds(tokenizer, ['abc'], { kind: 'plain' });
    assert.deepEqual(prompt, features[0]?.inputIds.slice(0, prompt?.length));
  });

  test('chat: the answer as the template ends it', async () => {
    const { features } = await completionFeatures(tokenizer, pairs, { kind: 'chat' }, 256);
    assert.deepEqual(await halves(features[0] as CompletionFeature), [CHAT, 'a b<|im_end|>\n']);
    const format: PromptFormat = { kind: 'chat', system: 'b', instruction: 'c: ' };
    const [prompt] = await promptIds(tokenizer, ['abc'], format);
    assert.equal(
      await tokenizer.tokenizer.decode([...(prompt as Int32Array)], false),
      `<|im_start|>system\nb<|im_end|>\n${CHAT.replace('abc', 'c: abc')}`,
    );
  });

  test('a window too small cuts the answer, never the prompt', async () => {
    const { features, report } = await completionFeatures(tokenizer, pairs, { kind: 'plain' }, 12);
    assert.equal(features[1]?.inputIds.length, 12);
    assert.deepEqual(report, { examples: 2, cut: 1, longest: 13 });
    await assert.rejects(
      completionFeatures(tokenizer, pairs, { kind: 'plain' }, 8),
      /two: its prompt has 8 tokens, the window 8: no answer fits \(1 of 2 examples; the longest prompt has 8\); raise --max-length/,
    );
  });

  test('rows: where the answer of each example begins', async () => {
    const { features } = await completionFeatures(tokenizer, pairs, { kind: 'plain' }, 32);
    const { labels, starts, inputIds } = makeBatch(features, {
      ...{ batchSize: 2, padTokenId: 0, maxLength: 32, shapes: 'any' },
    });
    const first = features.map((_, i) => inputIds[(starts[i] as number) + (labels[i] as number)]);
    assert.deepEqual(
      first,
      features.map(({ labels: of }) => of.find((label) => label !== -100)),
    );
  });
});
