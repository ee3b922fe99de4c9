/** Claims: one maker for each record, whoever races, dies, sleeps or has a wrong clock. */
import assert from 'node:assert/strict';
import { fork, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Claim, holder, takeClaim } from '../../src/experiments/claim.js';

const home = await mkdtemp(join(tmpdir(), 'progtuning-claim-'));
after(() => rm(home, { recursive: true, force: true }));

const KEY = '0123456789abcdef';

async function ours(folder: string, lease?: number): Promise<Claim> {
  const claim = await takeClaim(folder, KEY, lease);
  assert.equal(claim.kind, 'ours');
  return claim as Claim;
}

test('one holds, others are told who; what is given back or finished is free', async () => {
  const folder = join(home, 'one');
  const first = await ours(folder);
  const second = await takeClaim(folder, KEY);
  assert.ok(second.kind === 'held' && second.by.endsWith(`process ${process.pid}`));
  await first.release();
  assert.equal(await holder(folder, KEY), undefined);
  const third = await ours(folder);
  assert.ok(await third.holds());
  await third.finish();
  assert.deepEqual(await readdir(folder), []);
});

test('processes that race make each record once', async () => {
  const ledger = join(home, 'race');
  await mkdir(ledger);
  const racer = fileURLToPath(new URL('./claim-racer.js', import.meta.url));
  const [racers, keys] = [4, 40];
  const codes = await Promise.all(
    Array.from(
      { length: racers },
      () => new Promise((resolve) => fork(racer, [ledger, String(keys)]).on('exit', resolve)),
    ),
  );
  assert.deepEqual(codes, [0, 0, 0, 0]);
  const names = await readdir(ledger);
  const made = await Promise.all(
    names.filter((name) => name.startsWith('made-')).map((name) => readFile(join(ledger, name), 'utf8')),
  );
  assert.deepEqual(
    made.map((text) => text.trim().split('\n').length),
    Array.from({ length: keys }, () => 1),
  );
  assert.ok(new Set(made).size > 1, 'more than one process was at work');
  assert.deepEqual(await readdir(join(ledger, 'unfinished')), [], 'no claim is left');
});

/** A claim of somebody on another machine, or of a process here. */
async function plant(folder: string, owner: object, seconds: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${KEY}.4.claim`);
  await writeFile(path, JSON.stringify(owner));
  const then = new Date(Date.now() - 1000 * seconds);
  await utimes(path, then, then);
}

test('a claim of another machine lasts for its lease, by the clock of the file system', async () => {
  const folder = join(home, 'lease');
  await plant(folder, { host: 'elsewhere', pid: 1, kernel: 'another', started: '1' }, 100);
  const held = await takeClaim(folder, KEY, 200);
  assert.deepEqual(held, { kind: 'held', by: 'elsewhere, process 1' });
  const taken = await ours(folder, 99);
  assert.deepEqual(await readdir(folder), [`${KEY}.5.claim`]);
  await taken.finish();
  // Of a process that died before it had said its name only the age counts.
  await plant(folder, {}, 100);
  assert.equal((await takeClaim(folder, KEY, 200)).kind, 'held');
});

test('a claim of a process that has ended on this machine is free at once', async () => {
  const folder = join(home, 'gone');
  const mine = await ours(folder);
  const owner = JSON.parse(await readFile(join(folder, `${KEY}.1.claim`), 'utf8'));
  if (owner.kernel === undefined) return;
  await mine.finish();
  const { pid } = spawnSync(process.execPath, ['--version']);
  await plant(folder, { ...owner, pid }, 0);
  assert.equal((await holder(folder, KEY))?.alive, false);
  await (await ours(folder)).finish();
});

test('a holder renews its claim; one that slept is told that it lost it', async () => {
  const folder = join(home, 'renewed');
  const claim = await ours(folder, 0.5);
  await setTimeout(1000);
  assert.equal((await takeClaim(folder, KEY, 0.5)).kind, 'held');
  // Another found it dead, as it would after a sleep, and has made the next number.
  await writeFile(join(folder, `${KEY}.2.claim`), '{}');
  await setTimeout(300);
  assert.ok(claim.lost.aborted);
  assert.equal(await claim.holds(), false);
  await claim.release();
  assert.ok((await readdir(folder)).includes(`${KEY}.2.claim`), "another's claim is not touched");
});
