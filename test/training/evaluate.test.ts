/** Evaluation of batches too large for one piece: every row has the logits that it has alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PaddedBatch } from '../../src/datasets/batch.js';
import { noAdaptation } from '../../src/models/adaptation.js';
import { type ModelConfig, PRESETS } from '../../src/models/config.js';
import type { TaskHead } from '../../src/models/heads.js';
import { initialise } from '../../src/models/initialise.js';
import { modelSpecs } from '../../src/models/specs.js';
import { predict, predictFeatures } from '../../src/training/evaluate.js';

const LENGTH = 64;
const config: ModelConfig = {
  ...(PRESETS['bert-base-uncased'] as ModelConfig),
  ...{ vocabSize: 50, hiddenSize: 32, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 4096 },
};

/** Rows `from` to `to` of a batch without end; every fourth token is padding. */
function rowsOf(from: number, to: number): PaddedBatch {
  const rows = to - from;
  const filled = (value: (at: number) => number): Int32Array =>
    Int32Array.from({ length: rows * LENGTH }, (_, at) => value(at + from * LENGTH));
  return {
    inputIds: filled((at) => (at * 7 + (at >> 6)) % 50),
    attentionMask: filled((at) => (at % 4 === 3 ? 0 : 1)),
    tokenTypeIds: filled((at) => (at % LENGTH > 30 ? 1 : 0)),
    ...{ rows, length: LENGTH },
  };
}

for (const head of [{ kind: 'classification', numLabels: 3 }, { kind: 'span' }] as const satisfies TaskHead[])
  test(`${head.kind}: 37 rows of 64 tokens, in pieces, as one by one`, async () => {
    const specs = modelSpecs(config, head);
    const parameters = new Map(specs.map((spec) => [spec.name, initialise(spec, config, 1)]));
    const model = { config, head, specs, adaptation: noAdaptation };
    const alone = Array.from({ length: 37 }, (_, row) => rowsOf(row, row + 1));
    const options = { device: 'cpu', threads: 1 } as const;
    const [together] = await predict(model, parameters, [rowsOf(0, 37)], options);
    const single = await predict(model, parameters, alone, options);
    const width = head.kind === 'span' ? LENGTH : head.numLabels;
    // All starts, then all ends.
    const parts = head.kind === 'span' ? [0, 1] : [0];
    const expected = parts.flatMap((part) =>
      single.flatMap((logits) => [...logits.subarray(part * width, (part + 1) * width)]),
    );
    assert.equal(together?.length, expected.length);
    assert.ok(new Set(expected).size > 30, 'rows differ');
    for (const [i, value] of expected.entries())
      assert.ok(Math.abs((together?.[i] as number) - value) < 1e-5);
  });

test('a score that is no number is an error that names the row and the remedy', async () => {
  const head = { kind: 'classification', numLabels: 2 } as const;
  const specs = modelSpecs(config, head);
  const parameters = new Map(specs.map((spec) => [spec.name, initialise(spec, config, 1)]));
  const model = { config, head, specs, adaptation: noAdaptation };
  const feature = { inputIds: [1, 2, 3], tokenTypeIds: [0, 0, 0], label: 0 };
  const logits = await predictFeatures(model, parameters, [feature], { threads: 1, maxLength: 8 });
  assert.equal(logits[0]?.length, 2);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    parameters.get('classifier.bias')?.set([value], 1);
    await assert.rejects(
      predictFeatures(model, parameters, [feature, feature], { threads: 1, maxLength: 8 }),
      {
        name: 'DataError',
        message: new RegExp(`score for row [12] is ${value}, so nothing can be scored: .*--learning-rate`),
      },
    );
  }
});
