/** A grid as a Slurm array, with a Slurm of four shell scripts: the script's text, what is handed in, and one line for whatever is wrong. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { asksSlurm, type SlurmFlags } from '../../src/cli/slurm.js';
import { gpusOf } from '../../src/engine/device.js';
import { createModel } from '../../src/experiments/create-model.js';
import { expandGrid, readGrid } from '../../src/experiments/grid.js';
import { readLedger } from '../../src/experiments/ledger.js';
import { planGrid } from '../../src/experiments/run-grid.js';
import {
  type ArrayRequest,
  arrayTask,
  lastWords,
  newArrayFolder,
  storeArray,
  storedArrays,
} from '../../src/experiments/slurm-array.js';
import { queuedTasks, submit } from '../../src/experiments/slurm-queue.js';
import { arrayScript, secondsOf, slurmSettings } from '../../src/experiments/slurm-script.js';

const home = await mkdtemp(join(tmpdir(), 'progtuning-slurm-'));
const bin = join(home, 'bin');
const runs = join(home, 'runs');
const file = join(home, 'grid.json');
const cli = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
after(() => rm(home, { recursive: true, force: true }));

const SBATCH = 'echo "$@" >> "$0.calls"; echo 7';
const fake = (name: string, script: string): Promise<void> =>
  writeFile(join(bin, name), `#!/bin/bash\n${script}\n`, { mode: 0o755 });

before(async () => {
  const texts = ['the first hall is older than the second mill', 'who saw the bridge'];
  const model = join(home, 'model');
  await createModel({ out: model, layers: 2, hidden: 16, heads: 2, vocabSize: 40, texts, seed: 1 });
  const shared = {
    model,
    data: 'embedded',
    epochs: 1,
    maxTrainExamples: 16,
    maxEvalExamples: 8,
    maxLength: 16,
  };
  const grid = {
    ...{
      title: 'two runs',
      shared,
      tasks: { rte: {} },
      methods: { full: {} },
      schedules: [{ kind: 'full' }],
    },
    ...{ seeds: [1, 2], slurm: { partition: 'short', memory: '2G' } },
  };
  await writeFile(file, JSON.stringify(grid));
  await mkdir(bin);
  await fake('sbatch', SBATCH);
  await fake('squeue', 'cat "$0.says" 2> /dev/null; true');
  await fake('scancel', 'echo "$@" >> "$0.calls"');
  await fake('scontrol', 'echo "$@" >> "$0.calls"; echo "JobState=RUNNING"');
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function call(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: { ...process.env, ...env } });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}

const PATH = `${bin}:${process.env.PATH}`;
process.env.PATH = PATH;
const grid = (args: readonly string[], path = PATH): Promise<Ended> =>
  call(process.execPath, [cli, 'grid', file, '--runs', runs, ...args], { PATH: path });

const arrays = (): Promise<string[]> => readdir(join(runs, 'unfinished/slurm')).catch(() => []);
const arrayFolder = async (): Promise<string> =>
  join(runs, 'unfinished/slurm', (await arrays())[0] as string);

test('the script asks for what was said, and nothing else', () => {
  const plan = {
    title: 'GLUE: all of it',
    tasks: 60,
    folder: "/shared/it's 5 %",
    command: ['/bin/node', 'cli.js', 'grid'],
  };
  const text = arrayScript(
    plan,
    slurmSettings(
      { partition: 'cpu', account: 'nlp' },
      { time: '2:00:00', memory: '4G', cores: 2, limit: 4, environment: ['module load nodejs'] },
    ),
  );
  assert.equal(
    text,
    `#!/bin/bash
#SBATCH --job-name=GLUE-all-of-it
#SBATCH --array=0-59%4
#SBATCH --output="/shared/it's 5 %%/logs/%a.log"
#SBATCH --open-mode=append
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --time=2:00:00
#SBATCH --partition=cpu
#SBATCH --account=nlp
#SBATCH --signal=B:USR2@120
#SBATCH --requeue
module load nodejs
exec '/bin/node' 'cli.js' 'grid' '/shared/it'\\''s 5 %' --task "$SLURM_ARRAY_TASK_ID"
`,
  );
  const short = arrayScript({ ...plan, folder: '/x' }, slurmSettings({}, { time: '2', gpus: 1 }));
  assert.match(short, /^#SBATCH --signal=B:USR2@30\n/m);
  assert.match(short, /^#SBATCH --gpus=1$/m);
  assert.doesNotMatch(short, /partition|account|--mem|limit/);
});

test('settings that Slurm would not take, or that would be another line, are refused', () => {
  const refused = (given: object, message: RegExp): void =>
    assert.throws(() => slurmSettings({}, given), message);
  refused({ time: 'soon' }, /slurm: time: Slurm takes 30 \(minutes\), 2:00:00, 1-12:00:00/);
  refused({ memory: 'much' }, /slurm: memory: Slurm takes 500M, 4G/);
  refused({ account: 'a\n#SBATCH --uid=0' }, /slurm: account: /);
  refused({ environment: ['a\nb'] }, /slurm: environment\.0: a line of the script/);
  refused({ cores: 0 }, /slurm: cores: /);
  assert.throws(
    () => arrayScript({ title: 't', tasks: 1, folder: '/a"b', command: [] }, slurmSettings({}, {})),
    /sbatch takes no path with a quote/,
  );
  assert.deepEqual(
    ['30', '1:30', '2:00:00', '1-12', '1-12:30:00'].map(secondsOf),
    [1800, 90, 7200, 129600, 131400],
  );
});

test("the queue is read as squeue writes it, and a card is CUDA's own, else Slurm's", () => {
  assert.deepEqual(queuedTasks('12|3|RUNNING|n1\n12|4|PENDING|(Resources)\n9|N/A|RUNNING|n2\n'), [
    { job: '12', task: 3, state: 'RUNNING', place: 'n1' },
    { job: '12', task: 4, state: 'PENDING', place: '(Resources)' },
  ]);
  assert.deepEqual(gpusOf({ SLURM_JOB_GPUS: '2,3' }), ['2', '3']);
  assert.deepEqual(gpusOf({ SLURM_JOB_GPUS: '2,3', CUDA_VISIBLE_DEVICES: '0' }), ['0']);
  assert.deepEqual(gpusOf({}), []);
});

test('flags that do not go together are refused', () => {
  const refused = (flags: SlurmFlags, message: RegExp): void =>
    assert.throws(() => asksSlurm(flags), message);
  refused({ on: 'pbs' }, /--on takes slurm, not 'pbs'/);
  refused({ dryRun: true }, /--dry-run goes with --on slurm/);
  refused({ on: 'slurm', status: true }, /give one of/);
  assert.equal(asksSlurm({}), false);
});

async function planned(): Promise<ArrayRequest> {
  const { all } = await planGrid(await expandGrid(await readGrid(file)), runs);
  return {
    ...{ title: 'two runs', runs, slurm: slurmSettings({}, {}), device: 'cpu', strict: false },
    ...{ tasks: all, command: ['node', 'cli.js', 'grid'] },
  };
}

test('what Slurm refuses, or a machine without it, gets one line and leaves nothing', async () => {
  const request = await planned();
  const refused = (sends: typeof submit, message: RegExp): Promise<void> =>
    assert.rejects(storeArray(request, newArrayFolder(runs), sends), message);
  const says = (text: string): Promise<void> => fake('sbatch', `echo "sbatch: error: ${text}" >&2; exit 1`);
  process.env.PATH = '/nowhere';
  await refused(submit, /^UsageError: sbatch is not on the path: .*--dry-run$/);
  process.env.PATH = PATH;
  await says('Batch job submission failed: Invalid account or account/partition combination specified');
  await refused(
    submit,
    /^DataError: sbatch: Batch job.* Invalid account .*; ask with `sacctmgr .*, and give --account$/,
  );
  await says('Batch job submission failed: Invalid partition name specified');
  await refused(submit, /Invalid partition name specified; ask with `sinfo` .* give --partition$/);
  await says('Batch job submission failed: Invalid job array specification');
  await refused(submit, /Invalid job array specification; .*--only$/);
  assert.deepEqual(await arrays(), []);
  await fake('sbatch', SBATCH);
});

test('a grid is handed in once, run task by task, and told', async () => {
  const dry = await grid(['--on', 'slurm', '--account', 'nlp', '--dry-run'], '/nowhere');
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /^#SBATCH --array=0-1\n[\s\S]*--partition=short\n#SBATCH --account=nlp$/m);
  assert.deepEqual(await arrays(), []);
  const handed = await grid(['--on', 'slurm', '--account', 'nlp']);
  assert.match(handed.stdout, /^array 7: 2 runs; look with: progtuning grid .* --status$/m, handed.stderr);
  const folder = await arrayFolder();
  assert.match(
    await readFile(join(bin, 'sbatch.calls'), 'utf8'),
    new RegExp(`^--parsable ${folder}/array.sh$`, 'm'),
  );
  // Slurm's part: a task waits, one runs in its log.
  await writeFile(join(bin, 'squeue.says'), '7|0|RUNNING|n1\n7|1|PENDING|(Priority)\n');
  assert.match(
    (await grid(['--status'])).stdout,
    /^running rte, .*seed 1: n1\nwaiting 1 \(Priority\)\n0 done, 1 running, 1 waiting, 0 failed, 0 missing$/m,
  );
  assert.match((await grid(['--on', 'slurm'])).stdout, /nothing to hand in/);
  const script = join(folder, 'array.sh');
  const task = (id: number, env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
    call('bash', [script], { PATH, SLURM_ARRAY_JOB_ID: '7', SLURM_ARRAY_TASK_ID: String(id), ...env });
  const ran = await task(0);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /^begun on .* as 7_0: rte, full/);
  assert.equal((await readLedger(runs)).size, 1);
  await grid(['--cancel']);
  assert.match(await readFile(join(bin, 'scancel.calls'), 'utf8'), /^7_\[1\]$/m);
});

test('a node with other code, other weights, or without the folder says so; such runs are failed, and tried again', async () => {
  const folder = await arrayFolder();
  const says = (message: RegExp, of = folder): Promise<void> => assert.rejects(arrayTask(of, 1), message);
  await says(
    /\/not\/shared\/tasks\/1.json is not seen here: the ledger's folder is not shared/,
    '/not/shared',
  );
  const plan = join(folder, 'plan.json');
  const text = await readFile(plan, 'utf8');
  await writeFile(plan, text.replace(/"code":"\w+"/, '"code":"0123456789abcdef"'));
  await says(/this node's progtuning is other code \(\w{16}\) than planned the array \(0123456789abcdef\)/);
  await writeFile(plan, text);
  const path = join(folder, 'tasks/1.json');
  const stored = await readFile(path, 'utf8');
  const { parts, ...task } = JSON.parse(stored);
  const weights = { 'model.safetensors': '0' };
  await writeFile(path, JSON.stringify({ ...task, key: '0123456789abcdef', parts: { ...parts, weights } }));
  await says(/this node has other weights \(model.safetensors\); give every node the same files/);
  await writeFile(path, stored);
  await rm(join(bin, 'squeue.says'));
  const [array] = await storedArrays(runs);
  assert.ok(array);
  assert.match(await lastWords(array, 1), /^no log at .*its node does not see that folder$/);
  await writeFile(join(folder, 'logs/1.log'), 'begun on n1 as 7_1: rte');
  assert.equal(await lastWords(array, 1), 'ended without a word; begun on n1 as 7_1: rte');
  await writeFile(join(folder, 'logs/1.log'), 'begun on n1 as 7_1: rte\nprogtuning: n1: rte: no space\n\n');
  await fake('sbatch', 'echo 8');
  const again = await grid(['--retry']);
  assert.match(again.stderr, /^failed {2}rte, .*seed 2: n1: rte: no space$/m);
  assert.match(again.stdout, /^array 8: 1 run;/);
  const slurm = (await storedArrays(runs)).map((one) => [one.job, one.slurm.account, one.slurm.partition]);
  assert.deepEqual(slurm, [
    ['7', 'nlp', 'short'],
    ['8', 'nlp', 'short'],
  ]);
});
