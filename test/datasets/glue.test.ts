/** GLUE's original files, from small ones made here, and the real ones where they are at hand. */
import assert from 'node:assert/strict';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readGlueFolder } from '../../src/datasets/glue.js';
import { readSplit } from '../../src/datasets/source.js';
import { findTask, TASKS } from '../../src/datasets/task.js';
import { packageRoot } from '../golden/golden.js';
import { temporaryFolder } from '../temporary-folder.js';

const home = temporaryFolder();

async function write(task: string, split: string, text: string | Buffer, ending = 'tsv'): Promise<void> {
  await mkdir(join(home, findTask(task).folder), { recursive: true });
  await writeFile(join(home, findTask(task).folder, `${split}.${ending}`), text);
}
const read = (task: string, split: string, maxExamples?: number) =>
  readGlueFolder(home, findTask(task), split, { maxExamples });

test('each layout is read: no header, byte-order mark, names, scores, quotes and CRLF as they are', async () => {
  await write('cola', 'dev', 'gj04\t1\t\tA "quoted sentence.\ngj04\t0\t*\tBad one this.');
  assert.deepEqual((await read('cola', 'dev')).examples, [
    { texts: ['A "quoted sentence.'], label: 1 },
    { texts: ['Bad one this.'], label: 0 },
  ]);
  await write(
    'mrpc',
    'train',
    '\uFEFFQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t7\t8\tOne "a".\tTwo.\r\n',
  );
  assert.deepEqual((await read('mrpc', 'train')).examples, [{ texts: ['One "a".', 'Two.'], label: 1 }]);
  await write(
    'rte',
    'dev',
    'index\tsentence1\tsentence2\tlabel\n0\tA\tB\tnot_entailment\n1\tC\tD\tentailment\n',
  );
  assert.deepEqual(
    (await read('rte', 'dev')).examples.map(({ label }) => label),
    [1, 0],
  );
  await write('stsb', 'dev', 'index\tgenre\tsentence1\tsentence2\tscore\n0\tx\tA\tB\t3.75\n');
  assert.deepEqual((await read('stsb', 'dev')).examples, [{ texts: ['A', 'B'], label: 3.75 }]);
  await write('qnli', 'train', gzipSync('index\tquestion\tsentence\tlabel\n0\tQ\tS\tentailment\n'), 'tsv.gz');
  assert.equal((await read('qnli', 'train')).examples[0]?.label, 0);
  const mnli = 'index\tgenre\tsentence1\tsentence2\tlabel1\tgold_label\n0\tx\tP\tH\tneutral\tcontradiction\n';
  await write('mnli', 'dev_mismatched', mnli);
  assert.deepEqual((await read('mnli', 'dev_mismatched')).examples, [{ texts: ['P', 'H'], label: 2 }]);
});

test('the first rows are taken; the hash is of the whole file', async () => {
  await write('sst2', 'train', 'sentence\tlabel\na\t0\nb\t1\nc\t0\n');
  const [two, all] = [await read('sst2', 'train', 2), await read('sst2', 'train')];
  assert.deepEqual([two.examples.length, all.examples.length, two.hash === all.hash], [2, 3, true]);
});

test('what is wrong is said in one line with file, line, value and remedy', async () => {
  const rejects = (task: string, split: string, message: RegExp) =>
    assert.rejects(read(task, split), message);
  await rejects('wnli', 'dev', /WNLI: no such folder; --data .* must hold WNLI\/ for task wnli/);
  await rejects('sst2', 'test', /test\.tsv: no such file; the test split of sst2 is missing/);
  await write('sst2', 'dev', 'text\tlabel\na\t0\n');
  await rejects('sst2', 'dev', /dev\.tsv:1: no column 'sentence'; the header has: text, label/);
  await write('stsb', 'train', 'index\tsentence1\tsentence2\tscore\n0\tA\tB\t5.5\n');
  await rejects('stsb', 'train', /train\.tsv:2: score '5\.5' is not a number from 0 to 5/);
  await write('stsb', 'train', 'index\tsentence1\tsentence2\tscore\n0\tA\tB\t\n');
  await rejects('stsb', 'train', /score '' is not a number/);
  await write('cola', 'train', 'gj04\t1\t\n');
  await rejects('cola', 'train', /train\.tsv:1: 3 columns, 4 expected/);
  assert.throws(
    () => findTask('SST-2'),
    /unknown task 'SST-2' \(did you mean 'sst2'\?\); known: cola, sst2, mrpc/,
  );
});

test('the embedded task is read like the others', async () => {
  const { examples } = await readSplit('embedded', findTask('sst2'), 'train');
  assert.ok(examples.length >= 2000 && examples.every(({ label }) => label === 0 || label === 1));
});

test('real files give the published counts, where they are at hand', async (context) => {
  const real = join(packageRoot, '../shared/data/glue');
  if (
    await access(real).then(
      () => false,
      () => true,
    )
  )
    return context.skip('no ../shared/data here');
  const counts: Record<string, [number, number]> = {
    cola: [8551, 1043],
    sst2: [67349, 872],
    mrpc: [3668, 408],
    stsb: [5749, 1500],
    rte: [2490, 277],
    wnli: [635, 71],
  };
  for (const task of TASKS.filter(({ name }) => counts[name])) {
    const sizes = await Promise.all(
      ['train', 'dev'].map(async (split) => (await readGlueFolder(real, task, split)).examples.length),
    );
    assert.deepEqual(sizes, counts[task.name], task.name);
  }
});
