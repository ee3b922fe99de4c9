/** The command as a user runs it: results, repeats, resume, and one clear line for every kind of bad input. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { createModel } from '../../src/experiments/create-model.js';
import { readSafetensors, writeSafetensors } from '../../src/models/safetensors.js';
import { permutation } from '../../src/random.js';
import { packageRoot } from '../golden/golden.js';
import { temporaryFolder } from '../temporary-folder.js';
import { conversed, piped, progtuning, type Result } from './progtuning.js';

const home = temporaryFolder();
const data = join(home, 'glue');
const model = join(home, 'model');

const NOUNS = ['film', 'story', 'cast', 'script', 'score', 'ending', 'camera', 'hero'];
const GOOD = ['fine', 'warm', 'bright', 'lovely', 'great'];
const BAD = ['dull', 'cold', 'flat', 'awful', 'weak'];

function sentences(count: number, seed: number): string {
  const order = permutation({ seed, stream: 9, step: 0 }, count * 3);
  const pick = (words: readonly string[], i: number): string =>
    words[(order[i] as number) % words.length] as string;
  const rows = Array.from({ length: count }, (_, i) => {
    const label = (order[3 * i] as number) % 2;
    return `the ${pick(NOUNS, 3 * i + 1)} is ${pick(label ? GOOD : BAD, 3 * i + 2)}${i % 3 ? '' : ' and the "plot too'}\t${label}`;
  });
  return ['sentence\tlabel', ...rows].join('\n');
}

before(async () => {
  await mkdir(join(data, 'SST-2'), { recursive: true });
  await writeFile(join(data, 'SST-2', 'train.tsv'), sentences(96, 1));
  await writeFile(join(data, 'SST-2', 'dev.tsv'), sentences(40, 2));
  await createModel({
    out: model,
    layers: 3,
    hidden: 32,
    heads: 2,
    vocabSize: 60,
    texts: [sentences(96, 1)],
    seed: 1,
  });
});

const SETTINGS = ['--epochs', '3', '--batch-size', '16', '--learning-rate', '3e-3', '--max-length', '16'];
const finetune = (...args: string[]): Result =>
  progtuning('finetune', '--task', 'sst2', '--data', data, '--model', model, ...SETTINGS, ...args);

/** One line on stderr that matches, nothing on stdout, no stack. */
function refused(result: Result, status: number, message: RegExp): void {
  assert.equal(result.status, status, result.stderr);
  assert.match(result.stderr, message);
  assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
  assert.equal(result.stdout, '');
}

test('--json: one object with every promised field, quiet stderr; the task is learnt', () => {
  // On a machine that has much else to do a line would be told every 30 seconds.
  const result = finetune('--json', '--epochs', '12', '--stages', '3', '--log-interval', '0');
  assert.equal(result.status, 0, result.stderr);
  assert.equal(result.stderr, '');
  const json = JSON.parse(result.stdout);
  const fields =
    'task model schedule embeddings stages seed metrics totalParameters updatedParameters savedFraction losses seconds secondsPerEpoch peakBytes peakBytesPerEpoch';
  for (const field of fields.split(' ')) assert.ok(field in json, field);
  assert.equal(json.losses.length, 12 * 6);
  assert.equal(json.updatedParameters.length, 12);
  assert.ok(
    json.updatedParameters[0] === json.totalParameters &&
      json.updatedParameters[11] < json.updatedParameters[4],
  );
  assert.ok(json.metrics.accuracy > 0.9, `accuracy ${json.metrics.accuracy}`);
  assert.ok(json.peakBytes > 1e7 && json.seconds > 0);
});

test('the same arguments give the same losses bit for bit, with 1 thread or 2; another seed gives others', () => {
  const losses = (...args: string[]): string =>
    JSON.stringify(JSON.parse(finetune('--json', ...args).stdout).losses);
  const one = losses('--threads', '1');
  assert.equal(losses('--threads', '1'), one);
  assert.equal(losses('--threads', '2'), one);
  assert.notEqual(losses('--seed', '7'), one);
});

