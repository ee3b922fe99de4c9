/** Pre-training against independent PyTorch code (test/golden/pretraining.py): masked words and the next sentence, losses and gradients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MaskedBatch } from '../../src/datasets/masking.js';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { maskedLmObjective } from '../../src/training/masked-lm.js';
import { evaluateMaskedLm } from '../../src/training/pretrain.js';
import { openStage } from '../../src/training/stage.js';
import { createTrainingState } from '../../src/training/state.js';
import { goldenJson, goldenPath } from '../golden/golden.js';

interface Expected {
  readonly batch: { ids: number[][]; types: number[][]; labels: number[][]; next: number[] };
  readonly masked_loss: number;
  readonly loss: number;
  readonly next_logits: number[][];
  readonly gradient_norm: number;
  readonly noise: string[];
}

const SLOTS = 2;
const expected = goldenJson<Expected>('pretraining', 'expected.json');

/** Every row has as many slots; one that predicts nothing points at its [CLS] and weighs nothing. */
function goldenBatch({ ids, types, labels, next }: Expected['batch']): MaskedBatch {
  const [rows, length] = [ids.length, (ids[0] as number[]).length];
  const slots = labels.flatMap((row, r) => {
    const predicted = row.flatMap((label, at) =>
      label < 0 ? [] : [{ at: r * length + at, label, weight: 1 }],
    );
    const unused = Array.from({ length: SLOTS - predicted.length }, () => ({
      at: r * length,
      label: 0,
      weight: 0,
    }));
    return [...unused, ...predicted];
  });
  return {
    inputIds: Int32Array.from(ids.flat()),
    maskedPositions: Int32Array.from(slots, ({ at }) => at),
    maskedLabels: Int32Array.from(slots, ({ label }) => label),
    maskedWeights: Float32Array.from(slots, ({ weight }) => weight),
    examples: Int32Array.from(ids.keys()),
    rows,
    length,
    pairs: { tokenTypeIds: Int32Array.from(types.flat()), labels: Int32Array.from(next) },
  };
}

const near = (actual: number, wanted: number, tolerance: number, what: string): void =>
  assert.ok(Math.abs(actual - wanted) < tolerance, `${what}: ${actual}, wanted ${wanted}`);

const batch = goldenBatch(expected.batch);
const head = { kind: 'masked-lm', nextSentence: true } as const;
const { config, specs, parameters } = await loadCheckpoint(goldenPath('pretraining', 'model'), head, {
  seed: 0,
});

test('one step: loss, gradient norm and every gradient are those of PyTorch', async () => {
  const state = createTrainingState(specs, parameters, () => true);
  const stage = openStage(maskedLmObjective(config, specs), state, () => true, { threads: 1 });
  const { loss, gradientNorm } = await stage.run([batch], { seed: 1, stream: 3, step: 0 });
  await stage.close();
  near(loss, expected.loss, 2e-6, 'loss');
  near(gradientNorm, expected.gradient_norm, 2e-5, 'gradient norm');
  const gradients = await readSafetensors(goldenPath('pretraining', 'gradients.safetensors'));
  assert.deepEqual([...gradients.keys()].sort(), [...state.trained.keys()].sort());
  for (const [name, { data }] of gradients) {
    if (expected.noise.includes(name)) continue;
    const actual = state.trained.get(name)?.arrays.g as Float32Array;
    assert.equal(actual.length, data.length);
    data.forEach((value, i) => {
      near(actual[i] as number, value, 5e-6, `${name}[${i}]`);
    });
  }
});

test('the evaluation gives the loss of the masked words alone, and how many next sentences are told right', async () => {
  const evaluation = await evaluateMaskedLm(config, specs, parameters, [batch], { threads: 1 });
  near(evaluation.loss, expected.masked_loss, 2e-6, 'masked loss');
  const right = expected.next_logits.filter(
    ([follows, other], i) => Number((other as number) > (follows as number)) === expected.batch.next[i],
  );
  assert.equal(evaluation.nextSentenceAccuracy, right.length / expected.next_logits.length);
});
