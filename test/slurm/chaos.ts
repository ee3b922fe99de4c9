/**
 * `npm run test:slurm`: 60 short runs as an array on a real Slurm of four slots on this machine, while processes are killed, a node's daemon
 * stops, tasks are preempted and put back, one node's clock is an hour ahead, one node's disk is full, and a shell works on the same ledger.
 * In the end the records are those of one undisturbed process, bit for bit. Where Slurm cannot be installed it says so, and does nothing.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createModel } from '../../src/experiments/create-model.js';
import { readLedger } from '../../src/experiments/ledger.js';
import { packageRoot } from '../golden/golden.js';

const cluster = join(packageRoot, 'test/slurm/cluster.sh');
const cli = join(packageRoot, 'dist/lib/cli.js');
/** Twelve for each seed. */
const RUNS = Number(process.env.RUNS ?? 60);
const start = performance.now();
const say = (text: string): void =>
  void process.stdout.write(`${((performance.now() - start) / 1000).toFixed(0).padStart(4)} s  ${text}\n`);

const installed = spawnSync(cluster, ['install'], { encoding: 'utf8' });
if (process.getuid?.() !== 0 || installed.status !== 0) {
  process.stdout.write(`skipped: ${installed.stderr.trim() || 'a cluster is started as root only'}\n`);
  process.exit(0);
}

const home = mkdtempSync(join(tmpdir(), 'progtuning-cluster-'));
const env: NodeJS.ProcessEnv = {
  ...process.env,
  SLURM_CONF: join(home, 'slurm.conf'),
  PROGTUNING_CACHE: join(home, 'cache'),
};

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function call(command: string, ...args: string[]): Ended {
  const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: 'utf8', cwd: home });
  return { code: status, stdout, stderr };
}

