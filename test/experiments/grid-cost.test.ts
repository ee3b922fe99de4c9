/** The cost of a grid by simulation: the arithmetic of a model, the tokens of a task, the slots of a cluster. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costText } from '../../src/cli/grid-cost.js';
import { expandGrid, readGrid } from '../../src/experiments/grid.js';
import { makespan, multiplyAdds, runCosts } from '../../src/experiments/grid-cost.js';
import { gridPath } from '../../src/experiments/notebook-runs.js';
import { runSpec } from '../../src/experiments/run-spec.js';
import { PRESETS } from '../../src/models/config.js';

test('runs are begun in their order, each in the slot that is free first', () => {
  assert.equal(makespan([3, 1, 1, 1], 2), 3);
  assert.equal(makespan([1, 1, 1, 3], 2), 4);
  assert.equal(makespan([2, 3], 50), 3);
  assert.equal(makespan([], 4), 0);
});

test('a run costs its tokens, passes and multiply-adds at the pace of the step', async () => {
  const base = PRESETS['bert-base-uncased']!;
  // Twelve blocks of 12 h^2 weights, and the products with 128 tokens.
  assert.equal(multiplyAdds(base, 128), 12 * (12 * 768 ** 2 + 2 * 128 * 768));
  const spec = runSpec({
    task: 'cola',
    data: 'glue',
    model: 'bert-base-uncased',
    epochs: 3,
    schedule: { kind: 'full' },
  });
  const [cost] = await runCosts([spec], 2);
  const steps = (3 * 8551 * 11.6) / 1024;
  const share = multiplyAdds(base, 11.6) / multiplyAdds(base, 128);
  assert.equal(cost?.seconds.toFixed(6), (2 * steps * share).toFixed(6));
  await assert.rejects(
    runCosts([{ ...spec, task: 'text-classification', data: 'mine.csv' }], 2),
    /cost: text-classification: neither its data \(mine.csv\)/,
  );
});

test("the paper's grid is told by task, for BERT-large at its own arithmetic", async () => {
  const grid = await readGrid(gridPath('paper'));
  const [base, large] = await Promise.all(
    [undefined, 'bert-large-uncased'].map(async (model) =>
      costText(await expandGrid(grid, { model }), 1, 50),
    ),
  );
  const total = (text = ''): number => Number(/^all +400 .* ([\d,.]+)$/m.exec(text)?.[1]?.replace(',', ''));
  assert.ok(total(large) / total(base) > 3.4 && total(large) / total(base) < 3.6);
  assert.match(base ?? '', /^mnli +40 +14,608,514 /m);
  assert.match(base ?? '', /^50 at a time: /m);
});
