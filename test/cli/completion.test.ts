/** Completion as a shell asks for it: commands, options, the names that an option takes; and what a mistyped name was meant to be. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { Command } from 'commander';
import { completionScript, type Shell } from '../../src/cli/completion.js';
import { buildProgram } from '../../src/cli/program.js';
import { didYouMean, unknownName } from '../../src/nearest.js';

const program = await buildProgram();
const isThere = (shell: string): boolean => spawnSync(shell, ['-c', 'exit 0']).status === 0;

/** What bash completes the last word to. */
function completions(...words: string[]): string[] {
  const script = `${completionScript('bash', program)}
COMP_WORDS=(progtuning ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _progtuning
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  assert.equal(stderr, '');
  return stdout.split('\n').filter(Boolean);
}

test('bash: commands, commands of commands, options, names that an option takes', {
  skip: !isThere('bash'),
}, () => {
  assert.deepEqual(completions('pre'), ['predict', 'pretrain']);
  assert.deepEqual(completions('evaluate', 'mo'), ['model']);
  assert.deepEqual(completions('finetune', '--sched'), ['--schedule']);
  assert.deepEqual(completions('finetune', '--seed', '1', '--method', 'b'), ['bitfit']);
  assert.ok(completions('evaluate', 'model', '--').includes('--adapter'));
  assert.ok(!completions('params', '--').includes('--adapter'));
});

for (const shell of ['bash', 'zsh', 'fish'] as const satisfies readonly Shell[])
  test(`${shell} reads its script`, { skip: !isThere(shell) }, () => {
    const { status, stderr } = spawnSync(shell, ['-n'], {
      input: completionScript(shell, program),
      encoding: 'utf8',
    });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  });

test('the nearest name, where one is near', () => {
  assert.equal(
    unknownName('task', 'coal', ['cola', 'sst2']),
    "unknown task 'coal' (did you mean 'cola'?); known: cola, sst2",
  );
  assert.equal(didYouMean('SST-2', ['cola', 'sst2']), " (did you mean 'sst2'?)");
  assert.equal(didYouMean('xyz', ['cola', 'sst2']), '');
});

test('the nearest name of an option that takes one of a few', async () => {
  const called = await buildProgram(['finetune']);
  const options = (called.commands.find((each) => each.name() === 'finetune') as Command).options;
  const schedule = options.find(({ long }) => long === '--schedule');
  assert.throws(
    () => schedule?.parseArg?.('progresive', undefined),
    /Allowed choices are .*did you mean 'progressive'/,
  );
});