function succeed(command: string, ...args: string[]): string {
  const { code, stdout, stderr } = call(command, ...args);
  assert.equal(code, 0, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`);
  return stdout;
}

const grid = (file: string, runs: string, ...args: string[]): string =>
  succeed(process.execPath, cli, 'grid', file, '--runs', runs, ...args);

/** @returns the one line that it says */
function refused(file: string, runs: string, ...args: string[]): string {
  const { code, stderr } = call(process.execPath, cli, 'grid', file, '--runs', runs, ...args);
  assert.notEqual(code, 0);
  assert.equal(stderr.trim().split('\n').length, 1, stderr);
  return stderr.trim();
}

type Counts = Record<'done' | 'running' | 'waiting' | 'failed' | 'missing', number>;

function counts(file: string, runs: string): Counts {
  const text = grid(file, runs, '--status');
  const line = text.split('\n').find((each) => each.includes(' done, ')) ?? '';
  return Object.fromEntries(line.split(', ').map((part) => part.split(' ').reverse())) as unknown as Counts;
}

async function until(what: string, holds: () => boolean | Promise<boolean>, seconds: number): Promise<void> {
  const end = performance.now() + 1000 * seconds;
  while (!(await holds())) {
    assert.ok(performance.now() < end, `${what}: not within ${seconds} s`);
    await setTimeout(500);
  }
}

const texts = ['the first hall is older than the second mill', 'who saw the bridge'];
const model = join(home, 'model');
const file = join(home, 'grid.json');

async function writeGrids(): Promise<void> {
  await createModel({ out: model, layers: 2, hidden: 32, heads: 2, vocabSize: 60, texts, seed: 1 });
  const lora = { kind: 'lora', rank: 2, alpha: 4, dropout: 0, targets: ['query'] };
  const whole = {
    title: 'sixty runs',
    shared: {
      model,
      data: 'embedded',
      epochs: 8,
      batchSize: 4,
      maxTrainExamples: 400,
      maxEvalExamples: 32,
      maxLength: 32,
    },
    tasks: { rte: {}, sst2: {}, cola: {} },
    methods: { full: {}, lora: { method: lora } },
    schedules: [{ kind: 'full' }, { kind: 'progressive', embeddings: 'always', stages: 2 }],
    seeds: Array.from({ length: RUNS / 12 }, (_, seed) => seed),
  };
  writeFileSync(file, JSON.stringify(whole));
  writeFileSync(
    join(home, 'few.json'),
    JSON.stringify({ ...whole, tasks: { rte: {} }, methods: { full: {} }, seeds: [7, 8] }),
  );
}

/** All that a run gives, but for when and how fast. */
async function numbers(runs: string): Promise<Map<string, string>> {
  const ledger = await readLedger(runs);
  return new Map(
    [...ledger].map(([key, record]) => {
      const { seconds: _s, secondsPerEpoch: _e, peakBytes: _p, peakBytesPerEpoch: _b, ...rest } = record;
      return [key, JSON.stringify(rest)];
    }),
  );
}

interface Running {
  readonly job: string;
  readonly task: string;
  readonly seconds: number;
}

const running = (): Running[] =>
  succeed('squeue', '-h', '-r', '-t', 'R', '-o', '%F %K %M')
    .split('\n')
    .flatMap((line) => {
      const [job, task, time] = line.trim().split(' ');
      if (!job || !task || !time || task === 'N/A') return [];
      const [minutes, seconds] = time.split(':').map(Number) as [number, number];
      return [{ job, task, seconds: 60 * minutes + seconds }];
    });

const anyRunning = (): string => running().map(({ job, task }) => `${job}_${task}`)[0] ?? 'none';

/** Process ids of the makers, by their claims. */
const makers = (runs: string): number[] =>
  readdirSync(join(runs, 'unfinished'))
    .filter((name) => name.endsWith('.claim'))
    .flatMap((name) => {
      try {
        return [(JSON.parse(readFileSync(join(runs, 'unfinished', name), 'utf8')) as { pid: number }).pid];
      } catch {
        return [];
      }
    });

/** @returns whether it was there: a maker may have ended since, or been killed before */
function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** All that the tasks said. */
const logsOf = (runs: string): string[] => {
  const arrays = join(runs, 'unfinished/slurm');
  return readdirSync(arrays).flatMap((array) =>
    readdirSync(join(arrays, array, 'logs')).map((name) =>
      readFileSync(join(arrays, array, 'logs', name), 'utf8'),
    ),
  );
};

const queueIsEmpty = (): boolean => succeed('squeue', '-h').trim() === '';

/** A task that has run for some seconds, so that it has begun its steps; undefined where all have ended. */
async function someRunning(): Promise<Running | undefined> {
  let oldest: Running | undefined;
  const found = (): boolean => {
    oldest = running().find(({ seconds }) => seconds >= 3);
    return oldest !== undefined || queueIsEmpty();
  };
  await until('a task runs', found, 300);
  return oldest;
}

async function disturb(runs: string): Promise<void> {
  await until('two records', async () => (await readLedger(runs)).size >= 2, 300);
  for (let i = 0; i < 3; i++) {
    say(`killed process ${makers(runs).find(killed) ?? 'none: none runs'}`);
    await setTimeout(1500);
  }
  const putBack = (): boolean => call('scontrol', 'requeue', anyRunning()).code === 0;
  await until('a task is put back', () => putBack() || queueIsEmpty(), 60);
  say('put a task back into the queue');
  await until(
    'a task saves itself',
    async () => {
      const oldest = await someRunning();
      if (oldest === undefined) return true;
      const { job, task } = oldest;
      // scancel sends the signal, is told that the job is about to change, and would go on sending.
      call('timeout', '1', 'scancel', '--batch', '--signal=USR2', `${job}_${task}`);
      say(`told task ${task} that its time is up`);
      await setTimeout(2000);
      return logsOf(runs).some((text) => text.includes('queues again'));
    },
    300,
  );
  const pid = Number(readFileSync(join(home, 'n2.pid'), 'utf8'));
  process.kill(pid, 'SIGKILL');
  say('killed the daemon of n2');
  await setTimeout(28_000);
  say(
    `n2 is ${succeed('sinfo', '-h', '-n', 'n2', '-p', 'main', '-o', '%T').trim()}; its daemon starts again`,
  );
  succeed(cluster, 'node', home, '2');
  const urgent = succeed(
    'sbatch',
    '--parsable',
    '-p',
    'urgent',
    '-N',
    '4',
    '-o',
    '/dev/null',
    '--wrap',
    'sleep 3',
  ).trim();
  say(`job ${urgent} takes all four nodes`);
}

async function chaos(): Promise<void> {
  await writeGrids();
  const [reference, runs] = [join(home, 'reference'), join(home, 'runs')];
  say(`the ${RUNS} runs in one process`);
  grid(file, reference, '--threads', '1');

  assert.match(
    refused(file, runs, '--on', 'slurm', '--partition', 'none'),
    /sbatch: .*partition.*--partition$/,
  );
  const refusal = refused(file, runs, '--on', 'slurm', '--partition', 'others', '--account', 'chemistry');
  assert.match(refusal, /account.*give --account$/);
  say(refusal);

  const full = join(home, 'full');
  mkdirSync(full);
  succeed('mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', full);
  call('dd', 'if=/dev/zero', `of=${full}/filler`, 'bs=1k', 'count=64');
  const faketime = succeed(cluster, 'faketime').trim();
  const environment = [
    `[ "$SLURMD_NODENAME" != n3 ] || export LD_PRELOAD=${faketime} FAKETIME=+1h DONT_FAKE_MONOTONIC=1`,
    `[ "$SLURMD_NODENAME" != n4 ] || export PROGTUNING_CACHE=${full}/cache`,
  ];
  say(grid(file, runs, '--on', 'slurm', '--time', '10', '--environment', ...environment).trim());
  const shell = spawn(process.execPath, [cli, 'grid', file, '--runs', runs, '--threads', '1'], {
    env,
    cwd: home,
  });
  let told = '';
  shell.stderr.on('data', (text) => {
    told += text;
  });
  await disturb(runs);
  shell.kill('SIGKILL');
  say(
    `the shell is killed; it made ${told.match(/ in 0:/g)?.length ?? 0} records and left ${told.match(/left to/g)?.length ?? 0} to others`,
  );

  for (let round = 0; ; round++) {
    await until('the queue is empty', queueIsEmpty, 1800);
    const now = counts(file, runs);
    say(JSON.stringify(now));
    if (Number(now.done) === RUNS) break;
    assert.ok(round < 5);
    const failed = grid(file, runs, '--status')
      .split('\n')
      .filter((line) => line.startsWith('failed'));
    say(`${failed.length} failed; the first: ${failed[0]}`);
    say(grid(file, runs, '--retry').trim());
  }
  const [made, wanted] = [await numbers(runs), await numbers(reference)];
  assert.equal(wanted.size, RUNS);
  for (const [key, text] of wanted) assert.equal(made.get(key), text);
  assert.equal(made.size, RUNS);
  say(`the same ${RUNS} records, bit for bit`);
  const logs = logsOf(runs);
  const done = logs.flatMap((text) => [...text.matchAll(/^done: (\w+)/gm)].map(([, key]) => key));
  assert.equal(new Set(done).size, done.length, 'no record was made twice');
  const count = (pattern: RegExp): number =>
    logs.reduce((sum, text) => sum + (text.match(pattern)?.length ?? 0), 0);
  say(
    `by tasks ${done.length}; saved and queued again ${count(/queues again/g)}; begun ${count(/^begun on/gm)} times; waited ${count(/^waits for/gm)}`,
  );
  const hosts = logs.filter((text) => /^done/m.test(text)).length;
  assert.ok(hosts > 0);
  say(succeed(process.execPath, cli, 'ledger', 'check', runs).trim().split('\n').at(-1) ?? '');
  await fullDisk();
  await cancelled();
}

/** A ledger on a disk that is full: each run says so in a line; with room made they are made. */
async function fullDisk(): Promise<void> {
  const [disk, few] = [join(home, 'disk'), join(home, 'few.json')];
  mkdirSync(disk);
  succeed('mount', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk);
  const runs = join(disk, 'runs');
  grid(few, runs, '--on', 'slurm');
  call('dd', 'if=/dev/zero', `of=${disk}/filler`, 'bs=4k', 'count=5000');
  await until('the queue is empty', queueIsEmpty, 600);
  const text = grid(few, runs, '--status');
  say(text.split('\n')[0] ?? '');
  assert.match(text, /0 done, 0 running, 0 waiting, 4 failed/);
  rmSync(join(disk, 'filler'));
  grid(few, runs, '--retry');
  await until('the queue is empty', queueIsEmpty, 600);
  assert.equal(Number(counts(few, runs).done), 4);
  say('a full disk: four runs failed with a line; made when there was room');
}

async function cancelled(): Promise<void> {
  const [runs, few] = [join(home, 'cancelled'), join(home, 'few.json')];
  grid(few, runs, '--on', 'slurm', '--limit', '1');
  await until('a task runs', () => running().length > 0, 60);
  await setTimeout(1500);
  say(grid(few, runs, '--cancel').trim());
  await until('the queue is empty', queueIsEmpty, 60);
  await setTimeout(3000);
  assert.equal(succeed('squeue', '-h').trim(), '', 'nothing comes back');
  const now = counts(few, runs);
  assert.ok(Number(now.done) < 4 && Number(now.failed) > 0, JSON.stringify(now));
  say(`cancelled: ${JSON.stringify(now)}`);
}

async function end(): Promise<void> {
  if (process.env.KEEP !== undefined) {
    say(`kept: ${home}`);
    return;
  }
  call('scancel', '--user', 'root');
  call(cluster, 'stop', home);
  for (const mounted of ['full', 'disk']) call('umount', '-l', join(home, mounted));
  await setTimeout(2000);
  rmSync(home, { recursive: true, force: true });
}

const started = call(cluster, 'start', home);
if (started.code !== 0) {
  process.stdout.write(`skipped: no cluster starts here\n${started.stderr}`);
  await end();
  process.exit(0);
}
say('the cluster has started');
let failed = false;
try {
  await chaos();
} catch (error) {
  failed = true;
  process.stdout.write(`${error instanceof Error ? error.stack : error}\n`);
} finally {
  await end();
}
process.exit(failed ? 1 : 0);
