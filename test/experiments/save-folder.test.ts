/** No training is lost: what would fail after it fails before its first step, and nobody's work is written over. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createModel } from '../../src/experiments/create-model.js';
import { type RunOptions, run } from '../../src/experiments/run.js';
import { type RunRequest, runSpec } from '../../src/experiments/run-spec.js';
import { checkRoom, writeWhole } from '../../src/experiments/save-folder.js';

let home: string;
let model: string;
const LINES = ['sentence\tlabel', 'the film is fine\t1', 'the cast is dull\t0', 'the end is warm\t1', ''];

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-save-'));
  model = join(home, 'model');
  await createModel({ out: model, layers: 2, hidden: 16, heads: 2, vocabSize: 40, texts: LINES, seed: 1 });
});
after(() => rm(home, { recursive: true }));

/** A folder of data with these files. */
async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(home, 'data-'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

const sst2 = (dev: string | undefined): Promise<string> =>
  folderOf({ 'SST-2/train.tsv': LINES.join('\n'), ...(dev === undefined ? {} : { 'SST-2/dev.tsv': dev }) });

const GOOD = LINES.join('\n');

async function train(
  request: Partial<RunRequest>,
  options: RunOptions = {},
  stopAt = Number.POSITIVE_INFINITY,
) {
  const settings = { task: 'sst2', model, epochs: 2, batchSize: 2, maxLength: 16, learningRate: 1e-3 };
  let steps = 0;
  const onEvent: RunOptions['onEvent'] = (event) => {
    if (event.kind === 'step' && ++steps === stopAt) throw new Error('killed');
  };
  try {
    await run(runSpec({ data: '', ...settings, schedule: { kind: 'full' }, ...request }), {
      threads: 1,
      ...options,
      onEvent,
    });
    return { steps, message: '' };
  } catch (error) {
    return { steps, message: (error as Error).message };
  }
}

test('a development file that is missing, broken or empty is told before the first step', async () => {
  const broken = LINES.map((line) => line.replace('\t0', '\tx')).join('\n');
  for (const [dev, said] of [
    [undefined, /dev\.tsv/],
    [broken, /dev\.tsv:3/],
    [`${LINES[0]}\n`, /dev\.tsv: the split is empty/],
  ] as const) {
    const { steps, message } = await train({ data: await sst2(dev) });
    assert.match(message, said);
    assert.equal(steps, 0);
  }
});

test("SQuAD's long question of the development file is told before the first step", async () => {
  const file = (question: string): string => {
    const answers = [{ text: 'red', answer_start: 13 }];
    const paragraphs = [{ context: 'the house is red .', qas: [{ id: 'a', question, answers }] }];
    return JSON.stringify({ version: '1.1', data: [{ title: 't', paragraphs }] });
  };
  const long = 'what is it '.repeat(20);
  const data = await folderOf({ 'train-v1.1.json': file('what ?'), 'dev-v1.1.json': file(long) });
  const { steps, message } = await train({ task: 'squad', data, maxLength: 24, squad: { docStride: 4 } });
  assert.match(message, /question/);
  assert.equal(steps, 0);
});

test('test sets to predict are read before the first step', async () => {
  const { steps, message } = await train(
    { data: await sst2(GOOD) },
    { save: join(home, 'untested'), predictTest: true },
  );
  assert.match(message, /test\.tsv/);
  assert.equal(steps, 0);
});

test('a place that cannot be written to, or is full, is told before the first step', async () => {
  await writeFile(join(home, 'file'), '');
  const data = await sst2(GOOD);
  const { steps, message } = await train({ data }, { save: join(home, 'file', 'out') });
  assert.match(message, /file\/out: cannot be written to: .*; give another folder/);
  assert.equal(steps, 0);
  const itself = await train({ data }, { save: model });
  assert.match(itself.message, /not saved over the one it was made from/);
  assert.equal(itself.steps, 0);
  await assert.rejects(
    checkRoom(home, 2e9, async () => 1e9),
    /0\.931 GiB free, about 1\.9 GiB wanted/,
  );
});

test("another's unfinished run is refused by what differs; one's own goes on; --overwrite begins anew", async () => {
  const data = await sst2(GOOD);
  const save = join(home, 'shared');
  assert.equal((await train({ data }, { save }, 3)).message, 'killed');
  const seed = await train({ data, seed: 7 }, { save });
  assert.match(
    seed.message,
    /shared\/unfinished: holds an unfinished run with other settings \(seed 42 -> 7\); .*--overwrite/,
  );
  assert.equal(seed.steps, 0);
  const relu = join(home, 'relu');
  await cp(model, relu, { recursive: true });
  const config = JSON.parse(await readFile(join(relu, 'config.json'), 'utf8'));
  await writeFile(join(relu, 'config.json'), JSON.stringify({ ...config, hidden_act: 'relu' }));
  const other = await train({ data, model: relu }, { save });
  assert.match(other.message, /with other config\.json \(hidden_act gelu -> relu\)/);
  assert.deepEqual(await train({ data }, { save }), { steps: 2, message: '' }, 'the second epoch alone');
  const done = await train({ data, seed: 7 }, { save });
  assert.match(done.message, /shared: holds a finished run with other settings \(seed 42 -> 7\)/);
  assert.equal(done.steps, 0);
  const record = JSON.parse(await readFile(join(save, 'run.json'), 'utf8'));
  assert.deepEqual([record.spec.seed, record.steps.length], [42, 4]);
  assert.deepEqual(await train({ data, seed: 7 }, { save, overwrite: true }), { steps: 4, message: '' });
  assert.equal(JSON.parse(await readFile(join(save, 'run.json'), 'utf8')).spec.seed, 7);
});

test('a model that no run of ours made is not written over', async () => {
  const save = join(home, 'precious');
  await cp(model, save, { recursive: true });
  const { steps, message } = await train({ data: await sst2(GOOD) }, { save });
  assert.match(message, /precious: holds a model \(model\.safetensors\) that this run did not make/);
  assert.equal(steps, 0);
});

test('a result that cannot be written whole leaves the folder as it was; one that is takes the place of the former', async () => {
  const former = ['added_tokens.json', 'config.json', 'model.safetensors', 'notes.txt'];
  const folder = await folderOf(Object.fromEntries(former.map((name) => [name, 'old'])));
  const full = writeWhole(folder, async (staging) => {
    await writeFile(join(staging, 'config.json'), '{}');
    throw new Error('no space left on device');
  });
  await assert.rejects(full, /no space/);
  assert.deepEqual((await readdir(folder)).sort(), former);
  // An adapter beside the former config.json would be taken for a model, and the former's added tokens for the new one's.
  await writeWhole(folder, (staging) => writeFile(join(staging, 'adapter_model.safetensors'), 'new'));
  assert.deepEqual((await readdir(folder)).sort(), ['adapter_model.safetensors', 'notes.txt']);
});
