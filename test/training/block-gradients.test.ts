/** Squared gradient norms by block are those of PyTorch's gradients (test/golden/bert.py). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noAdaptation } from '../../src/models/adaptation.js';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { blockGradients } from '../../src/training/block-gradients.js';
import { packedBatch, paddedBatch } from '../batch-of.js';
import { goldenJson, goldenPath } from '../golden/golden.js';

type Rows = number[][];
const head = { kind: 'classification', numLabels: 2 } as const;

test('the mean over batches of the squared norm of each block', async () => {
  const { config, specs, parameters } = await loadCheckpoint(goldenPath('bert', 'model'), head, { seed: 0 });
  const { batches } = goldenJson<{ batches: [Rows, Rows, Rows, number[]][] }>('bert', 'expected.json');
  const [[ids, mask, types, labels]] = batches as [[Rows, Rows, Rows, number[]]];
  const batch = packedBatch(paddedBatch(ids, mask, types), labels);
  const wanted = [0, 0, 0, 0];
  let [embeddings, ofHead] = [0, 0];
  for (const [name, { data }] of await readSafetensors(goldenPath('bert', 'gradients.safetensors'))) {
    const square = data.reduce((sum, one) => sum + one * one, 0);
    const layer = /encoder\.layer\.(\d+)\./.exec(name)?.[1];
    if (layer !== undefined) wanted[Number(layer)] = (wanted[Number(layer)] ?? 0) + square;
    else if (name.includes('.embeddings.')) embeddings += square;
    else ofHead += square;
  }
  const model = { config, head, specs, adaptation: noAdaptation };
  let seen = 0;
  // The same batch twice: its own mean.
  const given = await blockGradients(model, parameters, [batch, batch], { threads: 1 }, () => seen++);
  assert.equal(seen, 2);
  assert.equal(given.batches, 2);
  const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-4 * b;
  assert.ok(
    given.blocks.every((value, i) => near(value, wanted[i] as number)),
    `${given.blocks} ${wanted}`,
  );
  assert.ok(near(given.embeddings, embeddings) && near(given.head, ofHead));
});
