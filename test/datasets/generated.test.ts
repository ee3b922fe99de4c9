/** The generated tasks: the committed files are what the grammars give; splits share nothing; labels are as they should be. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { GENERATED_SEED, registerGenerate } from '../../src/cli/generate.js';
import { GENERATED_TASKS, generatedFiles } from '../../src/datasets/generated.js';
import { readGlueFolder } from '../../src/datasets/glue.js';
import type { Example } from '../../src/datasets/glue-rows.js';
import { readSplit } from '../../src/datasets/source.js';
import { readSquad } from '../../src/datasets/squad.js';
import { readSquadSplit } from '../../src/datasets/squad-source.js';
import { findTask, TASKS, type Task } from '../../src/datasets/task.js';
import { UsageError } from '../../src/errors.js';
import { packageRoot } from '../golden/golden.js';

const data = join(packageRoot, 'data');
const files = generatedFiles(GENERATED_SEED);

const read = async (task: Task, split: string): Promise<readonly Example[]> =>
  (await readGlueFolder(join(data, 'glue'), task, split)).examples;
const labelCounts = (examples: readonly Example[]): number[] => {
  const counts: number[] = [];
  for (const { label } of examples) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
};
const bag = (text: string): string => (text.toLowerCase().match(/\w+/g) ?? []).sort().join(' ');

test('data/ is what the grammars give, byte for byte', () => {
  for (const [path, text] of Object.entries(files))
    assert.ok(readFileSync(join(data, path), 'utf8') === text, `${path}: run progtuning generate --out data`);
  assert.equal(Object.keys(files).length, 2 * 9 + 1 + 4 + 2 * 3);
});

test('our reader takes every file; no text stands twice in a task; classes are balanced', async () => {
  for (const task of TASKS.filter(({ folder }) => GENERATED_TASKS.includes(folder))) {
    const small = task.name === 'wnli';
    const train = await read(task, 'train');
    const seen = new Set(train.map(({ texts }) => texts.join('\t')));
    assert.equal(seen.size, small ? 600 : 2000, task.name);
    for (const { file } of task.evaluation) {
      const dev = await read(task, file);
      assert.equal(dev.length, small ? 70 : 500);
      for (const { texts } of dev)
        assert.ok(!seen.has(texts.join('\t')), `${task.name}: ${texts.join(' | ')}`);
      for (const examples of [train, dev]) {
        const counts = labelCounts(examples);
        assert.equal(counts.length, task.labels.length || 6);
        assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `${task.name}: ${counts}`);
      }
    }
  }
});

test('plain tasks are read by their source, balanced, with answers at their places', async () => {
  for (const [name, classes] of [
    ['sst2', 2],
    ['stsb', 6],
  ] as const)
    for (const [split, rows] of [
      ['train', 1000],
      ['dev', 300],
    ] as const) {
      const { examples } = await readSplit('plain', findTask(name), split, { strict: true });
      const counts = labelCounts(examples);
      assert.deepEqual([examples.length, counts.length], [rows, classes]);
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
    }
  const { examples } = await readSquadSplit('plain', '1.1', 'dev', { strict: true });
  assert.equal(examples.length, 200);
});

test('another seed gives other rows; one task alone gives the same rows', () => {
  const path = 'glue/CoLA/dev.tsv';
  assert.deepEqual(generatedFiles(1, ['cola']), {
    'glue/CoLA/train.tsv': files['glue/CoLA/train.tsv'],
    [path]: files[path],
  });
  assert.notEqual(generatedFiles(2, ['CoLA'])[path], files[path]);
  assert.throws(() => generatedFiles(1, ['imdb']), UsageError);
});

test('CoLA: in all kinds but agreement both classes have the very same bags of words', async () => {
  const bags = [new Map<string, number>(), new Map<string, number>()] as const;
  const all = [...(await read(findTask('cola'), 'train')), ...(await read(findTask('cola'), 'dev'))];
  for (const { texts, label } of all) {
    const mine = bags[label as 0 | 1];
    mine.set(bag(texts[0]), (mine.get(bag(texts[0])) ?? 0) + 1);
  }
  const shared = [...bags[0]].filter(([text, count]) => bags[1].get(text) === count).length;
  assert.ok(shared >= 0.89 * bags[0].size, `${shared} of ${bags[0].size}`);
});

test('order inferences are true: before and after, read by a rule of their own', async () => {
  const past = '(?:arrived|left|spoke|woke up|finished the work|went home|sat down|died)';
  const premise = new RegExp(`(the \\w+) and (the \\w+) ${past} (before|after) (the \\w+)\\.`, 'i');
  const hypothesis = new RegExp(
    `^(It is not true that |It is false that )?(the \\w+) ${past} (before|after) (the \\w+)\\.`,
    'i',
  );
  let checked = 0;
  for (const { texts, label } of await read(findTask('mnli'), 'train')) {
    const [p, h] = [premise.exec(texts[0]), hypothesis.exec(texts[1] as string)];
    if (!p || !h) continue;
    checked++;
    const lower = (text: string | undefined): string => (text as string).toLowerCase();
    const later = (x: string): number => ((x === lower(p[4])) === (lower(p[3]) === 'before') ? 1 : 0);
    const [x, y] = [lower(h[2]), lower(h[4])];
    const says = lower(h[3]) === 'before' ? later(x) < later(y) : later(x) > later(y);
    const expected = later(x) === later(y) ? 1 : says !== (h[1] !== undefined) ? 0 : 2;
    assert.equal(label, expected, texts.join(' | '));
  }
  assert.ok(checked > 250, `${checked}`);
});

test('SQuAD: answers stand where the files say; v2.0 adds questions of what is told of the other building alone', async () => {
  for (const split of ['train', 'dev'] as const) {
    const [v1, v2] = [
      await readSquad(join(data, 'squad'), { version: '1.1', split }),
      await readSquad(join(data, 'squad'), { version: '2.0', split }),
    ];
    const count = split === 'train' ? 500 : 125;
    assert.deepEqual([v1.version, v1.examples.length, v1.misplaced], ['1.1', 3 * count, []]);
    assert.deepEqual([v2.version, v2.examples.length, v2.misplaced], ['2.0', 5 * count, []]);
    assert.deepEqual(
      v2.examples.filter(({ answers }) => answers.length > 0),
      v1.examples,
    );
    assert.equal(new Set(v2.examples.map(({ id }) => id)).size, 5 * count);
  }
});

test('SQuAD: no paragraph of dev stands in train', async () => {
  const contexts = async (split: 'train' | 'dev'): Promise<Set<string>> =>
    new Set(
      (await readSquad(join(data, 'squad'), { version: '2.0', split })).examples.map(
        ({ context }) => context,
      ),
    );
  const train = await contexts('train');
  for (const context of await contexts('dev')) assert.ok(!train.has(context));
});

test('the command writes the named tasks', async () => {
  const out = mkdtempSync(join(tmpdir(), 'progtuning-generate-'));
  try {
    const program = new Command();
    registerGenerate(program);
    await program.parseAsync(['generate', '--out', out, '--tasks', 'WNLI'], { from: 'user' });
    assert.equal(readFileSync(join(out, 'glue/WNLI/dev.tsv'), 'utf8'), files['glue/WNLI/dev.tsv']);
  } finally {
    rmSync(out, { recursive: true });
  }
});
