/** The log of a run, where it cannot be written. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
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
