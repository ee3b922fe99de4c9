/** `progtuning params` as a user runs it: the abstract's 25 %, every method's counts, and one clear line for bad input. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command, CommanderError } from 'commander';
import { registerParams } from '../../src/cli/params.js';
import { DataError, UsageError } from '../../src/errors.js';
import { goldenPath, packageRoot } from '../golden/golden.js';

interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command in this process, errors told as cli.ts tells them: starting Node takes longer than counting. */
async function params(args: string): Promise<Result> {
  let [stdout, stderr] = ['', ''];
  const writeOut = (text: string): void => {
    stdout += text;
  };
  const writeErr = (text: string): void => {
    stderr += text;
  };
  try {
    const program = new Command();
    registerParams(program);
    for (const command of [program, ...program.commands])
      command.exitOverride().configureOutput({ writeOut, writeErr });
    await program.parseAsync(['params', ...args.split(' ')], { from: 'user' });
    return { status: 0, stdout, stderr };
  } catch (error) {
    if (error instanceof CommanderError) return { status: error.exitCode && 2, stdout, stderr };
    assert.ok(error instanceof UsageError || error instanceof DataError, String(error));
    return { status: error.exitCode, stdout, stderr: `progtuning: ${error.message}\n` };
  }
}

async function json(args: string): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await params(`${args} --json`);
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

test('--json has every field, and BERT-base in three stages saves 25.90 %', async () => {
  const counts = await json(
    '--model bert-base-uncased --stages 3 --schedule progressive --embeddings always',
  );
  assert.deepEqual(
    { ...counts, savedFraction: (counts.savedFraction as number).toFixed(6) },
    {
      model: 'bert-base-uncased',
      method: 'full',
      schedule: 'progressive',
      embeddings: 'always',
      stages: 3,
      head: 'classifier+pooler',
      totalParameters: 109_483_778,
      trainableParameters: 109_483_778,
      headParameters: 592_130,
      updatedParameters: [109_483_778, 81_132_290, 52_780_802],
      savedFraction: '0.258956',
    },
  );
});

/** [arguments, trainable without the head, head] */
const METHODS: [string, number, number][] = [
  ['--method bitfit', 102_912, 1538],
  ['--method bitfit --bitfit-terms query-intermediate', 46_080, 1538],
  ['--method lora', 294_912, 1538],
  ['--method lora --lora-rank 8 --lora-alpha 16 --lora-targets query,value', 294_912, 1538],
  ['--method lora --lora-targets query,key,value --lora-rank 4 --head classifier+pooler', 221_184, 592_130],
  ['--method adapter --adapter-style houlsby --adapter-size 64', 2_379_264, 1538],
  ['--method adapter --adapter-style houlsby --adapter-size 64 --adapter-layer-norms', 2_416_128, 1538],
  ['--method adapter --adapter-style pfeiffer --adapter-reduction 16', 894_528, 1538],
  ['--model bert-large-uncased --method lora', 786_432, 2050],
  ['--model bert-large-uncased --method adapter', 6_343_680, 2050],
  ['--model roberta-large --method lora --labels 3', 786_432, 3075],
];

test('trainable parameters of every method are with the head, and the head is stated', async () => {
  const found: Record<string, unknown>[] = [];
  for (const [args] of METHODS) found.push(await json(args));
  const counts = found.map(({ trainableParameters, headParameters }) => [
    (trainableParameters as number) - (headParameters as number),
    headParameters,
  ]);
  assert.deepEqual(
    counts,
    METHODS.map(([, own, head]) => [own, head]),
  );
});

test('stages are shared out among the epochs; T is the number of epochs unless given', async () => {
  const updated = async (args: string) =>
    (await json(`--method lora --head classifier ${args}`)).updatedParameters as number[];
  const [one, two, three] = [296_450, 198_146, 99_842];
  assert.deepEqual(await updated('--epochs 3'), [one, two, three]);
  assert.deepEqual(await updated('--stages 3 --epochs 5'), [one, one, two, two, three]);
  assert.deepEqual(await updated('--stages 3 --schedule growing'), [three, two, one]);
  assert.deepEqual(await updated('--schedule full --epochs 20'), Array(20).fill(one));
});

test('parts of equal parameters, parts by contribution, and baselines are counted without a run', async () => {
  const [embeddings, block, head] = [23_837_184, 7_087_872, 592_130];
  const updated = async (args: string) => (await json(args)).updatedParameters;
  const trained = (...blocks: number[]) => blocks.map((count) => embeddings + count * block + head);
  assert.deepEqual(await updated('--partition equal-parameters'), trained(12, 10, 5));
  assert.deepEqual(await updated('--partition contribution'), trained(12, 8, 4));
  assert.deepEqual(await updated('--schedule growing --partition equal-parameters'), trained(5, 10, 12));
  assert.deepEqual(await updated('--schedule top-blocks --top-blocks 8'), trained(8, 8, 8));
  assert.deepEqual(await updated('--schedule lisa --lisa-layers 8'), trained(8, 8, 8));
  const { stdout } = await params('--partition contribution --contribution-estimate fisher');
  assert.match(stdout, /, full, progressive by contribution fisher, T = 3, embeddings always$/m);
});

test('a folder with config.json will do for a model, and the table reads', async () => {
  const { status, stdout } = await params(
    `--model ${goldenPath('bert', 'model')} --stages 2 --embeddings never`,
  );
  assert.equal(status, 0);
  const lines = stdout.trimEnd().split('\n');
  assert.match(lines[0] as string, /, full, progressive, T = 2, embeddings never$/);
  assert.equal(lines.length, 7);
  assert.match(lines.at(-1) as string, /^all epochs +[\d,]+ {2}[\d.]+ % saved$/);
  const ends = lines.slice(1).map((line) => /^.{15} *[\d,]+/.exec(line)?.[0].length);
  assert.equal(new Set(ends).size, 1, stdout);
});

