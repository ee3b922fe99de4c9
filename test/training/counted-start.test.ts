/** The counted start: a model that predicts masked words above chance before its first step, the same at any number of threads. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildCorpus, type Corpus } from '../../src/datasets/corpus.js';
import { heldOutBatches, maskingVocabulary } from '../../src/datasets/masking.js';
import { newModelConfig } from '../../src/experiments/create-model.js';
import { initialise } from '../../src/models/initialise.js';
import type { ParameterSpec } from '../../src/models/parameters.js';
import { modelSpecs } from '../../src/models/specs.js';
import { uniform } from '../../src/random.js';
import { loadTokenizer, type TextTokenizer } from '../../src/tokenizers/tokenizer.js';
import { trainVocabulary, writeTokenizer } from '../../src/tokenizers/train.js';
import { evaluateMaskedLm } from '../../src/training/pretrain.js';
import { countCooccurrence } from '../../src/training/start/cooccurrence.js';
import { startFromCounts } from '../../src/training/start/counted-start.js';

const GROUPS = [
  ['cat', 'dog', 'fox'],
  ['eats', 'sees', 'likes'],
  ['corn', 'milk', 'rice'],
  ['today', 'now', 'again'],
  ['because', 'while', 'until'],
  ['red', 'blue', 'green'],
  ['ships', 'cars', 'trains'],
  ['leave', 'stop', 'turn'],
] as const;

let home: string;
let corpus: Corpus;
let tokenizer: TextTokenizer;
let vocabSize: number;

/** Sentences of one word from each group in turn: a word's neighbours tell its group. */
before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-counted-'));
  const draws = uniform({ seed: 3, stream: 9, step: 0 }, 300 * 40);
  const documents = Array.from({ length: 300 }, (_, document) =>
    Array.from({ length: 40 }, (_, word) => {
      const draw = Math.floor((draws[document * 40 + word] as number) * 3);
      return (GROUPS[word % 8] as readonly string[])[draw];
    }).join(' '),
  );
  const file = join(home, 'text.txt');
  await writeFile(file, documents.join('\n\n'));
  const vocabulary = trainVocabulary(documents, { vocabSize: 113, lowercase: true });
  await writeTokenizer(join(home, 'tokenizer'), vocabulary, { lowercase: true });
  tokenizer = await loadTokenizer(join(home, 'tokenizer'));
  vocabSize = tokenizer.vocabSize;
  corpus = await buildCorpus(join(home, 'corpus'), {
    files: [file],
    tokenizer: join(home, 'tokenizer'),
    ...{ vocabSize, length: 32, heldOutShare: 0.2 },
  });
});

after(() => rm(home, { recursive: true }));

const HEAD = { kind: 'masked-lm' } as const;

async function heldOutLoss(
  heads: number,
  counted: boolean,
  threads = 1,
): Promise<[number, Map<string, Float32Array>]> {
  const config = {
    ...newModelConfig(2, 32, heads, vocabSize),
    hiddenDropoutProb: 0,
    attentionProbsDropoutProb: 0,
  };
  const specs: readonly ParameterSpec[] = modelSpecs(config, HEAD);
  const parameters = new Map(specs.map((spec) => [spec.name, initialise(spec, config, 1)]));
  if (counted) await startFromCounts(config, parameters, corpus.train, tokenizer, { seed: 1, threads });
  const masking = { seed: 2, rows: 8, probability: 0.15, wholeWords: false };
  const batches = heldOutBatches(corpus.heldOut, maskingVocabulary(tokenizer), masking);
  const { loss } = await evaluateMaskedLm(config, specs, parameters, batches, { threads });
  return [loss, parameters];
}

test('before its first step it predicts masked words better than their shares do', async () => {
  const [random] = await heldOutLoss(2, false);
  const [counted] = await heldOutLoss(2, true);
  // 24 words of equal share: no better than ln 24 = 3.2 without a look at the neighbours, ln 3 = 1.1 at best.
  assert.ok(random > 3.5, `random weights: ${random}`);
  assert.ok(counted < 2.9, `counted weights: ${counted}`);
});

test('the same weights at one and at two threads', async () => {
  const [, one] = await heldOutLoss(2, true, 1);
  const [, two] = await heldOutLoss(2, true, 2);
  for (const [name, values] of one) assert.deepEqual(two.get(name), values, name);
});

test('words of one group have vectors that point one way', async () => {
  const { special } = maskingVocabulary(tokenizer);
  const counting = { vocabSize, special, size: 7, distances: [-1, 1], rank: 4, seed: 1, threads: 1 };
  const { vectors } = await countCooccurrence(corpus.train, counting);
  const rowOf = (word: string) => vectors.getRowVector(tokenizer.tokenizer.tokenToId(word) as number);
  const cosine = (a: string, b: string): number =>
    rowOf(a).dot(rowOf(b)) / (rowOf(a).norm() * rowOf(b).norm());
  for (const group of GROUPS)
    for (const word of group.slice(1))
      assert.ok(cosine(group[0], word) > 0.9, `${word} ${cosine(group[0], word)}`);
  assert.ok(cosine('cat', 'eats') < 0.5);
  assert.ok(cosine('corn', 'today') < 0.5);
});

test('a model without room for words beside positions is refused', async () => {
  await assert.rejects(
    heldOutLoss(1, true),
    /at least 2 heads of even size, got 1 of 32: change --heads or --hidden/,
  );
});
