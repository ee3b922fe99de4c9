/** What is told before the first step. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planText, stagesText } from '../../src/cli/run-text.js';
import { runSpec } from '../../src/experiments/run-spec.js';

test('generated text is named in the first line; where its steps are too few, what to use instead', () => {
  const stage = { stage: 1, from: 0, to: 63, blocks: [0, 1], embeddings: true, updatedParameters: 2e6 };
  const told = (data: string, totalSteps: number): string[] =>
    stagesText(runSpec({ task: 'sst2', data, model: 'm' }), {
      totalSteps,
      stepsPerEpoch: 63,
      stages: [stage],
    }).split('\n');
  assert.match(
    planText(runSpec({ task: 'sst2', data: 'embedded', model: 'm' })),
    /generated text in the shape/,
  );
  const [hint, budget] = told('embedded', 189);
  assert.match(
    hint ?? '',
    /54 % right after 189 steps, .*--batch-size 8 --epochs 9 --stages 3 --warmup-ratio 0.1$/,
  );
  assert.equal(budget, '189 steps, 63 an epoch');
  assert.equal(told('embedded', 2250)[0], '2250 steps, 63 an epoch');
  assert.equal(told('glue/', 189)[0], budget);
});
