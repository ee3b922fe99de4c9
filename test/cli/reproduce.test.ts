/** What `reproduce` refuses before it begins, and how its page says what is live and what is recorded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { livePage } from '../../src/cli/claims-page.js';
import { makeFullRuns } from '../../src/cli/full-runs.js';
import { UsageError } from '../../src/errors.js';
import { pair } from '../report/made-cells.js';

test('--full wants a model and data', async () => {
  for (const given of [{}, { model: 'm' }, { data: 'd' }])
    await assert.rejects(makeFullRuns({ ...given, threads: 1, device: 'cpu' }), UsageError);
});

test('a live part says so, names its machine, and leaves out what no run decides', () => {
  const glue = [0, 1].flatMap((seed) => pair(seed, 0.8, 0.79));
  const page = livePage({ glue, squad: [], blocks: [], order: [] });
  assert.match(page, /LIVE, run for this page on cpu, 2 threads/);
  assert.match(
    page,
    /undecided +Equal or better on GLUE \(notebook 04\)\n +generated tasks: -1\.00 points over 2/,
  );
  assert.match(page, /more seeds? of the same runs would decide|more seeds would not decide/);
  assert.doesNotMatch(page, /About 25 %/);
});
