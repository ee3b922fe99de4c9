/** Greedy and beam search against transformers' `generate` (test/golden/generation.py), sampling against its warpers; stop strings and pieces. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { beamSearch } from '../../src/generation/beam-search.js';
import { decode } from '../../src/generation/decode.js';
import { penalised, softmax, warped } from '../../src/generation/logits.js';
import type { NextLogits, Row } from '../../src/generation/next-logits.js';
import { stopsAt, textPieces } from '../../src/generation/text.js';
import { goldenJson } from '../golden/golden.js';

interface Golden {
  readonly table: readonly number[][];
  readonly greedy: readonly { prompt: number[]; eos: number[]; penalty: number; ids: number[] }[];
  readonly beams: readonly {
    prompt: number[];
    eos: number[];
    beams: number;
    length: number;
    early: boolean | 'never';
    found: { ids: number[]; score: number }[];
  }[];
  readonly draws: readonly { temperature: number; k: number; p: number; probabilities: number[] }[];
}
const golden = goldenJson<Golden>('generation.json');
const table = golden.table.map((row) => Float32Array.from(row));

/** The golden script's model. Holds the promise of `parent`: the row that is continued is the one it names. */
function tableModel(): NextLogits {
  let former: readonly Row[] = [];
  return (rows) => {
    for (const { ids, parent } of rows)
      assert.deepEqual(
        parent === undefined ? [] : former[parent]?.ids,
        former.length ? ids.slice(0, -1) : [],
      );
    former = rows.map(({ ids, ...row }) => ({ ids: [...ids], ...row }));
    return rows.map(({ ids }) => {
      const [last, before] = [ids.at(-1) as number, ids.at(-2) ?? 0];
      return table[(7 * last + 3 * before + ids.length) % table.length] as Float32Array;
    });
  };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test('greedy, with ends of text and a repetition penalty', async () => {
  for (const { prompt, eos, penalty, ids } of golden.greedy) {
    const options = { maxNewTokens: 24, eosTokenIds: eos, repetitionPenalty: penalty };
    assert.deepEqual(await all(decode(tableModel(), prompt, options)), ids);
  }
});

test('beam search: every text that comes back, and its score', async () => {
  for (const { prompt, eos, beams, length, early, found } of golden.beams) {
    const ours = await beamSearch(tableModel(), prompt, {
      ...{ maxNewTokens: 12, eosTokenIds: eos, numBeams: beams },
      ...{ lengthPenalty: length, earlyStopping: early },
    });
    const where = JSON.stringify({ prompt, eos, beams, length, early });
    // Hugging Face fills up with texts that have not ended, at a score of -1e9.
    const theirs = found.filter(({ score }) => score > -1e8);
    assert.deepEqual(
      ours.map(({ ids }) => ids),
      theirs.map(({ ids }) => ids),
      where,
    );
    ours.forEach(({ score }, i) => {
      const wanted = theirs[i]?.score as number;
      assert.ok(Math.abs(score - wanted) < 3e-6 * Math.max(1, Math.abs(wanted)), where);
    });
  }
});

test('probabilities that tokens are drawn from', () => {
  for (const { temperature, k, p, probabilities } of golden.draws) {
    const scores = penalised(Float64Array.from(table[0] as Float32Array), [3, 7, 3], 1.2);
    const ours = softmax(warped(scores, { temperature, topK: k, topP: p, seed: 0 }));
    probabilities.forEach((value, id) => {
      assert.ok(Math.abs((ours[id] as number) - value) < 2e-6, `${temperature} ${k} ${p}: ${id}`);
    });
  }
});

test('a seed repeats, tokens come as often as they are probable', async () => {
  const logits = Float32Array.of(0, Math.log(3), Number.NEGATIVE_INFINITY, Math.log(4));
  const draw = (seed: number): Promise<number[]> =>
    all(decode((rows) => rows.map(() => logits), [0], { maxNewTokens: 2000, doSample: { seed } }));
  const [ids, again, other] = [await draw(1), await draw(1), await draw(2)];
  assert.deepEqual(ids, again);
  assert.notDeepEqual(ids, other);
  const shares = [0, 1, 2, 3].map((id) => ids.filter((of) => of === id).length / ids.length);
  [1 / 8, 3 / 8, 0, 4 / 8].forEach((wanted, id) => {
    assert.ok(Math.abs((shares[id] as number) - wanted) < 0.04, `${shares}`);
  });
});

describe('settings out of range', () => {
  const model: NextLogits = (rows) => rows.map(() => Float32Array.of(0, 1));
  const first = (options: object, prompt = [0]): Promise<unknown> =>
    decode(model, prompt, { maxNewTokens: 1, ...options }).next();
  for (const [options, message] of [
    [{ maxNewTokens: 0 }, /maxNewTokens: wanted a whole number of at least 1, got 0/],
    [
      { doSample: { temperature: 0 } },
      /temperature: wanted a number over 0; greedy decoding needs no sampling, got 0/,
    ],
    [{ doSample: { topP: 1.2 } }, /topP: wanted a number over 0, at most 1, got 1.2/],
    [{ doSample: { topK: -1 } }, /topK/],
    [{ repetitionPenalty: 0 }, /repetitionPenalty/],
  ] as const)
    test(JSON.stringify(options), () => assert.rejects(first(options), message));
  test('no prompt', () => assert.rejects(first({}, []), /prompt: has no tokens/));
  test('no beam', () =>
    assert.rejects(beamSearch(model, [0], { maxNewTokens: 1, numBeams: 0 }), /numBeams: wanted/));
});

/** Ids are bytes: a character of several is whole with its last one. */
const bytesText = (ids: readonly number[]): string => new TextDecoder().decode(Uint8Array.from(ids));
const idsOf = (text: string): number[] => [...new TextEncoder().encode(text)];

describe('text', () => {
  test('comes in whole characters', async () => {
    assert.deepEqual(await all(textPieces(idsOf('né 😀!'), bytesText)), ['n', 'é', ' ', '😀', '!']);
  });

  test('ends before a stop string, of which nothing is shown', async () => {
    const pieces = await all(textPieces(idsOf('ab<|x|>c'), bytesText, ['<|x|>', 'zz']));
    assert.equal(pieces.join(''), 'ab');
    const other = await all(textPieces(idsOf('a<|y'), bytesText, ['<|x|>']));
    assert.equal(other.join(''), 'a<|y');
  });

  test('a stop string ends greedy decoding and beams', async () => {
    // After n comes n + 1.
    const counting: NextLogits = (rows) =>
      rows.map(({ ids }) =>
        new Float32Array(128).map((_, id) => (id === (ids.at(-1) as number) + 1 ? 9 : 0)),
      );
    const stops = stopsAt(bytesText, ['ef', 'zz']);
    const ids = await all(decode(counting, idsOf('a'), { maxNewTokens: 20, stops }));
    assert.equal(bytesText(ids), 'bcdef');
    const [best] = await beamSearch(counting, idsOf('a'), { maxNewTokens: 20, stops, numBeams: 2 });
    assert.equal(bytesText(best?.ids ?? []), 'bcdef');
    assert.throws(() => stopsAt(bytesText, ['']), /an empty one would end every text/);
  });
});
