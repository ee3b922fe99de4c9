/** Files for GLUE's server: names, rows, label words; and a whole run that writes them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findTask } from '../../src/datasets/task.js';
import { createModel } from '../../src/experiments/create-model.js';
import { submissionText } from '../../src/experiments/glue-submission.js';

test('rows are numbered from 0; the server wants words for some tasks, digits for others', () => {
  const text = (task: string, predictions: number[]): string => submissionText(findTask(task), predictions);
  assert.equal(text('sst2', [1, 0]), 'index\tprediction\n0\t1\n1\t0\n');
  assert.equal(text('rte', [0, 1]), 'index\tprediction\n0\tentailment\n1\tnot_entailment\n');
  assert.equal(text('ax', [2, 1]), 'index\tprediction\n0\tcontradiction\n1\tneutral\n');
  assert.equal(text('stsb', [-0.2, 2.34567, 5.4]), 'index\tprediction\n0\t0.000\n1\t2.346\n2\t5.000\n');
});

let home: string;
const cli = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
const embedded = fileURLToPath(new URL('../../../data/glue', import.meta.url));

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-submission-'));
  const texts = ['the older hall is not the second mill', 'who saw the bridge'];
  await createModel({
    ...{ out: join(home, 'model'), layers: 1, hidden: 16, heads: 2, vocabSize: 40, texts, seed: 1 },
  });
  await cp(join(embedded, 'MNLI'), join(home, 'glue/MNLI'), { recursive: true });
});
after(() => rm(home, { recursive: true }));

const finetune = (...args: string[]) =>
  spawnSync(
    process.execPath,
    [
      ...[cli, 'finetune', '--task', 'mnli', '--data', join(home, 'glue'), '--model', join(home, 'model')],
      ...['--epochs', '1', '--max-train-examples', '32', '--max-eval-examples', '8', '--max-length', '16'],
      ...args,
    ],
    { encoding: 'utf8' },
  );

test('MNLI writes both of its test sets, and the diagnostic set when it is there', async () => {
  const save = join(home, 'saved');
  const missing = finetune('--save', save, '--predict-test');
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /test_matched\.tsv: no such file/);
  const row = 'a man sleeps\ta man does not run';
  for (const [name, count] of [
    ['test_matched', 3],
    ['test_mismatched', 5],
  ] as const) {
    const rows = Array.from({ length: count }, (_, i) => `${i}\t${row}`);
    await writeFile(join(home, `glue/MNLI/${name}.tsv`), `index\tsentence1\tsentence2\n${rows.join('\n')}\n`);
  }
  const first = finetune('--save', save, '--predict-test');
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stderr, /AX\.tsv is not written: .*diagnostic/);
  await mkdir(join(home, 'glue/diagnostic'));
  await writeFile(
    join(home, 'glue/diagnostic/diagnostic.tsv'),
    `index\tsentence1\tsentence2\n0\t${row}\n1\t${row}\n`,
  );
  const second = finetune('--save', join(home, 'again'), '--predict-test');
  assert.equal(second.status, 0, second.stderr);
  for (const [name, count] of [
    ['MNLI-m', 3],
    ['MNLI-mm', 5],
    ['AX', 2],
  ] as const) {
    const lines = (await readFile(join(home, 'again', `${name}.tsv`), 'utf8')).trim().split('\n');
    assert.equal(lines.length, count + 1);
    assert.match(lines[1] as string, /^0\t(entailment|neutral|contradiction)$/);
  }
});

test('--predict-test wants a folder to write to', () => {
  const { status, stderr } = finetune('--predict-test');
  assert.equal(status, 2);
  assert.match(stderr, /--predict-test wants --save/);
});