test('--help shows examples', async () => {
  const { status, stdout } = await params('--help');
  assert.equal(status, 0);
  for (const text of ['Examples:', '--lora-targets', '--bitfit-terms', '--embeddings', '--head', '--stages'])
    assert.ok(stdout.includes(text), text);
});

const REFUSED: [string, number, RegExp][] = [
  ['--model bert-huge', 2, /unknown model 'bert-huge'; known: bert-base-uncased,/],
  ['--stages 13', 2, /13 parts cannot be cut from 12 blocks; use at most 12/],
  ['--stages 3 --epochs 2', 2, /3 stages do not fit in 2 epochs/],
  ['--stages 1.5', 2, /takes a whole number from 1 up, not '1\.5'/],
  ['--schedule only-block', 2, /only-block needs --block/],
  ['--schedule only-block --block 12', 2, /12 is not among the 12 blocks 0\.\.11/],
  ['--block 3', 2, /--block is an option of --schedule only-block, not of --schedule progressive/],
  ['--top-blocks 3', 2, /--top-blocks is an option of --schedule top-blocks, not of --schedule progressive/],
  ['--schedule top-blocks', 2, /top-blocks needs --top-blocks/],
  ['--schedule top-blocks --top-blocks 13', 2, /13 is over the model's 12 blocks/],
  ['--schedule lisa --embeddings first-stage', 2, /lisa has no stages; take always or never/],
  [
    '--schedule lisa --partition adaptive',
    2,
    /--partition is an option of --schedule progressive or growing/,
  ],
  ['--partition thirds', 2, /equal, equal-parameters, contribution, adaptive/],
  ['--contribution-estimate fisher', 2, /is an option of --partition contribution, not of --partition equal/],
  ['--partition contribution --freeze-threshold 3', 2, /is an option of --partition adaptive, not of/],
  [
    '--partition adaptive --freeze-threshold 101',
    2,
    /101 is over 100, the most of --freeze-rule gradient-norm/,
  ],
  ['--partition adaptive --freeze-rule plasticity --freeze-threshold 2', 2, /2 is over 1, the most/],
  [
    '--partition adaptive',
    2,
    /what freezes is decided while the model trains; a run's record has the counts/,
  ],
  ['--schedule growing --partition adaptive', 2, /it goes with progressive/],
  ['--schedule shrinking', 2, /full, progressive, growing/],
  ['--embeddings sometimes', 2, /always, first-stage, never/],
  ['--method lora --lora-rank 769', 2, /rank: 769 is not from 1 to 768/],
  ['--method lora --lora-rank 0', 2, /rank: 0 is not from 1 to 768/],
  [
    '--method lora --lora-targets query,q_proj',
    2,
    /no linear map 'q_proj'; there are: attention\.self\.query/,
  ],
  ['--method adapter --adapter-size 0', 2, /bottleneck: 0 is not from 1 to the hidden size, 768/],
  ['--method adapter --adapter-size 8 --adapter-reduction 8', 2, /exclude each other: give one/],
  ['--method bitfit --lora-rank 8', 2, /--lora-rank is an option of --method lora, not of --method bitfit/],
  ['--method prompt', 2, /full, lora, adapter, bitfit/],
  ['--head pooler', 2, /classifier, classifier\+pooler/],
  [`--model ${packageRoot}`, 1, /config\.json: no such file/],
];

test('bad input is one clear line and its exit code', async () => {
  for (const [args, status, message] of REFUSED) {
    const result = await params(args);
    assert.equal(result.status, status, args);
    assert.match(result.stderr, message);
    assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
    assert.equal(result.stdout, '');
  }
});

test('the same through the command itself', () => {
  const cli = join(packageRoot, 'dist/lib/cli.js');
  const params = (...args: string[]) =>
    spawnSync(process.execPath, [cli, 'params', ...args], { encoding: 'utf8' });
  const good = params('--stages', '3', '--json');
  assert.equal(good.stderr, '');
  assert.equal(JSON.parse(good.stdout).stages, 3);
  const bad = params('--stages', '13');
  assert.deepEqual([bad.status, bad.stdout], [2, '']);
  assert.match(bad.stderr, /^progtuning: stages: 13 parts cannot be cut from 12 blocks; use at most 12\n$/);
});

test('decoders: language models tied and untied, classifiers, and what they refuse', async () => {
  const total = async (args: string): Promise<unknown> => (await json(args)).totalParameters;
  assert.equal(await total('--model gpt2'), 124_439_808);
  assert.equal(await total('--model gpt2 --untied'), 163_037_184);
  assert.equal(await total('--model gpt2 --labels 3'), 124_439_808 + 3 * 768);
  const lora = await json('--model HuggingFaceTB/SmolLM2-135M --method lora --stages 3');
  // q: 9 heads of 64, v: 3; A has 576 columns.
  assert.equal(lora.trainableParameters, 30 * 8 * (2 * 576 + 576 + 192));
  assert.deepEqual(lora.updatedParameters, [460_800, 307_200, 153_600]);
  const refused = async (args: string): Promise<string> => (await params(args)).stderr;
  assert.match(
    await refused('--model HuggingFaceTB/SmolLM2-135M --method bitfit'),
    /llama model has no biases/,
  );
  assert.match(
    await refused('--model bert-base-uncased --task causal-lm'),
    /bert has no head for the next token/,
  );
  assert.match(await refused('--model gpt2 --labels 2 --untied'), /--untied is for --task causal-lm/);
});
