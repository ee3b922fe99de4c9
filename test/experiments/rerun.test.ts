/** A record made again: the same numbers, and what is said where model, data or the record are others. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createModel } from '../../src/experiments/create-model.js';
import { ledgerRecord, writeRecord } from '../../src/experiments/ledger.js';
import { agrees, compareRecords, rerun } from '../../src/experiments/rerun.js';
import { run } from '../../src/experiments/run.js';
import { runSpec } from '../../src/experiments/run-spec.js';

let home: string;
let model: string;
let path: string;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-rerun-'));
  model = join(home, 'model');
  const texts = ['the first hall is older than the second mill', 'who saw the bridge'];
  await createModel({ out: model, layers: 2, hidden: 16, heads: 2, vocabSize: 40, texts, seed: 1 });
  const limits = { maxTrainExamples: 40, maxEvalExamples: 16, maxLength: 16, batchSize: 8, epochs: 2 };
  const spec = runSpec({ task: 'rte', data: 'embedded', model, learningRate: 1e-3, ...limits });
  const record = ledgerRecord(await run(spec, { threads: 1 }));
  await writeRecord(home, record);
  path = join(home, `${record.key}.json`);
});
after(() => rm(home, { recursive: true }));

test('the same machine gives the same numbers, with any number of threads', async () => {
  const { exact, comparisons } = await rerun({ path, model }, { threads: 2 });
  assert.ok(exact && comparisons.length > 12);
  assert.deepEqual(
    comparisons.filter((comparison) => !agrees(comparison)),
    [],
  );
});

test('another processor may round otherwise, another count never agrees', async () => {
  const { record } = await rerun({ path, model }, { threads: 1 });
  const other = {
    ...record,
    machine: { ...record.machine, processor: 'another' },
    losses: record.losses.map(({ step, loss }) => ({ step, loss: loss + 0.01 })),
  };
  const { exact, comparisons } = compareRecords(record, other);
  assert.ok(!exact && comparisons.every(agrees));
  const miscounted = { ...other, updatedParameters: [1, 2] };
  assert.equal(compareRecords(record, miscounted).comparisons.filter((one) => !agrees(one)).length, 2);
  const undefinedNow = { ...record, metrics: {}, undefinedMetrics: { accuracy: 'one' } };
  assert.ok(compareRecords(record, undefinedNow).comparisons.some((one) => !agrees(one)));
});

test('another model is named, and what of it is another', async () => {
  const copy = join(home, 'copy');
  await cp(model, copy, { recursive: true });
  const config = JSON.parse(await readFile(join(copy, 'config.json'), 'utf8'));
  await writeFile(join(copy, 'config.json'), JSON.stringify({ ...config, hidden_act: 'relu' }));
  await assert.rejects(
    rerun({ path, model: copy }),
    /made with other config.json \(hidden_act gelu -> relu\)/,
  );
});

test('an altered record, and one that is not there, get one line', async () => {
  const text = await readFile(path, 'utf8');
  const altered = join(home, 'altered', path.slice(home.length + 1));
  await cp(path, altered);
  await writeFile(altered, text.replace('"batchSize":8', '"batchSize":9'));
  await assert.rejects(rerun({ path: altered, model }), /the record was altered/);
  await assert.rejects(rerun({ path: join(home, '0000000000000000.json') }), /0000000000000000.json/);
});
