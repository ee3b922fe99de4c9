/** RoBERTa, ELECTRA and the span head against independent PyTorch code (test/golden/roberta.py, electra.py, span.py): logits, loss, gradients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noAdaptation } from '../../src/models/adaptation.js';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import type { TaskHead } from '../../src/models/heads.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { predict } from '../../src/training/evaluate.js';
import { taskObjective } from '../../src/training/objective.js';
import { openStage } from '../../src/training/stage.js';
import { createTrainingState } from '../../src/training/state.js';
import { packedBatch, paddedBatch } from '../batch-of.js';
import { goldenJson, goldenPath } from '../golden/golden.js';

type Rows = number[][];
interface Expected {
  readonly batch: {
    ids: Rows;
    mask: Rows;
    types?: Rows;
    labels?: number[];
    starts?: number[];
    ends?: number[];
  };
  readonly logits?: Rows;
  readonly start_logits?: Rows;
  readonly end_logits?: Rows;
  readonly loss: number;
  readonly gradient_norm: number;
  readonly noise: string[];
  readonly loss_with_padding?: number;
  readonly unpadded?: number;
}

const worst = (actual: ArrayLike<number>, wanted: readonly number[] | Float32Array): number => {
  assert.equal(actual.length, wanted.length);
  return Array.from(wanted).reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (actual[i] as number))),
    0,
  );
};

function batchesOf({ batch: { ids, mask, types, labels, starts, ends } }: Expected) {
  const padded = paddedBatch(ids, mask, types);
  const spans = starts?.flatMap((start, i) => [start, ends?.[i] as number]);
  return { padded, packed: packedBatch(padded, labels ?? (spans as number[])) };
}

const CASES: Record<string, TaskHead> = {
  roberta: { kind: 'classification', numLabels: 3 },
  electra: { kind: 'classification', numLabels: 3 },
  span: { kind: 'span' },
};

for (const [name, head] of Object.entries(CASES)) {
  test(`${name}: logits, loss and gradients are PyTorch's`, async () => {
    const expected = goldenJson<Expected>(name, 'expected.json');
    const { config, specs, parameters } = await loadCheckpoint(goldenPath(name, 'model'), head, { seed: 0 });
    const model = { config, head, specs, adaptation: noAdaptation };
    const { padded, packed } = batchesOf(expected);
    const [logits] = await predict(model, parameters, [padded], { threads: 1 });
    const wanted = (
      expected.logits ?? [...(expected.start_logits as Rows), ...(expected.end_logits as Rows)]
    ).flat();
    assert.ok(worst(logits as Float32Array, wanted) < 5e-6);
    const state = createTrainingState(specs, parameters, () => true);
    const stage = openStage(taskObjective(model), state, () => true, { threads: 1 });
    const { loss } = await stage.run([packed], { seed: 1, stream: 3, step: 0 });
    await stage.close();
    assert.ok(Math.abs(loss - expected.loss) < 2e-6, `${loss}, wanted ${expected.loss}`);
    for (const [tensor, { data }] of await readSafetensors(goldenPath(name, 'gradients.safetensors'))) {
      if (expected.noise.includes(tensor)) continue;
      assert.ok(worst(state.trained.get(tensor)?.arrays.g as Float32Array, data) < 5e-6, tensor);
    }
  });
}

test('span: padding takes no part in the loss, so the padded length does not change it', async () => {
  const expected = goldenJson<Expected>('span', 'expected.json');
  assert.ok(Math.abs(expected.loss - (expected.unpadded as number)) < 1e-6);
  assert.ok(Math.abs(expected.loss - (expected.loss_with_padding as number)) > 1e-3, 'the rows have padding');
  const head = { kind: 'span' } as const;
  const { config, specs, parameters } = await loadCheckpoint(goldenPath('span', 'model'), head, { seed: 0 });
  const state = createTrainingState(specs, parameters, () => true);
  const model = { config, head, specs, adaptation: noAdaptation };
  const stage = openStage(taskObjective(model), state, () => true, { threads: 1 });
  const longer = (rows: Rows): Rows => rows.map((row) => [...row, 0, 0, 0, 0]);
  const { ids, mask, types, ...labels } = expected.batch;
  const batch = { ...labels, ids: longer(ids), mask: longer(mask), types: longer(types as Rows) };
  const { loss } = await stage.run([batchesOf({ ...expected, batch }).packed], {
    seed: 1,
    stream: 3,
    step: 0,
  });
  await stage.close();
  assert.ok(Math.abs(loss - expected.loss) < 2e-6, `${loss}, wanted ${expected.loss}`);
});
