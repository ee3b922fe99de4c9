/** Decoders that write with their keys and values kept: the texts of transformers' `generate` (test/golden/decoder_texts.py). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beamSearch } from '../../src/generation/beam-search.js';
import { decode } from '../../src/generation/decode.js';
import { argmax } from '../../src/generation/logits.js';
import { noAdaptation } from '../../src/models/adaptation.js';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import { openTextModel, type TextModel } from '../../src/training/text-model.js';
import { goldenJson, goldenPath } from '../golden/golden.js';

interface Text {
  readonly model: string;
  readonly prompt: number[];
  readonly options: {
    readonly num_beams?: number;
    readonly length_penalty?: number;
    readonly early_stopping?: boolean;
    readonly eos_token_id?: number;
  };
  readonly ids: number[];
}
const { texts } = goldenJson<{ texts: Text[] }>('decoder_texts.json');
const head = { kind: 'causal-lm' } as const;

async function open(name: string): Promise<TextModel> {
  const { config, specs, parameters } = await loadCheckpoint(goldenPath('decoders', name, 'model'), head, {
    seed: 0,
  });
  return openTextModel({ config, head, specs, adaptation: noAdaptation }, parameters, { threads: 1 });
}

async function written({ nextLogits }: TextModel, { prompt, options }: Text): Promise<readonly number[]> {
  const eos = options.eos_token_id;
  const ending = { maxNewTokens: 6, eosTokenIds: eos === undefined ? [] : [eos] };
  if (options.num_beams === undefined) {
    const ids: number[] = [];
    for await (const id of decode(nextLogits, prompt, ending)) ids.push(id);
    return ids;
  }
  const {
    num_beams: numBeams,
    length_penalty: lengthPenalty = 1,
    early_stopping: earlyStopping = false,
  } = options;
  const [best] = await beamSearch(nextLogits, prompt, { ...ending, numBeams, lengthPenalty, earlyStopping });
  return best?.ids ?? [];
}

for (const name of new Set(texts.map(({ model }) => model)))
  test(`${name}: greedy and beams, with a cache`, async () => {
    const model = await open(name);
    for (const text of texts.filter((of) => of.model === name))
      assert.deepEqual(await written(model, text), text.ids, JSON.stringify(text));
    await model.close();
  });

test('a token more gives the logits of the whole text anew, rows in any order', async () => {
  const [kept, anew] = [await open('llama'), await open('llama')];
  const rows = [
    [3, 4, 5],
    [9, 8, 7],
  ];
  await kept.nextLogits(rows.map((ids) => ({ ids })));
  const crossed = [
    [...(rows[1] as number[]), 2],
    [...(rows[0] as number[]), 6],
    [...(rows[1] as number[]), 1],
  ];
  const ours = await kept.nextLogits(crossed.map((ids, i) => ({ ids, parent: i === 1 ? 0 : 1 })));
  const wanted = await anew.nextLogits(crossed.map((ids) => ({ ids })));
  ours.forEach((logits, row) => {
    logits.forEach((value, id) => {
      assert.ok(Math.abs(value - (wanted[row]?.[id] as number)) < 1e-5, `row ${row}, id ${id}`);
    });
  });
  await kept.close();
  await anew.close();
});

test('past the room that keys and values have at first, and what they grow to, as without a cache', async () => {
  const [kept, anew] = [await open('llama'), await open('llama')];
  const ids = [3, 4, 5];
  for (let added = 0; added < 130; added++) {
    const parent = added === 0 ? {} : { parent: 0 };
    const [logits] = (await kept.nextLogits([{ ids: [...ids], ...parent }])) as [Float32Array];
    // Without a cache where the room begins and ends, and at some places between.
    if ([0, 60, 61, 62, 63, 90, 125, 126, 129].includes(added)) {
      const [wanted] = (await anew.nextLogits([{ ids: [...ids] }])) as [Float32Array];
      const off = Math.max(...logits.map((value, id) => Math.abs(value - (wanted[id] as number))));
      assert.ok(off < 1e-4, `${ids.length} tokens: ${off}`);
      assert.equal(argmax(logits), argmax(wanted));
    }
    // Whatever is written, the text must not run into a loop that hides a wrong place.
    ids.push(added % 3 === 0 ? ((added * 7) % 20) + 3 : argmax(logits));
  }
  await kept.close();
  await anew.close();
});
