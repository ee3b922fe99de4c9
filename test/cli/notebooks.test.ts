/** The notebook runner, from source to executed notebook, with the real tslab kernel. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startKernel } from '../../src/cli/notebook/kernel.js';
import { type NotebookEvent, runNotebooks } from '../../src/cli/notebook/run.js';
import { findTslab, LAUNCH, PORT_TAKEN, writeKernelspec } from '../../src/cli/notebook/tslab.js';
import { DataError, UsageError } from '../../src/errors.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const fixture = join(root, 'test/cli/fixtures/source/demo.md');
const folder = mkdtempSync(join(tmpdir(), 'progtuning-notebooks-'));
// Notebooks that failed are kept in the folder for temporary files.
process.env.TMPDIR = folder;
after(() => rmSync(folder, { recursive: true, force: true }));

interface Executed {
  metadata: { progtuning: { source: string }; kernelspec: { name: string } };
  cells: { cell_type: string; execution_count?: number; outputs?: Record<string, unknown>[] }[];
}

const source = (name: string, cells: readonly string[]): string => {
  const path = join(folder, `${name}.md`);
  writeFileSync(path, cells.map((cell) => `\`\`\`typescript\n${cell}\n\`\`\`\n`).join('\n'));
  return path;
};

describe('notebooks', { concurrency: 4 }, () => {
  test('builds, executes, numbers, collects and writes; again: unchanged', async () => {
    const events: NotebookEvent[] = [];
    const options = {
      outputDir: join(folder, 'out'),
      timeout: 60,
      onProgress: (event: NotebookEvent) => events.push(event),
    };
    const [path] = await runNotebooks([fixture], options);
    assert.equal(path, join(folder, 'out', 'demo.ipynb'));
    const { cells, metadata } = JSON.parse(readFileSync(path, 'utf8')) as Executed;
    assert.equal(metadata.kernelspec.name, 'tslab');
    assert.equal(cells[0]?.cell_type, 'markdown');
    const code = cells.filter(({ cell_type }) => cell_type === 'code');
    assert.deepEqual(
      code.map(({ execution_count }) => execution_count),
      [1, 2, 3, 4, 5],
    );
    const [intro, figure, table, progress, complaint] = code.map(({ outputs }) => outputs ?? []);
    assert.deepEqual(intro, [{ output_type: 'stream', name: 'stdout', text: ['fixtures\n'] }]);
    assert.equal(figure?.length, 1);
    const data = figure[0]?.data as Record<string, unknown>;
    assert.deepEqual(Object.keys(data), [
      'application/vnd.plotly.v1+json',
      'image/svg+xml',
      'text/html',
      'text/plain',
    ]);
    const snapshot = readFileSync(join(root, 'test/report/snapshots/schedule-grid.svg'), 'utf8');
    assert.ok((data['image/svg+xml'] as string[]).join('') === snapshot, 'the SVG differs from its snapshot');
    assert.match(JSON.stringify(table?.[0]), /109,483,778<\/td>/);
    assert.match(JSON.stringify(table?.[1]), /BERT-large has \*\*3.06\*\* times/);
    assert.deepEqual(
      progress?.map((output) => output.data),
      [{ 'text/plain': [`training ${'█'.repeat(24)} 100 % | 20/20 steps | loss 0.050`] }],
    );
    assert.equal(complaint?.[0]?.name, 'stderr');
    await runNotebooks([fixture], { ...options, changed: true });
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['cell', 'cell', 'cell', 'cell', 'cell', 'done', 'unchanged'],
    );
    await runNotebooks([fixture], { ...options, changed: true, inputs: 'another ledger' });
    assert.equal(events.at(-1)?.kind, 'done');
  });

  test('an .ipynb is executed in place, from its source where there is one', async () => {
    const project = join(folder, 'project');
    mkdirSync(join(project, 'source'), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
    writeFileSync(join(project, 'source', 'a.md'), '```typescript\nconsole.log("from the source");\n```\n');
    const [path] = await runNotebooks([join(project, 'a.ipynb')], { timeout: 30 });
    assert.equal(path, join(project, 'a.ipynb'));
    cpSync(path, join(project, 'b.ipynb'));
    const [again] = await runNotebooks([join(project, 'b.ipynb')], { timeout: 30 });
    assert.match(readFileSync(again as string, 'utf8'), /from the source/);
    assert.equal(readFileSync(path, 'utf8'), readFileSync(again as string, 'utf8'));
    assert.deepEqual(readdirSync(project).sort(), ['a.ipynb', 'b.ipynb', 'node_modules', 'source']);
  });

  test('stops at the first error, with source and message, and writes nothing under the final name', async () => {
    const path = source('throws', [
      'const a = 1;',
      'throw new Error("broken at " + a);',
      'console.log("never");',
    ]);
    await assert.rejects(runNotebooks([path], { timeout: 30 }), (error: Error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, /throws\.md: cell 2 of 3 failed/);
      assert.match(error.message, / {4}throw new Error\("broken at/);
      assert.match(error.message, /Error: broken at 1/);
      return true;
    });
    assert.ok(!existsSync(join(folder, 'throws.ipynb')));
    const partial = JSON.parse(readFileSync(join(tmpdir(), 'throws.failed.ipynb'), 'utf8')) as Executed;
    assert.deepEqual(
      partial.cells.map(({ execution_count }) => execution_count),
      [1, 2, null],
    );
  });

  test('a promise that nobody awaits fails its cell, although tslab calls it ok', async () => {
    const path = source('rejects', ['Promise.reject(new Error("lost")); 1;']);
    await assert.rejects(runNotebooks([path], { timeout: 30 }), /cell 1 of 1 failed[\s\S]*Error: lost/);
  });

  test('a cell may write thousands of outputs at once', async () => {
    const path = source('chatty', [
      'for (let i = 0; i < 5000; i++) console.log(i);',
      'console.log("after");',
    ]);
    const [made] = await runNotebooks([path], { timeout: 30 });
    const { cells } = JSON.parse(readFileSync(made as string, 'utf8')) as Executed;
    const [lines, after] = cells.map(({ outputs = [] }) => outputs.map(({ text }) => text as string[]));
    assert.deepEqual(lines, [Array.from({ length: 5000 }, (_, i) => `${i}\n`)]);
    assert.deepEqual(after, [['after\n']]);
  });

  test('a cell that never ends is stopped', async () => {
    const path = source('endless', ['while (true) {}']);
    await assert.rejects(runNotebooks([path], { timeout: 2 }), /longer than 2 s; allow more with --timeout/);
  });

  test('a kernel that dies is reported with its last words', async () => {
    const path = source('dies', ['require("fs").writeSync(2, "last words"); process.exit(7);']);
    await assert.rejects(runNotebooks([path], { timeout: 30 }), /process ended \(exit code 7\)\. last words/);
  });
});

describe("the entry of a kernel's process", () => {
  // In place of tslab: binds a socket as tslab does, and says whether that is over before anything else can happen.
  const started = (address: string) => {
    const home = join(folder, `entry-${randomUUID()}`);
    const main = join(home, 'main.js');
    mkdirSync(join(home, 'node_modules'), { recursive: true });
    symlinkSync(join(root, 'node_modules/zeromq'), join(home, 'node_modules/zeromq'));
    writeFileSync(
      main,
      `exports.startKernel = ({ configPath }) => {
        const router = new (require('zeromq').Router)();
        void router.bind(configPath);
        console.log(router.lastEndpoint);
        router.close();
      };`,
    );
    return spawnSync(process.execPath, [LAUNCH, main, address], { encoding: 'utf8' });
  };

  test('binds at once: a request that comes meanwhile ends nothing', () => {
    const { stdout, stderr, status } = started('tcp://127.0.0.1:*');
    assert.match(stdout, /^tcp:\/\/127\.0\.0\.1:\d+\n$/);
    assert.deepEqual([stderr, status], ['', 0]);
  });

  test('ends where a port is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { stderr, status } = started(address);
    server.close();
    assert.deepEqual([stderr, status], [`Address already in use: ${address}`, PORT_TAKEN]);
  });
});

test('a kernel whose port was taken is started anew', async () => {
  const home = join(folder, 'taken');
  const stub = join(home, 'node_modules/tslab');
  mkdirSync(join(stub, 'dist'), { recursive: true });
  symlinkSync(join(root, 'node_modules/zeromq'), join(home, 'node_modules/zeromq'));
  writeFileSync(join(stub, 'package.json'), '{}');
  // In place of tslab: ends as where a port is taken, twice, and is then the real one.
  writeFileSync(
    join(stub, 'dist/main.js'),
    `const { appendFileSync, readFileSync } = require('fs');
     exports.startKernel = (options) => {
       appendFileSync('starts', '.');
       if (readFileSync('starts', 'utf8').length < 3) process.exit(${PORT_TAKEN});
       require(${JSON.stringify(findTslab(root).main)}).startKernel({ ...options, enableFindLocal: false });
     };`,
  );
  const kernel = await startKernel(home);
  await kernel.close();
  assert.equal(readFileSync(join(home, 'starts'), 'utf8'), '...');
  rmSync(join(home, 'starts'));
  writeFileSync(join(stub, 'dist/main.js'), `exports.startKernel = () => process.exit(${PORT_TAKEN});`);
  await assert.rejects(startKernel(home), /the kernel's process ended \(exit code 98\)/);
});

test('wrong files are named', async () => {
  await assert.rejects(runNotebooks(['x.py']), UsageError);
  await assert.rejects(
    runNotebooks([join(folder, 'absent.ipynb')]),
    /absent\.ipynb: cannot be read \(ENOENT\)/,
  );
});

test('the kernel spec starts this tslab', async () => {
  const path = await writeKernelspec(join(folder, 'jupyter'));
  assert.equal(path, join(folder, 'jupyter', 'kernels', 'tslab', 'kernel.json'));
  const { argv, language } = JSON.parse(readFileSync(path, 'utf8')) as { argv: string[]; language: string };
  assert.equal(language, 'typescript');
  assert.deepEqual(argv, [process.execPath, LAUNCH, findTslab(root).main, '{connection_file}']);
  assert.ok(existsSync(argv[1] as string));
});
