/** Splits with hidden labels, the diagnostic set, and files that are damaged. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readGlueFolder } from '../../src/datasets/glue.js';
import { examplesOfRows } from '../../src/datasets/parquet.js';
import { readSplit } from '../../src/datasets/source.js';
import { findTask, hiddenSplit, labelCount, TASKS } from '../../src/datasets/task.js';
import { DataError } from '../../src/errors.js';

let home = '';
before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-glue-'));
});
after(() => rm(home, { recursive: true }));

async function write(task: string, file: string, content: string | Buffer): Promise<void> {
  await mkdir(join(home, findTask(task).folder), { recursive: true });
  await writeFile(join(home, findTask(task).folder, file), content);
}
const read = (task: string, split: string) => readGlueFolder(home, findTask(task), split);

test('test files have a header and no labels, CoLA too', async () => {
  await write('cola', 'test.tsv', 'index\tsentence\n0\tBill whistled past the house.\n');
  await write('sst2', 'test.tsv', 'index\tsentence\n0\tuneasy mishmash\n');
  await write('mrpc', 'test.tsv', '\uFEFFindex\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t1\t2\tOne.\tTwo.\n');
  await write('stsb', 'test.tsv', 'index\tgenre\tsentence1\tsentence2\n0\tx\tA\tB\n');
  await write('mnli', 'test_mismatched.tsv', 'index\tgenre\tsentence1\tsentence2\n0\tx\tP\tH\n');
  const splits = { cola: 'test', sst2: 'test', mrpc: 'test', stsb: 'test', mnli: 'test_mismatched' };
  const examples = await Promise.all(
    Object.entries(splits).map(async ([task, split]) => (await read(task, split)).examples),
  );
  assert.deepEqual(examples, [
    [{ texts: ['Bill whistled past the house.'], label: -1 }],
    [{ texts: ['uneasy mishmash'], label: -1 }],
    [{ texts: ['One.', 'Two.'], label: -1 }],
    [{ texts: ['A', 'B'], label: -1 }],
    [{ texts: ['P', 'H'], label: -1 }],
  ]);
});

test('the diagnostic set is for evaluation only', async () => {
  await write('ax', 'diagnostic.tsv', 'index\tsentence1\tsentence2\n0\tThe cat sat.\tThe cat did not sit.\n');
  assert.deepEqual((await read('ax', 'diagnostic')).examples, [
    { texts: ['The cat sat.', 'The cat did not sit.'], label: -1 },
  ]);
  for (const source of [home, 'hub']) {
    await assert.rejects(
      readSplit(source, findTask('ax'), 'train'),
      /ax has no train split: fine-tune on mnli/,
    );
  }
});

test('hidden labels of the hub are -1, and an error elsewhere', () => {
  const rows = [{ premise: 'P', hypothesis: 'H', label: -1n, idx: 0 }];
  const mnli = findTask('mnli');
  assert.deepEqual(examplesOfRows(mnli, rows, 'x.parquet', true), [{ texts: ['P', 'H'], label: -1 }]);
  assert.throws(
    () => examplesOfRows(mnli, rows, 'x.parquet'),
    /x\.parquet, row 0: label -1 is outside mnli's/,
  );
});

test('each task names what the GLUE server takes, once', () => {
  const files = TASKS.flatMap(({ test: splits }) => splits.map(({ submission }) => submission));
  assert.equal(files.length, 11);
  assert.equal(new Set(files).size, 11);
  assert.equal(hiddenSplit(findTask('mnli'), 'test_matched')?.submission, 'MNLI-m.tsv');
  assert.equal(hiddenSplit(findTask('mnli'), 'dev_matched'), undefined);
  assert.deepEqual(
    TASKS.map((task) => labelCount(task)),
    [2, 2, 2, 1, 2, 3, 2, 2, 2, 3],
  );
});

test('damaged files: where and what to do, in one line', async () => {
  const latin1 = Buffer.from('sentence\tlabel\nfine\t1\ncaf\xe9\t0\n', 'latin1');
  await write('sst2', 'train.tsv', latin1);
  await assert.rejects(read('sst2', 'train'), /train\.tsv:3:\d+: not UTF-8/);
  await write('wnli', 'train.tsv.gz', gzipSync('index\tsentence1\tsentence2\tlabel\n').subarray(0, 30));
  await assert.rejects(read('wnli', 'train'), /train\.tsv\.gz: not a whole gzip file/);
  for (const content of ['', 'index\tsentence1\tsentence2\tlabel\n']) {
    await write('rte', 'dev.tsv', content);
    await assert.rejects(read('rte', 'dev'), /dev\.tsv: the split is empty/);
  }
  await write('cola', 'train.tsv', '');
  await assert.rejects(
    read('cola', 'train'),
    (error: Error) => error instanceof DataError && !error.message.includes('\n'),
  );
  await write('qnli', 'dev.tsv', 'index\tquestion\tsentence\tlabel\n0\tQ\tS\tentailment\n1\tQ\tS\tentails\n');
  await assert.rejects(
    read('qnli', 'dev'),
    /dev\.tsv:3: label 'entails' is not one of qnli's: entailment, not_/,
  );
});
