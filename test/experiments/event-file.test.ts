/** TensorBoard's file, read back by TensorBoard itself where it is installed, and its checksum by known values. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32c } from '../../src/experiments/event-file.js';
import { run } from '../../src/experiments/run.js';
import { runSpec } from '../../src/experiments/run-spec.js';
import { goldenPath } from '../golden/golden.js';

test('crc32c: the check value of the standard, and of RFC 3720', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
});

const PYTHON = ['/opt/peer/bin/python', 'python3'].find(
  (python) => spawnSync(python, ['-c', 'import tensorboard']).status === 0,
);

const READ = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
accumulator = EventAccumulator(sys.argv[1]); accumulator.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]}))`;

test('TensorBoard reads every loss, rate and metric at its step; a second run of the same writes the file anew', {
  skip: PYTHON ? false : 'TensorBoard is not installed',
}, async () => {
  const loggingDir = await mkdtemp(join(tmpdir(), 'progtuning-events-'));
  const spec = runSpec({
    ...{ task: 'sst2', data: goldenPath('bert'), model: goldenPath('bert', 'model') },
    ...{ epochs: 2, batchSize: 4, maxLength: 12, evalSteps: 4 },
  });
  await run(spec, { threads: 1, loggingDir });
  const record = await run(spec, { threads: 1, loggingDir });
  assert.equal((await readdir(loggingDir)).length, 1);
  const { status, stdout, stderr } = spawnSync(PYTHON as string, ['-c', READ, loggingDir], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  const read = JSON.parse(stdout.trim().split('\n').at(-1) as string) as Record<string, [number, number][]>;
  const single = (values: readonly number[]): number[] => [...Float32Array.from(values)];
  const values = (tag: string): number[] => (read[tag] ?? []).map(([, value]) => value);
  assert.deepEqual(values('train/loss'), single(record.steps.map(({ loss }) => loss)));
  assert.deepEqual(
    values('train/learning_rate'),
    single(record.steps.map(({ learningRate }) => learningRate)),
  );
  assert.deepEqual(
    read['train/loss']?.map(([step]) => step),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  const evaluated = record.evaluations.map(({ step, metrics }) => [
    step,
    ...single([metrics.loss as number]),
  ]);
  assert.deepEqual(read['eval/loss'], evaluated);
  assert.deepEqual(
    read['train/updated_parameters']?.map(([, value]) => value),
    record.updatedParameters,
  );
  await rm(loggingDir, { recursive: true });
});
