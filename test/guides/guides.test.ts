/** The guides of docs/guides to their end: each TypeScript block is compiled and run, each command too, in a folder with what ships. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import ts from 'typescript';
import { packageRoot } from '../golden/golden.js';

const home = await mkdtemp(join(tmpdir(), 'progtuning-guides-'));
const command = promisify(execFile);
const environment = { ...process.env, HF_HUB_OFFLINE: '1', PATH: `${join(home, 'bin')}:${process.env.PATH}` };

before(async () => {
  await mkdir(join(home, 'bin'));
  await chmod(join(packageRoot, 'dist/lib/cli.js'), 0o755);
  await symlink(join(packageRoot, 'dist/lib/cli.js'), join(home, 'bin/progtuning'));
  for (const name of ['data', 'node_modules'])
    await symlink(join(packageRoot, name), join(home, name), 'dir');
  await writeFile(join(home, 'package.json'), '{"type": "module"}');
});
after(() => rm(home, { recursive: true, force: true }));

interface Block {
  readonly language: string;
  readonly text: string;
}

async function blocksOf(guide: string): Promise<Block[]> {
  const page = await readFile(join(packageRoot, 'docs/guides', `${guide}.md`), 'utf8');
  return [...page.matchAll(/^```(typescript|sh)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));
}

/** What a block writes. TypeScript is translated, not checked: notebooks and users' projects are strict in their own ways. */
async function outputOf({ language, text }: Block, name: string): Promise<string> {
  const file = join(home, `${name}.mjs`);
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 };
  if (language === 'typescript')
    await writeFile(file, ts.transpileModule(text, { compilerOptions: options }).outputText);
  const [program, ...words] = language === 'typescript' ? ['node', file] : ['/bin/sh', '-ec', text];
  const { stdout } = await command(program as string, words, {
    cwd: home,
    env: environment,
    maxBuffer: 2 ** 24,
  });
  return stdout;
}

async function outputsOf(guide: string): Promise<string[]> {
  const outputs: string[] = [];
  for (const [i, block] of (await blocksOf(guide)).entries())
    outputs.push(await outputOf(block, `${guide}-${i}`));
  return outputs;
}

describe('guides', { concurrency: 2 }, () => {
  test('classify reviews: ten lines, and as commands', async () => {
    const [program] = await blocksOf('classify-reviews');
    assert.ok((program?.text.trim().split('\n').length as number) <= 10, 'ten lines');
    const [said = '', commands = '', range = ''] = await outputsOf('classify-reviews');
    assert.ok(Number(/accuracy: ([\d.]+)/.exec(said)?.[1]) > 0.7, said);
    assert.match(said, /^complaint \{/m);
    assert.match(commands, /^ +complaint +\d/m);
    assert.match(commands, /^complaint,0\.\d/m);
    await access(join(home, 'runs/reviews-2/confusion_validation.svg'));
    assert.match(range, /try --learning-rate \d/);
    await access(join(home, 'runs/rates/learning_rate_range.svg'));
  });

  test('answer questions: from a file, and as commands', async () => {
    const [said = '', commands = ''] = await outputsOf('answer-questions');
    assert.match(said, /exact: \d/);
    assert.match(said, /^[a-z ]+ \d+ \d+ (0\.\d+|1)$/m);
    const { start: from, end: to, answer: text } = JSON.parse(commands.trim().split('\n').at(-1) as string);
    assert.equal('clara keeps the map in the shed .'.slice(from, to), text);
  });

  test('compare methods: a verdict from pairs of runs', async () => {
    const [said = ''] = await outputsOf('compare-methods');
    assert.equal(said.match(/^(full|progressive) \d/gm)?.length, 6);
    assert.match(said, /progressive - full \{\s+count: 3/);
  });
});
