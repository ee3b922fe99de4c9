import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { readSquadFile } from '../../src/datasets/squad.js';
import { normalizeAnswer, tokenF1, tokenF1WithEmpty } from '../../src/metrics/answer-text.js';
import {
  missingPredictions,
  type SquadReference,
  type SquadScores,
  scoreSquadV1,
  scoreSquadV2,
} from '../../src/metrics/squad.js';

const ROOT = new URL('../../../', import.meta.url);
const SHARED = new URL('../shared/data/squad/', ROOT);

interface Golden {
  readonly normalized: readonly [string, string][];
  readonly references: readonly SquadReference[];
  readonly predictions: Record<string, string>;
  readonly na_probs: Record<string, number>;
  readonly v1: Record<string, number>;
  readonly v1_missing: Record<string, number>;
  readonly v2: Record<string, number>;
  readonly v2_na: Record<string, number>;
  readonly v2_na_threshold: Record<string, number>;
}

const golden = JSON.parse(readFileSync(new URL('test/golden/squad_metrics.json', ROOT), 'utf8')) as Golden;
const predictions = new Map(Object.entries(golden.predictions));
const naProbs = new Map(Object.entries(golden.na_probs));
const answered = golden.references.filter((r) => r.answers.length > 0);

function assertScores(actual: SquadScores, expected: Record<string, number>): void {
  assert.deepEqual(Object.keys(actual), Object.keys(expected));
  for (const [key, value] of Object.entries(actual))
    assert.ok(
      Math.abs(value - (expected[key] ?? Number.NaN)) < 1e-9,
      `${key}: ${value}, expected ${expected[key]}`,
    );
}

describe('SQuAD metrics against Python (golden/squad_metrics.py)', () => {
  test('normalisation of tricky strings', () => {
    for (const [text, expected] of golden.normalized)
      assert.equal(normalizeAnswer(text), expected, JSON.stringify(text));
  });

  test('v1.1', () => assertScores(scoreSquadV1(answered, predictions), golden.v1));

  test('v1.1: missing ids score 0', () => {
    const some = new Map([...predictions].filter(([id]) => !id.endsWith('7')));
    assertScores(scoreSquadV1(answered, some), golden.v1_missing);
    assert.ok(missingPredictions(answered, some).every((id) => id.endsWith('7')));
    assert.equal(missingPredictions(answered, predictions).length, 0);
  });

  test('v2.0, without and with no-answer probabilities', () => {
    assertScores(scoreSquadV2(golden.references, predictions), golden.v2);
    assertScores(scoreSquadV2(golden.references, predictions, { naProbs }), golden.v2_na);
    const options = { naProbs, naProbThreshold: 0.4 };
    assertScores(scoreSquadV2(golden.references, predictions, options), golden.v2_na_threshold);
  });
});

describe('SQuAD metrics, small cases', () => {
  test('two empty texts: F1 0 in v1.1, 1 in v2.0; exact in both', () => {
    assert.equal(tokenF1('The', 'a'), 0);
    assert.equal(tokenF1WithEmpty('The', 'a'), 1);
    assert.equal(scoreSquadV1([{ id: '1', answers: ['the'] }], new Map([['1', '']])).exact, 100);
  });

  test('repeated tokens count as often as both have them', () => {
    assert.equal(tokenF1('four four', 'four'), (2 * 1 * 0.5) / 1.5);
  });

  test('v2.0: a missing id scores 0 and stays in every total', () => {
    const references = [
      { id: 'has', answers: ['x'] },
      { id: 'none', answers: [] },
    ];
    const scores = scoreSquadV2(references, new Map([['has', 'x']]));
    assert.deepEqual([scores.exact, scores.total, scores.NoAns_exact, scores.NoAns_total], [50, 2, 0, 1]);
  });

  test('v2.0: an id that comes twice counts once, the last; v1.1 counts both', () => {
    const references = [
      { id: 'q', answers: ['x'] },
      { id: 'q', answers: ['y'] },
    ];
    const said = new Map([['q', 'y']]);
    assert.deepEqual(scoreSquadV1(references, said), { exact: 50, f1: 50, total: 2 });
    assert.equal(scoreSquadV2(references, said).exact, 100);
  });
});

/** Prediction file, data file, EM and F1: the rows of shared/data/README.md. */
const PUBLISHED = [
  ['v1.1.bert-ensemble', 'dev-v1.1', 86.206, 92.196],
  ['v1.1.slqa-plus', 'dev-v1.1', 81.949, 88.384],
  ['v1.1.match-lstm', 'dev-v1.1', 67.635, 76.756],
  ['v2.0.bert-single', 'dev-v2.0', 78.742, 81.775],
  ['v2.0.nlnet-single', 'dev-v2.0', 75.828, 78.778],
] as const;

describe('published predictions', {
  skip: existsSync(SHARED) ? false : 'no ../shared/data/squad here',
}, () => {
  for (const [name, data, exact, f1] of PUBLISHED)
    test(`${name}: EM ${exact}, F1 ${f1}`, async () => {
      const { version, examples } = await readSquadFile(new URL(`${data}.json`, SHARED).pathname);
      const references = examples.map(({ id, answers }) => ({ id, answers: answers.map((a) => a.text) }));
      const said = JSON.parse(readFileSync(new URL(`predictions/${name}.json`, SHARED), 'utf8'));
      assert.equal(version, data.slice(5));
      const scores = (version === '1.1' ? scoreSquadV1 : scoreSquadV2)(
        references,
        new Map(Object.entries(said)),
      );
      assert.ok(Math.abs(scores.exact - exact) <= 1e-3, `EM ${scores.exact}`);
      assert.ok(Math.abs(scores.f1 - f1) <= 1e-3, `F1 ${scores.f1}`);
    });
});
