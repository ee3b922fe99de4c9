import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { decodeSpans, type SpanCandidate, type SpanOptions, topPositions } from '../../src/metrics/spans.js';

interface Golden {
  readonly contextStart: number;
  readonly questions: readonly {
    readonly id: string;
    readonly context: string;
    readonly windows: readonly {
      readonly offsets: number[];
      readonly start: number[];
      readonly end: number[];
    }[];
  }[];
  readonly cases: readonly {
    readonly options: SpanOptions;
    readonly answers: readonly {
      readonly text: string;
      readonly nbest: SpanCandidate[];
      readonly odds: number | null;
    }[];
  }[];
}

const path = new URL('../../../test/golden/squad_spans.json', import.meta.url);
const golden = JSON.parse(readFileSync(path, 'utf8')) as Golden;
const flat = golden.questions.flatMap((q, example) => q.windows.map((w) => ({ ...w, example })));
const windows = flat.map(({ example, offsets }) => {
  return { example, contextStart: golden.contextStart, offsets: Int32Array.from(offsets) };
});
const logits = flat.map(({ start, end }) => ({
  start: Float32Array.from(start),
  end: Float32Array.from(end),
}));

describe('span decoding against numpy (golden/squad_spans.py)', () => {
  for (const { options, answers } of golden.cases)
    test(JSON.stringify(options), () => {
      const decoded = decodeSpans(golden.questions, windows, logits, options);
      for (const [i, { id }] of golden.questions.entries()) {
        const { text, nbest, odds } = answers[i]!;
        assert.equal(decoded.predictions.get(id), text, id);
        assert.equal(decoded.nullOdds.get(id) ?? null, odds, id);
        assertNear(decoded.nbest.get(id)!, nbest);
      }
    });
});

function assertNear(actual: readonly SpanCandidate[], expected: readonly SpanCandidate[]): void {
  const bare = (list: readonly SpanCandidate[]) => list.map(({ probability: _, ...rest }) => rest);
  assert.deepEqual(bare(actual), bare(expected));
  for (const [i, { probability }] of actual.entries())
    assert.ok(Math.abs(probability - expected[i]!.probability) < 1e-6);
}

describe('span decoding, small cases', () => {
  const questions = [{ id: 'q', context: 'red 😀 fox' }];
  const offsets = Int32Array.of(0, 3, 4, 6, 7, 10);
  const window = { example: 0, contextStart: 1, offsets };
  const scores = (start: number[], end: number[]) => ({
    start: Float32Array.from(start),
    end: Float32Array.from(end),
  });

  test('text is cut by UTF-16 offsets', () => {
    const { predictions } = decodeSpans(questions, [window], [scores([0, 0, 5, 0, 0], [0, 0, 0, 5, 0])]);
    assert.equal(predictions.get('q'), '😀 fox');
  });

  test('v2.0: no candidate with a text is no answer', () => {
    const blank = { ...window, offsets: Int32Array.of(3, 3, 3, 3, 3, 3) };
    const { predictions } = decodeSpans(questions, [blank], [scores([0, 1, 1, 1, 0], [0, 1, 1, 1, 0])], {
      withNoAnswer: true,
      nullScoreDiffThreshold: 100,
    });
    assert.equal(predictions.get('q'), '');
  });

  test('the least sure window gives the null score; the threshold is exceeded, not reached', () => {
    const two = [scores([9, 1, 0, 0, 0], [9, 1, 0, 0, 0]), scores([1, 2, 0, 0, 0], [2, 0, 0, 0, 0])];
    const at = (nullScoreDiffThreshold: number) =>
      decodeSpans(questions, [window, window], two, { withNoAnswer: true, nullScoreDiffThreshold });
    assert.equal(at(1).nullOdds.get('q'), 1); // 3 - (1 + 1)
    assert.equal(at(1).predictions.get('q'), 'red');
    assert.equal(at(0.99).predictions.get('q'), '');
  });

  test('scores that are not finite are named', () => {
    const broken = scores([0, Number.NaN, 0, 0, 0], [0, 0, 0, 0, 0]);
    assert.throws(() => decodeSpans(questions, [window], [broken]), /question q: .* not finite/);
  });

  test('highest scores first, of equal ones the later', () => {
    assert.deepEqual(topPositions(Float32Array.of(1, 3, 2, 3, 0), 3), [3, 1, 2]);
    assert.deepEqual(topPositions(Float32Array.of(1, 1, 1, 1), 2), [3, 2]);
    assert.deepEqual(topPositions(Float32Array.of(1, 2), 5), [1, 0]);
  });
});
