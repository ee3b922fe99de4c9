/**
 * `npm run test:package`: the package as others get it. Packed from a clone that was never built, installed in an empty folder from the
 * npm registry alone, called, compiled against. It needs the registry, or npm's cache. Two minutes, so no part of `npm test`; CI runs it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { publint } from 'publint';
import { packageRoot } from '../golden/golden.js';

const home = mkdtempSync(join(tmpdir(), 'progtuning-install-'));
after(() => rmSync(home, { recursive: true, force: true }));
const clone = join(home, 'clone');
const project = join(home, 'project');

/** No setting of the npm that runs this test counts, but the registry and its certificates. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(npm_|onnxruntime_)/i.test(name) || /^npm_config_(registry|cafile)$/i.test(name),
  ),
);

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const call = (cwd: string, command: string, ...args: string[]): Ended =>
  spawnSync(command, args, { cwd, env: environment, encoding: 'utf8' });

function succeed(cwd: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr } = call(cwd, command, ...args);
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`);
  return stdout;
}

const write = (folder: string, name: string, content: unknown): void =>
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));

const tarballs = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.tgz'));

/** The programs of the page on installation, in order. */
const programs = (): string[] =>
  [...readFileSync(join(packageRoot, 'docs/install.md'), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(
    ([, code]) => code as string,
  );

/** Bytes of a folder as the disk counts them. */
function bytesOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    return sum + (entry.isDirectory() ? bytesOf(path) : lstatSync(path).blocks * 512);
  }, 0);
}

test('an unbuilt clone packs whole, or not at all', () => {
  mkdirSync(clone);
  const files = 'package.json tsconfig.json .npmrc .npmignore LICENSE README.md src data tools';
  for (const name of files.split(' '))
    cpSync(join(packageRoot, name), join(clone, name), { recursive: true, verbatimSymlinks: true });
  symlinkSync(join(packageRoot, 'node_modules'), join(clone, 'node_modules'));

  const refused = call(clone, 'npm', 'pack', '--ignore-scripts', '--pack-destination', home);
  assert.notEqual(refused.status, 0);
  assert.deepEqual(tarballs(home), []);

  succeed(clone, 'npm', 'pack', '--ignore-scripts=false', '--pack-destination', home);
  const [tarball] = tarballs(home) as [string];
  const listed = succeed(home, 'tar', '-tzf', tarball).split('\n');
  const made =
    'lib/index.js lib/cli.js lib/experiments/run-child.js lib/engine/arena.wasm src/index.d.ts src/engine/tfjs.d.ts';
  for (const path of made.split(' ')) assert.ok(listed.includes(`package/dist/${path}`), path);
  assert.ok(listed.includes('package/data/models/progtuning-bert-6x256/model.safetensors'));
  assert.deepEqual(
    listed.filter((path) => /\.map$|dist\/src\/.*\.js$|\/(test|notebooks|tools)\//.test(path)),
    [],
  );
});

const registry = call(home, 'npm', 'view', 'zod', 'version');
const skip = registry.status === 0 ? false : 'the npm registry cannot be reached';

test('it installs in an empty folder, runs, and stays below 450 MB', { skip }, async () => {
  mkdirSync(project);
  write(project, '.npmrc', 'onnxruntime-node-install=skip\n');
  const [tarball] = tarballs(home) as [string];
  succeed(
    project,
    'npm',
    'install',
    '--ignore-scripts=false',
    '--no-audit',
    '--prefer-offline',
    join(home, tarball),
  );
  assert.ok(bytesOf(join(project, 'node_modules')) <= 450e6);
  const { messages } = await publint({ pkgDir: join(project, 'node_modules/progtuning'), strict: true });
  assert.deepEqual(messages, []);

  const few = ['--max-train-examples', '32', '--max-eval-examples', '32', '--json'];
  const said = succeed(
    project,
    'npx',
    'progtuning',
    'finetune',
    '--task',
    'sst2',
    '--model',
    'progtuning-bert-6x256',
    ...few,
  );
  assert.ok('accuracy' in (JSON.parse(said) as { metrics: object }).metrics);
});

test('a strict TypeScript project compiles and runs the programs of docs/install.md', { skip }, () => {
  write(project, 'package.json', {
    ...JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')),
    type: 'module',
  });
  write(project, 'tsconfig.json', {
    compilerOptions: { module: 'nodenext', strict: true },
    include: ['*.ts'],
  });
  const names = programs().map((code, i) => {
    write(project, `program${i}.ts`, code);
    return `program${i}.js`;
  });
  assert.equal(names.length, 2);
  succeed(project, process.execPath, join(packageRoot, 'node_modules/typescript/bin/tsc'));
  const [trained, compiled] = names.map((name) => succeed(project, process.execPath, name));
  assert.match(trained as string, /^(negative|positive) \{ negative: 0\.\d+, positive: 0\.\d+ \}$/m);
  assert.match(compiled as string, /0\.3333/);
});

test('what is optional says what to install', { skip }, () => {
  const draw =
    "import { report } from 'progtuning'; await report.figureToSvg({ data: [], layout: { width: 1, height: 1 }, title: '', caption: '' });";
  const figure = call(project, process.execPath, '--input-type=module', '-e', draw);
  assert.match(figure.stderr, /Install them with: npm install jsdom plotly\.js-dist-min/);
  write(project, 'lesson.md', '```typescript\n1;\n```\n');
  for (const [args, line] of [
    [['notebooks', 'lesson.md'], /^progtuning: Notebooks need tslab.*npm install --save-dev tslab$/m],
    [['reproduce'], /^progtuning: reproduce .*clone of the repository/m],
    [
      ['finetune', '--task', 'sst2', '--model', 'progtuning-bert-6x256', '--device', 'tfjs'],
      /npm install @tensorflow\/tfjs-node-gpu/,
    ],
  ] as const) {
    const { status, stderr } = call(project, 'npx', 'progtuning', ...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, line);
  }
});

test('own data train and save where nothing can be drawn', { skip }, () => {
  const rows = Array.from({ length: 20 }, (_, i) => `row number ${i},${i % 2 ? 'odd' : 'even'}`);
  write(project, 'rows.csv', `text,label\n${rows.join('\n')}\n`);
  const command = ['progtuning', 'finetune', '--train-file', 'rows.csv', '--validation-split', '0.2'];
  const rest = ['--model', 'progtuning-bert-6x256', '--epochs', '1', '--save', 'saved'];
  succeed(project, 'npx', ...command, ...rest);
  assert.ok(readdirSync(join(project, 'saved')).includes('run.json'));
  const report = call(project, 'npx', ...command, ...rest, '--report', 'run.html');
  assert.equal(report.status, 2);
  assert.match(report.stderr, /--report: .*npm install jsdom plotly.js-dist-min/);
});
