/** A reader that closes the pipe early, as `| head` does, ends the command without a word. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../src/cli.js', import.meta.url));

test('stdout closed before anything is written', async () => {
  const child = spawn(process.execPath, [cli, 'finetune', '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  const [code] = await once(child, 'close');
  assert.equal(said, '');
  assert.equal(code, 0);
});
