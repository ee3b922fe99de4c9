/** Kept states of the frozen prefix: the losses of a run that keeps nothing, whatever the schedule, the budget and the method. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../../src/experiments/run.js';
import { type RunRequest, runSpec } from '../../src/experiments/run-spec.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import { StateCache } from '../../src/training/frozen-prefix.js';
import { goldenPath } from '../golden/golden.js';

const REQUEST: RunRequest = {
  task: 'sst2',
  data: goldenPath('bert'),
  model: goldenPath('bert', 'model'),
  dropout: 0,
  epochs: 4,
  batchSize: 4,
  maxLength: 16,
  learningRate: 1e-3,
};

async function lossesOf(more: Partial<RunRequest>): Promise<number[]> {
  const record = await run(runSpec({ ...REQUEST, ...more }), { threads: 1 });
  return record.steps.map(({ loss }) => loss);
}

const CASES: readonly [string, Partial<RunRequest>][] = [
  [
    'progressive, embeddings first-stage',
    { schedule: { kind: 'progressive', stages: 2, embeddings: 'first-stage' } },
  ],
  ['growing, embeddings never', { schedule: { kind: 'growing', stages: 2, embeddings: 'never' } }],
  ['LoRA, progressive', { schedule: { kind: 'progressive', stages: 2 }, method: LORA_DEFAULTS }],
  [
    'gradient accumulation',
    { schedule: { kind: 'progressive', stages: 2, embeddings: 'never' }, gradientAccumulationSteps: 2 },
  ],
  [
    'embeddings always: nothing is frozen below',
    { schedule: { kind: 'progressive', stages: 2, embeddings: 'always' } },
  ],
];

for (const [name, more] of CASES) {
  test(`${name}: the same losses without dropout`, async () => {
    const plain = await lossesOf(more);
    const kept = await lossesOf({ ...more, cacheFrozen: 64 });
    assert.equal(kept.length, plain.length);
    const worst = Math.max(...kept.map((loss, i) => Math.abs(loss - (plain[i] as number))));
    assert.ok(worst < 1e-5, `${worst}`);
  });
}

test('the budget holds, and a trained block forgets what it had a part in', () => {
  const cache = new StateCache(100);
  cache.set(1, 2, new Float32Array(10));
  cache.set(2, 4, new Float32Array(15));
  assert.deepEqual(cache.get(1)?.block, 2);
  cache.set(3, 2, new Float32Array(1));
  assert.equal(cache.get(3), undefined);
  cache.keepUpTo(3);
  assert.equal(cache.get(2), undefined);
  assert.equal(cache.get(1)?.block, 2);
  cache.set(3, 2, new Float32Array(15));
  assert.equal(cache.get(3)?.block, 2);
});
