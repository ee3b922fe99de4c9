/** Every public name has an example; all of them compile as a strict user's program would, run, and print what they say. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import ts from 'typescript';
import * as door from '../../src/index.js';
import { packageRoot } from '../golden/golden.js';
import { tinyLlama } from '../models/gguf-file.js';
import { docstringExamples, type ExampleCode, pageExamples } from './examples.js';

/** These make files that others read. */
const FIRST = ['createModel', 'convertGguf', 'run', 'saveAdapter', 'readGrid', 'runGrid'];
/** Groups whose names need no example of their own: pieces for `engine.compile`. */
const WITHOUT = ['fused', 'tf'];

const examples: readonly ExampleCode[] = [...docstringExamples(), ...pageExamples('docs/library.md')].sort(
  (a, b) => rank(a) - rank(b),
);

function rank({ name }: ExampleCode): number {
  const at = FIRST.indexOf(name);
  return at < 0 ? FIRST.length : at;
}

/** Inside the package, so that its own name is found. */
const programs = join(packageRoot, 'dist/examples');
rmSync(programs, { recursive: true, force: true });
mkdirSync(programs, { recursive: true });
const home = mkdtempSync(join(tmpdir(), 'progtuning-examples-'));
after(() => rmSync(home, { recursive: true, force: true }));
mkdirSync(join(home, 'models'));
writeFileSync(join(home, 'models/tiny-llama.gguf'), tinyLlama());
const files = examples.map(({ name, code }, i) => {
  const path = join(programs, `${String(i).padStart(3, '0')}-${name.replace(/\W+/g, '-')}.ts`);
  writeFileSync(path, code);
  return path;
});

test('every public name has an example', () => {
  const shown = new Set(examples.map(({ name }) => name));
  const isGroup = (value: unknown): value is object =>
    Object.prototype.toString.call(value) === '[object Module]';
  const missing = Object.entries(door).flatMap(([top, value]) => {
    const names = isGroup(value) ? Object.keys(value).map((name) => [top, name]) : [[top]];
    return names.filter((path) => ![...WITHOUT, ...shown].some((name) => path.includes(name)));
  });
  assert.deepEqual(missing, []);
});

test('the examples compile, strictly', () => {
  const options: ts.CompilerOptions = {
    strict: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    skipLibCheck: true,
    types: ['node'],
    typeRoots: [join(packageRoot, 'node_modules/@types')],
  };
  const program = ts.createProgram(files, options);
  const problems = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics];
  const host = {
    getCanonicalFileName: (name: string) => name,
    getCurrentDirectory: () => programs,
    getNewLine: () => '\n',
  };
  assert.equal(ts.formatDiagnostics(problems, host), '');
});

/** Runs programs one after the other in one process, and tells as JSON lines what each logs, or why it failed. */
const RUNNER = `
  import { writeSync } from 'node:fs';
  import { format } from 'node:util';
  let lines;
  console.log = (...values) => void lines.push(format(...values));
  for (const file of process.argv.slice(2)) {
    lines = [];
    const error = await import(file).then(() => undefined, (reason) => String(reason?.stack ?? reason));
    writeSync(3, JSON.stringify({ lines, error }) + '\\n');
  }`;

test('the examples run, and print what they say', () => {
  const run = files.filter((_, i) => !examples[i]?.code.includes('// Not executed by the tests'));
  const runner = join(programs, 'runner.mjs');
  writeFileSync(runner, RUNNER);
  const { output, stderr } = spawnSync(
    process.execPath,
    [runner, ...run.map((file) => file.replace(/\.ts$/, '.js'))],
    { cwd: home, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe', 'pipe'], maxBuffer: 2 ** 26 },
  );
  const results = (output[3] ?? '').split('\n').filter(Boolean);
  assert.equal(results.length, run.length, stderr);
  const wrong = run.flatMap((file, i) => {
    const { prints, name } = examples[files.indexOf(file)] as ExampleCode;
    const { lines, error } = JSON.parse(results[i] as string) as { lines: string[]; error?: string };
    if (error) return [`${name}: ${error}`];
    return prints.flatMap((text, k) =>
      text === undefined || text === lines[k] ? [] : [`${name}: printed ${lines[k]}, says ${text}`],
    );
  });
  assert.deepEqual(wrong, []);
});
