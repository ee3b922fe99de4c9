/** Losses of a classification head, value and gradient, against PyTorch (test/golden/head_losses.py). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile } from '../../src/engine/compile.js';
import * as tf from '../../src/engine/tfjs.js';
import { headLoss, type LabelledHead } from '../../src/models/heads.js';
import type { PackedInputs } from '../../src/models/inputs.js';
import { goldenJson } from '../golden/golden.js';

interface Case {
  readonly name: string;
  readonly logits: number[][];
  readonly labels: number[] | number[][];
  readonly loss: number;
  readonly gradient: number[][];
}

const { cases } = goldenJson<{ cases: Case[] }>('head_losses.json');

async function lossOf(head: LabelledHead, { logits, labels }: Case) {
  const [examples, classes] = [logits.length, logits[0]?.length ?? 0];
  const shape = Array.isArray(labels[0]) ? [examples, classes] : [examples];
  const program = await compile(
    {
      logits: { shape: [examples, classes] },
      labels: { shape, dtype: 'int32' },
      weights: { shape: [examples] },
    },
    (t) => {
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
        headLoss(head, x as tf.Tensor2D, t.labels as tf.Tensor, t.weights as tf.Tensor1D, {} as PackedInputs),
      )(t.logits as tf.Tensor);
      return { loss: value, gradient: grad };
    },
    { threads: 1 },
  );
  return program.run({
    logits: Float32Array.from(logits.flat()),
    labels: Int32Array.from(labels.flat()),
    weights: new Float32Array(examples).fill(1 / examples),
  });
}

function checkCase(name: string, result: Awaited<ReturnType<typeof lossOf>>): void {
  const wanted = cases.find((item) => item.name === name) as Case;
  assert.ok(Math.abs((result.loss?.[0] as number) - wanted.loss) < 1e-6, 'loss');
  wanted.gradient.flat().forEach((value, i) => {
    assert.ok(Math.abs((result.gradient?.[i] as number) - value) < 1e-6, `gradient ${i}`);
  });
}

test('multi-label: BCEWithLogitsLoss', async () => {
  const item = cases.find(({ name }) => name === 'multi_label') as Case;
  checkCase('multi_label', await lossOf({ kind: 'classification', numLabels: 4, multiLabel: true }, item));
});
