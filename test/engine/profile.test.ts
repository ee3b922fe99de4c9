/** A profile: one trace of all programs and spans, the heaviest operators, nothing left behind. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { compile } from '../../src/engine/compile.js';
import { Profile, productShare, span } from '../../src/engine/profile.js';
import * as tf from '../../src/engine/tfjs.js';

let home: string;
before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-profile-test-'));
});
after(() => rm(home, { recursive: true }));

/** A profile of `runs` runs of a program with one product and one exponential. */
async function profiled(runs: number): Promise<Profile> {
  const profile = new Profile();
  const matrix = { shape: [32, 32] };
  const program = await compile(
    { a: matrix },
    ({ a }) => ({ c: tf.exp(tf.matMul(a as tf.Tensor2D, a as tf.Tensor2D)) }),
    {
      threads: 1,
      profile,
    },
  );
  const a = new Float32Array(1024).fill(0.1);
  for (let i = 0; i < runs; i++) await program.run({ a });
  await program.close();
  assert.equal(
    span(profile, 'ours', () => 7),
    7,
  );
  return profile;
}

const collected = async (): Promise<string[]> =>
  (await readdir(tmpdir())).filter((name) => /^progtuning-profile-(?!test)/.test(name));

test('what was collected before a restart does not count', async () => {
  const profile = new Profile();
  const program = await compile({ a: { shape: [4] } }, ({ a }) => ({ c: tf.exp(a as tf.Tensor) }), {
    threads: 1,
    profile,
  });
  const a = new Float32Array(4);
  for (let i = 0; i < 3; i++) await program.run({ a });
  await new Promise((resolve) => setTimeout(resolve, 20));
  profile.restart();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await program.run({ a });
  await program.close();
  const times = await profile.write(join(home, 'restarted.json'));
  assert.equal(times.find(({ operator }) => operator === 'Exp')?.calls, 1);
});

test('counts calls by operator and writes a trace that Chrome reads', async () => {
  const before = await collected();
  const profile = await profiled(3);
  const times = await profile.write(join(home, 'trace.json'));
  const calls = Object.fromEntries(times.map(({ operator, calls }) => [operator, calls]));
  assert.equal(calls.Exp, 3);
  assert.equal(calls.ours, 1);
  const share = productShare(times);
  assert.ok(share > 0 && share < 1, String(share));
  const events = JSON.parse(await readFile(join(home, 'trace.json'), 'utf8'));
  assert.ok(
    events.every((event: { ph: string; pid: number }) => typeof event.ph === 'string' && event.pid >= 0),
  );
  assert.deepEqual(
    events
      .filter(({ ph }: { ph: string }) => ph === 'M')
      .map(({ args }: { args: { name: string } }) => args.name),
    ['progtuning', 'program, 1 outputs'],
  );
  assert.deepEqual(await collected(), before);
});

test('a file that cannot be written is named, and nothing is left', async () => {
  const before = await collected();
  const profile = await profiled(1);
  const path = join(home, 'missing', 'trace.json');
  await assert.rejects(profile.write(path), (error: Error) =>
    error.message.startsWith(`${path}: the profile cannot be written`),
  );
  assert.deepEqual(await collected(), before);
});
