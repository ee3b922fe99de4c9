/** The page of a run: every curve drawn, nothing fetched or executed, names shown as text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../../src/experiments/run.js';
import { runSpec } from '../../src/experiments/run-spec.js';
import { runPage } from '../../src/report/run-page.js';
import { goldenPath } from '../golden/golden.js';

test('loss, metrics, learning rate and parameters of each stage, in one file without scripts', async () => {
  const record = await run(
    runSpec({
      ...{ task: 'sst2', data: goldenPath('bert'), model: goldenPath('bert', 'model') },
      ...{ epochs: 2, batchSize: 4, maxLength: 12, evalSteps: 3, loadBestModelAtEnd: true },
    }),
    { threads: 1 },
  );
  const shown = { ...record, spec: { ...record.spec, model: '<b>model</b> & co' } };
  const page = await runPage(shown);
  const titles = [...page.matchAll(/role="img"><title>([^<]*)</g)].map(([, title]) => title);
  assert.deepEqual(titles, [
    'Loss',
    'Metrics while it trained',
    'Learning rate',
    'Parameters that train, by stage',
  ]);
  assert.doesNotMatch(page, /<script|<b>model|(src|href)="http/);
  assert.match(page, /&lt;b>model&lt;\/b> &amp; co/);
  assert.match(
    page,
    /<th>settings<\/th><td>2 epochs, batch 4, learning rate 2e-5 linear, at most 12 tokens</,
  );
  assert.match(page, /prefers-color-scheme:dark/);
  assert.ok(page.includes(`weights of step ${record.best?.step}`));
  const { evaluations: _evaluations, ...rest } = record;
  const plain = await runPage({ ...rest, evaluations: [] });
  assert.doesNotMatch(plain, /Metrics while it trained/);
});
