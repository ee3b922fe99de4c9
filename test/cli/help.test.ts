/** Every command's `--help` has examples, and every one of them runs, verbatim. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { access, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Command } from 'commander';
import { buildProgram } from '../../src/cli/program.js';
import { layOut } from './help-folder.js';

interface Help {
  readonly command: string;
  /** What stands behind the options. */
  readonly text: string;
  readonly examples: readonly string[];
}

/** `command` and all below it. */
function helps(command: Command, parents = ''): Help[] {
  let page = '';
  command.configureOutput({ writeOut: (text) => (page += text) });
  command.outputHelp();
  const name = `${parents}${command.name()}`;
  const text = page.slice(page.search(/^Examples?:$/m));
  const examples = [...text.matchAll(/^ +(progtuning .*)$/gm)].map(([, line]) => line as string);
  return [{ command: name, text, examples }, ...command.commands.flatMap((each) => helps(each, `${name} `))];
}

const HELPS = helps(await buildProgram());
const examplesOf = (command: string): readonly string[] =>
  HELPS.find((help) => help.command === command)?.examples ?? [];

const home = await mkdtemp(join(tmpdir(), 'progtuning-help-'));
const environment: NodeJS.ProcessEnv = {
  ...process.env,
  PROGTUNING_RUNS: join(home, 'reproduction'),
  HF_HUB_OFFLINE: '1',
};

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a line in a shell, in the folder. @param seconds after these it gets Ctrl-C's signal */
function run(line: string, seconds?: number): Promise<Ended> {
  return new Promise((resolve) => {
    // exec: the signal is for the command, not for the shell.
    const child = spawn('/bin/sh', ['-c', `exec ${line}`], { cwd: home, env: environment });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    const timer = seconds && setTimeout(() => child.kill('SIGINT'), seconds * 1000);
    child.on('close', (code, signal) => {
      clearTimeout(timer || undefined);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

/** Runs a command's examples one after the other. @returns what each wrote */
async function runExamples(command: string): Promise<string[]> {
  const written: string[] = [];
  for (const line of examplesOf(command)) {
    const { code, stdout, stderr } = await run(line);
    assert.equal(code, 0, `${line}\n${stderr}`);
    written.push(stdout);
  }
  return written;
}

const there = (...path: string[]): Promise<void> => access(join(home, ...path));

before(async () => {
  environment.PATH = await layOut(home);
});
after(() => rm(home, { recursive: true, force: true }));

test('every command has an example in its help', () => {
  assert.ok(HELPS.length >= 13);
  for (const { command, examples } of HELPS) {
    assert.ok(examples.length > 0, command);
    const called = command === 'progtuning' ? 'progtuning ' : `${command} `;
    for (const example of examples) assert.ok(`${example} `.startsWith(called), example);
  }
});

describe('examples run', { concurrency: 3 }, () => {
  test('finetune; evaluate and export of what it saves', async () => {
    const [, json] = await runExamples('progtuning finetune');
    assert.ok('metrics' in JSON.parse(json as string));
    for (const command of ['progtuning evaluate', 'progtuning evaluate model', 'progtuning evaluate squad'])
      for (const scores of await runExamples(command)) assert.ok(/"(accuracy|f1)": \d/.test(scores), scores);
    await runExamples('progtuning predict');
    await there('predictions.jsonl');
    await runExamples('progtuning export');
    await there('web/sst2-lora/onnx/model.onnx');
    const { text } = HELPS.find(({ command }) => command === 'progtuning export') as Help;
    const program = text.split('\n').filter((line) => /^ {2}(import|const|console)\b/.test(line));
    assert.equal(program.length, 3);
    await writeFile(join(home, 'serve.mjs'), program.join('\n'));
    const { stdout, stderr } = await run('node serve.mjs');
    assert.match(stdout, /label: '(negative|positive)', score: 0\.\d+/, stderr);
  });

  test('what needs nothing: progtuning, params, generate, notebooks, grid', async () => {
    await runExamples('progtuning');
    await runExamples('progtuning params');
    await runExamples('progtuning generate');
    await there('my-data/glue/CoLA/train.tsv');
    const [converted] = await runExamples('progtuning convert');
    assert.match(
      converted as string,
      /^models\/from-gguf: 17,760 parameters, float32 \(of the tensors 2 in Q8_0/,
    );
    await runExamples('progtuning notebooks');
    await there('executed/lesson.ipynb');
    const lists = await runExamples('progtuning grid');
    assert.match(lists[0] as string, /^0 of 4 runs done$/m);
    const { stdout } = await run(examplesOf('progtuning grid')[0] as string);
    assert.match(stdout, /^4 of 4 runs done$/m);
    await cp(join(home, 'data/runs'), join(home, 'runs'), { recursive: true });
    for (const text of await runExamples('progtuning rerun')) assert.doesNotMatch(text, /DIFFERS/);
    for (const command of ['', ' list', ' check', ' merge']) await runExamples(`progtuning ledger${command}`);
    await there('merged-runs');
  });

  test('init, pretrain', async () => {
    await runExamples('progtuning init');
    await runExamples('progtuning pretrain');
    await there('models/tiny-law/model.safetensors');
  });

  test('reproduce begins its first notebook, and ends when it is told to: the whole takes 20 minutes', async () => {
    const [line, recorded] = examplesOf('progtuning reproduce');
    const { signal, stderr } = await run(line as string, 6);
    assert.deepEqual({ signal, stderr }, { signal: 'SIGINT', stderr: '' });
    const { stdout } = await run(recorded as string);
    assert.match(stdout, /BERT-base ==\nRECORDED.*stand-in.*RECORDED/s);
  });
});
