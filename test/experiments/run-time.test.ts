/** Time told beforehand: the arithmetic, what is counted, and a pace measured in a few steps or read from records. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createModel } from '../../src/experiments/create-model.js';
import { thisMachine } from '../../src/experiments/run-record.js';
import { type RunSpec, runSpec } from '../../src/experiments/run-spec.js';
import { measuredSpeed, passes, recordedSpeed, workCounter } from '../../src/experiments/run-time.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import { cell } from '../report/made-cells.js';

test('passes: three of full fine-tuning, fewer under a schedule, a PEFT method, frozen embeddings', () => {
  const of = (kind: 'full' | 'progressive', embeddings: 'always' | 'never' = 'always'): RunSpec =>
    runSpec({ task: 'rte', data: 'embedded', model: 'm', schedule: { kind, embeddings } });
  assert.equal(passes(of('full')), 3);
  // T = 3: a third of the blocks is frozen on the mean; crossed they take one pass, else none.
  assert.equal(passes(of('progressive')).toFixed(6), (8 / 3).toFixed(6));
  assert.equal(passes(of('progressive', 'never')).toFixed(6), (7 / 3).toFixed(6));
  assert.equal(passes({ ...of('full'), method: LORA_DEFAULTS }), 2);
});

test('a pace of a few steps, and of records of this processor, tells how long a run takes', async (context) => {
  const home = await mkdtemp(join(tmpdir(), 'progtuning-time-'));
  context.after(() => rm(home, { recursive: true }));
  const model = join(home, 'model');
  const texts = ['the first hall is older than the second mill', 'who saw the bridge'];
  await createModel({ out: model, layers: 2, hidden: 16, heads: 2, vocabSize: 40, texts, seed: 1 });
  const spec = runSpec({
    task: 'rte',
    data: 'embedded',
    model,
    maxTrainExamples: 64,
    maxLength: 16,
    epochs: 3,
  });
  const workOf = workCounter();
  const full: RunSpec = { ...spec, schedule: { kind: 'full', stages: 3, embeddings: 'always' } };
  const work = await workOf(full);
  assert.ok(work > 64 * 3 * 3 * 3 && work <= 64 * 16 * 3 * 3, `${work}`);
  assert.equal(await workOf({ ...full, epochs: 1 }), work / 3);
  const engine = { threads: 1, device: 'cpu' } as const;
  const { rate, source } = await measuredSpeed(spec, workOf, engine);
  assert.ok(rate > 0 && Number.isFinite(rate));
  assert.match(source, /3 steps measured/);
  const { record } = cell({ schedule: { kind: 'full' }, seed: 0, accuracy: 0.8 });
  assert.ok(record);
  const here = { ...record, machine: thisMachine(engine) };
  const read = await recordedSpeed([{ spec: full, record: here }], workOf, engine);
  assert.equal(read?.rate, work / 6);
  assert.equal(await recordedSpeed([{ spec: full, record }], workOf, engine), undefined);
});