test('batches added up are one batch: 4 x 4 gives the losses of 16', () => {
  const losses = (...args: string[]): number[] =>
    JSON.parse(finetune('--json', '--dropout', '0', ...args).stdout).losses;
  const whole = losses();
  const added = losses('--batch-size', '4', '--gradient-accumulation-steps', '4');
  assert.equal(added.length, whole.length);
  whole.forEach((loss, step) => {
    assert.ok(Math.abs(loss - (added[step] as number)) < 1e-4, `step ${step}: ${loss}, ${added[step]}`);
  });
});

test('in one epoch there is one stage: progressive and full are the same run', () => {
  const [full, progressive] = ['full', 'progressive'].map((schedule) => {
    const { losses, metrics } = JSON.parse(
      finetune('--json', '--epochs', '1', '--schedule', schedule).stdout,
    );
    return { losses, metrics };
  });
  assert.deepEqual(progressive, full);
});

test('--save writes a Hugging Face folder; frozen tensors are the input, bit for bit', async () => {
  const out = join(home, 'saved');
  const result = finetune('--schedule', 'only-block', '--block', '1', '--embeddings', 'never', '--save', out);
  assert.equal(result.status, 0, result.stderr);
  assert.deepEqual((await readdir(out)).sort(), [
    'README.md',
    'all_results.json',
    'config.json',
    'log.jsonl',
    'model.safetensors',
    'run.json',
    'tokenizer.json',
    'tokenizer_config.json',
    'trainer_state.json',
    'vocab.txt',
  ]);
  const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'));
  assert.deepEqual(config.architectures, ['BertForSequenceClassification']);
  assert.deepEqual(config.id2label, { 0: 'negative', 1: 'positive' });
  const [before_, after] = [
    await readSafetensors(join(model, 'model.safetensors')),
    await readSafetensors(join(out, 'model.safetensors')),
  ];
  for (const [name, { data: former }] of before_) {
    const frozen = name.includes('embeddings') || (name.includes('.layer.') && !name.includes('.layer.1.'));
    const same =
      Buffer.compare(Buffer.from(former.buffer), Buffer.from(after.get(name)?.data.buffer as ArrayBuffer)) ===
      0;
    assert.equal(same, frozen || name.endsWith('key.bias'), name);
  }
});

test('an interrupted run goes on from its last whole epoch and ends with the same weights', async () => {
  const [whole, cut] = [join(home, 'whole'), join(home, 'cut')];
  assert.equal(finetune('--save', whole).status, 0);
  const script = `
    import { run, runSpec } from '${join(packageRoot, 'dist/lib/index.js')}';
    const spec = runSpec({ task: 'sst2', data: '${data}', model: '${model}', epochs: 3, batchSize: 16, learningRate: 3e-3, maxLength: 16 });
    let steps = 0;
    await run(spec, { save: '${cut}', onEvent: (event) => { if (event.kind === 'step' && ++steps === 15) process.exit(9); } });`;
  assert.equal(spawnSync(process.execPath, ['--input-type=module', '-e', script]).status, 9);
  assert.ok(
    (await readdir(cut)).includes('unfinished') && !(await readdir(cut)).includes('model.safetensors'),
  );
  const resumed = finetune('--save', cut, '--json');
  assert.equal(resumed.status, 0, resumed.stderr);
  assert.equal(JSON.parse(resumed.stdout).losses.length, 18);
  const weights = (folder: string): Promise<Buffer> => readFile(join(folder, 'model.safetensors'));
  assert.equal(Buffer.compare(await weights(whole), await weights(cut)), 0);
  assert.ok(!(await readdir(cut)).includes('unfinished'));
});

