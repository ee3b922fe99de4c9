/** Metrics of generated texts against sacrebleu, e2e-metrics and coco-caption (test/golden/generation_metrics.py). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bleu } from '../../src/metrics/generation/bleu.js';
import { cider } from '../../src/metrics/generation/cider.js';
import { nist } from '../../src/metrics/generation/nist.js';
import { rougeL } from '../../src/metrics/generation/rouge.js';
import { treebankTokens } from '../../src/metrics/generation/treebank.js';
import { goldenJson } from '../golden/golden.js';

interface Corpus {
  readonly predictions: string[];
  readonly references: string[][];
  readonly sacrebleu: number;
  readonly sacrebleu_lowercase: number;
  readonly e2e_bleu: number;
  readonly nist: number;
  readonly rouge_l: number;
  readonly cider: number;
}
const { corpora, tokens } = goldenJson<{ corpora: Corpus[]; tokens: [string, string][] }>(
  'generation_metrics.json',
);

const near = (actual: number, wanted: number, tolerance: number, what: string): void =>
  assert.ok(Math.abs(actual - wanted) <= tolerance, `${what}: ${actual}, wanted ${wanted}`);

test('BLEU: sacrebleu, and e2e-metrics where every order has a hit', () => {
  for (const { predictions, references, ...scores } of corpora) {
    near(bleu(predictions, references), scores.sacrebleu, 1e-9, 'cased');
    const lower = bleu(predictions, references, { lowercase: true });
    near(lower, scores.sacrebleu_lowercase, 1e-9, 'lower case');
    // e2e-metrics counts one token in an empty text, and smooths by next to nothing.
    const alike = scores.e2e_bleu > 0.01 && !predictions.includes('');
    if (alike) near(lower, 100 * scores.e2e_bleu, 1e-9, 'e2e-metrics');
  }
});

test('NIST, ROUGE-L, CIDEr', () => {
  for (const { predictions, references, ...scores } of corpora) {
    near(nist(predictions, references), scores.nist, 1e-9, 'nist');
    near(rougeL(predictions, references), scores.rouge_l, 1e-9, 'rouge_l');
    near(cider(predictions, references), scores.cider, 1e-6, 'cider');
  }
});

test('Penn Treebank tokens', () => {
  for (const [text, wanted] of tokens) assert.equal(treebankTokens(text).join(' '), wanted, text);
});

test('one line for what cannot be scored', () => {
  assert.throws(() => bleu([], []), /0 texts, 0 lists of references/);
  assert.throws(() => nist(['a'], []), /1 texts, 0 lists/);
  assert.throws(() => cider(['a', 'b'], [['a'], []]), /text 2 has no reference/);
});
