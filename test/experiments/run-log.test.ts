/** The log of a run: curves that go on; where it cannot be written. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DataError } from '../../src/errors.js';
import { LOG_FILE, openRunLog } from '../../src/experiments/run-log.js';

const skip = existsSync('/dev/full') ? false : 'no /dev/full here';

test('a full disk is told with the file', { skip }, (t) => {
  const save = mkdtempSync(join(tmpdir(), 'progtuning-log-'));
  t.after(() => rmSync(save, { recursive: true }));
  symlinkSync('/dev/full', join(save, LOG_FILE));
  const log = openRunLog({ save }, { key: 'k', stepsPerEpoch: 1, stages: [], former: undefined });
  const record = { step: 0, epoch: 0, stage: 1, examples: 8, learningRate: 1e-3, loss: 1, gradientNorm: 1 };
  assert.throws(
    () => log.onEvent({ kind: 'step', record }),
    (error: Error) => error instanceof DataError && error.message.includes(join(save, LOG_FILE)),
  );
  log.close();
});

test('a curve of TensorBoard has one value at a step, and none before those that it has', (t) => {
  const loggingDir = mkdtempSync(join(tmpdir(), 'progtuning-log-'));
  t.after(() => rmSync(loggingDir, { recursive: true }));
  const log = openRunLog({ loggingDir }, { key: 'k', stepsPerEpoch: 4, stages: [], former: undefined });
  const evaluated = (step: number): void =>
    log.onEvent({
      kind: 'evaluated',
      record: { step, epoch: 1, metrics: { accuracy: step / 4 }, seconds: 1, examples: 4 },
    });
  const [name = ''] = readdirSync(loggingDir);
  evaluated(1);
  evaluated(2);
  const points = (): number =>
    readFileSync(join(loggingDir, name)).toString('latin1').split('eval/accuracy').length - 1;
  assert.equal(points(), 2);
  evaluated(2);
  evaluated(1);
  assert.equal(points(), 2);
  evaluated(3);
  assert.equal(points(), 3);
  log.close();
});