test('wrong use exits with 2 and one line', () => {
  refused(
    progtuning('finetune', '--task', 'imdb', '--data', data, '--model', model),
    2,
    /unknown task 'imdb'; known: cola, sst2/,
  );
  refused(finetune('--stages', '4', '--epochs', '4'), 2, /4 parts cannot be cut from 3 blocks/);
  refused(finetune('--stages', '3', '--epochs', '2'), 2, /3 stages do not fit in 2 epochs/);
  refused(
    finetune('--device', 'tpu'),
    2,
    /unknown device 'tpu' \(did you mean 'cpu'\?\); known: cpu, webgpu/,
  );
  refused(finetune('--epochs', 'many'), 2, /epochs takes a whole number from 1 up, not 'many'/);
  refused(finetune('--lora-rank', '4'), 2, /--lora-rank is an option of --method lora/);
  refused(finetune('--method', 'lora', '--lora-rank', '64'), 2, /lora rank: 64 is not from 1 to 32/);
  refused(
    finetune('--method', 'lora', '--lora-targets', 'q_proj'),
    2,
    /no linear map 'q_proj'; there are: attention.self.query/,
  );
  refused(finetune('--method', 'adapter', '--adapter-size', '0'), 2, /adapter bottleneck: 0 is not from 1/);
  refused(finetune('--max-length', '600'), 2, /max-length: 600 is over the model's 512 positions/);
  refused(
    finetune('--doc-stride', '8'),
    2,
    /--doc-stride is an option of --task squad, squad_v2 and question-answering/,
  );
  refused(
    finetune('--task', 'squad', '--null-score-threshold', '1'),
    2,
    /--null-score-threshold is an option of --task squad_v2/,
  );
  refused(finetune('--task', 'squad', '--n-best', '0'), 2, /n-best takes a whole number from 1 up, not '0'/);
  refused(finetune('--nonsense'), 2, /unknown option '--nonsense'/);
});

async function spoiled(name: string, change: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(home, name);
  await cp(name.startsWith('model') ? model : data, folder, { recursive: true });
  await change(folder);
  return folder;
}

test('bad data exits with 1 and one line that names file and line', async () => {
  refused(finetune('--data', join(home, 'nowhere')), 1, /nowhere: no such folder/);
  refused(finetune('--task', 'rte'), 1, /RTE: no such folder/);
  const split = await spoiled('data-split', (folder) =>
    writeFile(join(folder, 'SST-2', 'dev.tsv'), 'sentence\tlabel\n'),
  );
  refused(finetune('--data', split), 1, /dev\.tsv: the split is empty/);
  const columns = await spoiled('data-columns', (folder) =>
    writeFile(join(folder, 'SST-2', 'train.tsv'), 'sentence\tlabel\nfine\t1\nno label\n'),
  );
  refused(finetune('--data', columns), 1, /train\.tsv:3: 1 columns, 2 expected/);
  const label = await spoiled('data-label', (folder) =>
    writeFile(join(folder, 'SST-2', 'train.tsv'), 'sentence\tlabel\nfine\t2\n'),
  );
  refused(finetune('--data', label), 1, /train\.tsv:2: label '2' is not one of sst2's: 0, 1/);
});

test('bad weights exit with 1 and name the tensor; nothing is saved', async () => {
  const weights = 'model.safetensors';
  const cut = await spoiled('model-cut', async (folder) =>
    truncate(join(folder, weights), (await stat(join(folder, weights))).size - 100),
  );
  refused(finetune('--model', cut), 1, /truncated/);
  const pickle = await spoiled('model-pickle', (folder) =>
    writeFile(join(folder, weights), 'not a tensor file at all'),
  );
  refused(finetune('--model', pickle), 1, /not a safetensors file/);
  const change = async (
    folder: string,
    edit: (tensors: Map<string, { shape: readonly number[]; data: Float32Array }>) => void,
  ) => {
    const tensors = await readSafetensors(join(folder, weights));
    edit(tensors);
    await writeSafetensors(join(folder, weights), tensors);
  };
  const name = 'bert.encoder.layer.1.output.dense.weight';
  const missing = await spoiled('model-missing', (folder) =>
    change(folder, (tensors) => tensors.delete(name)),
  );
  refused(
    finetune('--model', missing),
    1,
    /tensor 'bert\.encoder\.layer\.1\.output\.dense\.weight' \[32,128\] is missing/,
  );
  const shape = await spoiled('model-shape', (folder) =>
    change(folder, (tensors) => tensors.set(name, { shape: [2], data: new Float32Array(2) })),
  );
  refused(finetune('--model', shape), 1, /output\.dense\.weight': wanted \[32,128\], got \[2\]/);
  const out = join(home, 'exploded');
  const explosion = finetune('--json', '--learning-rate', '1e30', '--save', out, '--max-gradient-norm', '0');
  refused(explosion, 1, /step \d+ \(epoch \d\): .* is NaN|is Infinity.*last good loss/);
  assert.match(explosion.stderr, /learning rate .*last good loss/);
  const left: string[] = await readdir(out).catch(() => []);
  assert.ok(!left.includes(weights));
});

test('old names, missing prefix and unknown extras of a checkpoint are understood', async () => {
  const weights = 'model.safetensors';
  const old = await spoiled('model-old', async (folder) => {
    const tensors = [...(await readSafetensors(join(folder, weights)))].map(
      ([name, tensor]): [string, typeof tensor] => [
        name
          .replace(/^bert\./, '')
          .replace('LayerNorm.weight', 'LayerNorm.gamma')
          .replace('LayerNorm.bias', 'LayerNorm.beta'),
        tensor,
      ],
    );
    tensors.push(['cls.seq_relationship.bias', { shape: [2], data: new Float32Array(2) }]);
    await writeSafetensors(join(folder, weights), tensors);
  });
  const losses = (folder: string): unknown => JSON.parse(finetune('--json', '--model', folder).stdout).losses;
  assert.deepEqual(losses(old), losses(model));
});

test('--task squad: scores of the official evaluators, quiet stderr; the files of run_qa beside an adapter', async () => {
  const out = join(home, 'squad');
  const few = [
    '--max-train-examples',
    '16',
    '--max-eval-examples',
    '8',
    '--max-length',
    '128',
    '--doc-stride',
    '32',
  ];
  const result = progtuning(
    ...[
      'finetune',
      '--task',
      'squad_v2',
      '--model',
      model,
      '--method',
      'lora',
      '--epochs',
      '1',
      '--schedule',
      'full',
    ],
    ...[...few, '--n-best', '3', '--save', out, '--json'],
  );
  assert.equal(result.status, 0, result.stderr);
  assert.equal(result.stderr, '');
  const { metrics, trainExamples, dataReport } = JSON.parse(result.stdout);
  for (const name of 'exact f1 HasAns_f1 NoAns_exact best_exact best_f1_thresh'.split(' '))
    assert.ok(name in metrics, name);
  assert.deepEqual([metrics.total, trainExamples, dataReport.questions, dataReport.lost], [8, 16, 16, 0]);
  assert.deepEqual((await readdir(out)).sort(), [
    'README.md',
    'adapter_config.json',
    'adapter_model.safetensors',
    'all_results.json',
    'log.jsonl',
    'nbest_predictions.json',
    'null_odds.json',
    'predictions.json',
    'run.json',
    'squad_settings.json',
    'trainer_state.json',
  ]);
  assert.equal(Object.keys(JSON.parse(await readFile(join(out, 'predictions.json'), 'utf8'))).length, 8);
});

test('every PEFT method runs under Progtuning', () => {
  for (const method of ['lora', 'adapter', 'bitfit']) {
    const size = method === 'adapter' ? ['--adapter-size', '8'] : [];
    const result = finetune('--method', method, '--json', ...size);
    assert.equal(result.status, 0, result.stderr);
    const json = JSON.parse(result.stdout);
    assert.ok(
      json.updatedParameters[0] > json.updatedParameters[2] &&
        json.trainableParameters < json.totalParameters / 2,
    );
  }
});

test('a saved model and a saved adapter are evaluated to what their runs reported', () => {
  for (const [method, ...more] of [['full'], ['lora', '--learning-rate', '1e-2'], ['bitfit']] as const) {
    const saved = join(home, `evaluated-${method}`);
    const run = finetune('--json', '--method', method, '--save', saved, ...more);
    assert.equal(run.status, 0, run.stderr);
    const source = method === 'full' ? ['--model', saved] : ['--model', model, '--adapter', saved];
    const evaluated = progtuning('evaluate', 'model', '--task', 'sst2', '--data', data, ...source, '--json');
    assert.equal(evaluated.status, 0, evaluated.stderr);
    assert.deepEqual(JSON.parse(evaluated.stdout), JSON.parse(run.stdout).metrics);
  }
  const bare = progtuning('evaluate', 'model', '--task', 'sst2', '--data', data, '--model', model);
  refused(bare, 2, /holds no .*classifier\.weight.*fine-tuned for its task/);
});

test('dirty data: told on stderr, recorded, refused by --strict; options of SQuAD only for SQuAD', async () => {
  const dirty = join(home, 'dirty');
  await mkdir(join(dirty, 'SST-2'), { recursive: true });
  await writeFile(join(dirty, 'SST-2', 'train.tsv'), `${sentences(96, 1)}\nbroken\n\nlong\t1\t2\r\n`);
  await writeFile(join(dirty, 'SST-2', 'dev.tsv'), sentences(40, 2).replace('\n', '\n\n'));
  const args = ['--task', 'sst2', '--data', dirty, '--model', model, '--max-length', '16'];
  const { stdout, stderr } = progtuning('finetune', ...args, '--epochs', '1', '--json');
  const { trainExamples, dataReport } = JSON.parse(stdout);
  assert.equal(trainExamples, 97);
  assert.deepEqual(dataReport, {
    'train.brokenRows': 1,
    'train.blankLines': 1,
    'train.longRows': 1,
    'dev.blankLines': 1,
  });
  assert.match(
    stderr,
    /train\.tsv: 1 broken row, left out: line 98 \(line 98: 1 columns, 2 expected\); 1 blank/,
  );
  assert.match(stderr, /dev\.tsv: 1 blank line, skipped: line 2\n/);
  const strict = progtuning('finetune', ...args, '--strict');
  assert.deepEqual([strict.status, strict.stdout], [1, '']);
  assert.match(strict.stderr, /^progtuning: .*train\.tsv: --strict: 1 broken row: line 98 .*\n$/);
  const evaluated = progtuning('evaluate', 'model', ...args, '--doc-stride', '4');
  assert.deepEqual(
    [evaluated.status, evaluated.stderr],
    [2, 'progtuning: --doc-stride is an option of --task squad, squad_v2 and question-answering\n'],
  );
});

test('own data with every setting that steers, watches and keeps: told before the first step, in the logs, on the page; predict', async () => {
  const [out, file, page, curves] = ['steered', 'own.csv', 'page.html', 'curves'].map((name) =>
    join(home, name),
  ) as [string, string, string, string];
  const rows = sentences(96, 1)
    .replaceAll('"', '')
    .split('\n')
    .slice(1)
    .map((row) => row.replace(/\t1$/, ',fine').replace(/\t0$/, ',poor'));
  await writeFile(file, `text,label\n${rows.join('\n')}\n`);
  const words = (text: string): string[] => text.split(' ');
  const result = progtuning(
    ...[
      'finetune',
      '--train-file',
      file,
      '--test-file',
      file,
      '--model',
      model,
      '--validation-split',
      '0.25',
    ],
    ...words('--batch-size 8 --learning-rate 3e-3 --max-length 16 --max-steps 24 --warmup-steps 2'),
    ...words('--label-smoothing-factor 0.1 --class-weights balanced --layerwise-lr-decay 0.9 --eval-steps 8'),
    ...words('--load-best-model-at-end --metric-for-best-model accuracy --early-stopping-patience 3'),
    ...words('--early-stopping-threshold 0.001 --save-steps 8 --save-total-limit 1 --log-interval 0.001'),
    ...['--save', out, '--logging-dir', curves, '--report', page],
  );
  assert.equal(result.status, 0, result.stderr);
  const told = result.stderr.split('\n');
  const [first, budget, ...lines] = told.slice(told.findIndex((line) => line.startsWith('classification')));
  assert.ok(
    first?.startsWith(
      `classification on ${file}, text 'text', label 'label', 25 % of it held out to evaluate, test ${file}; model ${model}; full, progressive (T = 3, embeddings always); 24 steps, batch 8, learning rate 0.0030 linear, at most 16 tokens, 2 warm-up steps, labels smoothed by 0.1, class weights balanced, rate times 0.9 per layer down`,
    ),
    first,
  );
  assert.equal(
    budget,
    '24 steps, 9 an epoch; evaluated every 8 steps; keeps the weights with the highest accuracy; stops after 3 evaluations without a better accuracy by more than 0.001',
  );
  assert.match(lines[2] ?? '', /stage 3: steps 17-24, block 3 and embeddings, head: 0\.\d\d M parameters/);
  assert.ok(lines.some((line) => /^train \d+\/190 examples \| .*stage 1, blocks 1-3/.test(line)));
  assert.match(result.stdout, /kept {5}weights of step (8|16|24): accuracy/);
  assert.match(result.stdout, /test_accuracy/);
  assert.match(result.stdout, /class +precision +recall/);
  const names = await readdir(out);
  for (const name of ['model.safetensors', 'run.json', 'log.jsonl', 'trainer_state.json', 'README.md'])
    assert.ok(names.includes(name), name);
  assert.equal(names.filter((name) => /^checkpoint-\d+$/.test(name)).length >= 1, true);
  assert.match((await readdir(curves)).join(), /^events\.out\.tfevents\./);
  assert.match(await readFile(page, 'utf8'), /<svg/);
  const { id2label } = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'));
  assert.deepEqual(id2label, { 0: 'fine', 1: 'poor' });
  const predict = (...args: string[]): Result =>
    progtuning('predict', '--model', out, '--input', file, ...args);
  const predicted = predict();
  assert.equal(predicted.status, 0, predicted.stderr);
  const found = predicted.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).label);
  const right = found.filter((label, row) => rows[row]?.endsWith(`,${label}`)).length;
  const { metrics } = JSON.parse(await readFile(join(out, 'run.json'), 'utf8'));
  assert.equal(right / rows.length, metrics.test_accuracy);
  const csv = predict('--format', 'csv').stdout.split('\r\n');
  assert.deepEqual([csv[0], csv.length], ['label,fine,poor', rows.length + 2]);
  assert.deepEqual(
    csv.slice(1, -1).map((line) => line.split(',')[0]),
    found,
  );
  const [one, two] = rows.map((row) => row.split(',')[0] as string) as [string, string];
  const asked = [
    `\ufeff${JSON.stringify({ text: one })}\r\n`,
    `\n${JSON.stringify({ text: `${two}\u2028` })}\n`,
  ];
  const answered = await conversed(asked, 'predict', '--model', out);
  assert.equal(answered.stderr, 'stdin:2: a blank line; such lines have no prediction\n');
  assert.deepEqual(
    answered.stdout.match(/"label":"\w+"/g),
    found.slice(0, 2).map((label) => `"label":"${label}"`),
  );
  refused(piped('', 'predict', '--model', out), 1, /stdin: holds no row/);
});
