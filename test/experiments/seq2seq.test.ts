/** One text from another, from files to what is written: a small T5 that learns to repeat words, and one that is pre-trained on spans. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { newTextToTextConfig } from '../../src/experiments/create-model.js';
import { evaluateRun } from '../../src/experiments/evaluate-run.js';
import { generateText } from '../../src/experiments/generate-text.js';
import { runPretraining } from '../../src/experiments/pretrain-run.js';
import type { PretrainSpec } from '../../src/experiments/pretrain-spec.js';
import { continuedFrom } from '../../src/experiments/pretrain-start.js';
import { run } from '../../src/experiments/run.js';
import { type RunRequest, runSpec } from '../../src/experiments/run-spec.js';
import { pairColumns } from '../../src/experiments/text-task.js';
import { saveCheckpoint } from '../../src/models/checkpoint.js';
import { readHead } from '../../src/models/config-file.js';
import { initialise } from '../../src/models/initialise.js';
import { modelSpecs } from '../../src/models/specs.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import { permutation } from '../../src/random.js';
import { loadTokenizer } from '../../src/tokenizers/tokenizer.js';
import { goldenJson, goldenPath } from '../golden/golden.js';

const home = await mkdtemp(join(tmpdir(), 'seq2seq-'));
after(() => rm(home, { recursive: true }));
const head = { kind: 'seq2seq-lm' } as const;
const tokenizer = goldenPath('t5', 'tokenizer');
const model = join(home, 't5');
const data = join(home, 'rows.csv');
const WORDS = ['a pub', 'the pub', 'the cup', 'a cat', 'is the', 'pub is'];

before(async () => {
  const config = newTextToTextConfig(2, 32, 2, 40);
  const specs = modelSpecs(config, head);
  const parameters = new Map(specs.map((spec) => [spec.name, initialise(spec, config, 1)]));
  await saveCheckpoint(model, { folder: undefined, config, head, specs, parameters, initialised: [] });
  await cp(tokenizer, model, { recursive: true });
  const order = permutation({ seed: 1, stream: 9, step: 0 }, 96);
  const rows = Array.from(order, (draw) => WORDS[draw % WORDS.length] as string);
  await writeFile(data, ['source,target', ...rows.map((words) => `${words},${words}`)].join('\n'));
});

const request = (more: Partial<RunRequest>): RunRequest => ({
  ...{ task: 'seq2seq-lm', data, model, validationSplit: 0.1, maxLength: 32, batchSize: 8, epochs: 4 },
  ...{ columns: { text: 'source', label: 'target' }, learningRate: 1e-2, dropout: 0.05, ...more },
});

async function written(given: Parameters<typeof generateText>[0]): Promise<string> {
  let text = '';
  for await (const piece of generateText({ maxNewTokens: 12, ...given }, { threads: 1 })) text += piece;
  return text;
}

test('a T5 learns to repeat, and its saved folder writes what it learnt', async () => {
  const save = join(home, 'run');
  const schedule = {
    kind: 'progressive',
    stages: 2,
    partition: { kind: 'stacks', over: 'side-by-side' },
  } as const;
  const record = await run(runSpec(request({ epochs: 8, schedule, evalStrategy: 'epoch' })), {
    save,
    threads: 1,
  });
  const losses = record.evaluations.map(({ metrics }) => metrics.loss as number);
  assert.ok((losses.at(-1) as number) < 0.3, losses.join());
  assert.deepEqual(Object.keys(record.metrics), ['perplexity', 'loss']);
  assert.deepEqual(await readHead(save), head);
  const again = await evaluateRun({
    task: 'seq2seq-lm',
    data,
    model: save,
    columns: { text: 'source', label: 'target' },
  });
  assert.ok((again.loss as number) < 0.3);
  assert.equal(await written({ model: save, prompt: 'the pub' }), 'the pub');
  assert.equal(await written({ model: save, prompt: 'a cat', numBeams: 3 }), 'a cat');
  const drawn = { model: save, prompt: 'pub is', doSample: { temperature: 0.5, seed: 7 } };
  assert.equal(await written(drawn), await written(drawn));
  await assert.rejects(
    written({ model: save, prompt: 'a', chat: true }),
    /chat: a t5 reads a text and writes/,
  );
  await assert.rejects(written({ model: save, prompt: 'a', maxNewTokens: 512 }), /over the 512 positions/);
  await assert.rejects(
    written({ model: save, prompt: 'pub '.repeat(600) }),
    /tokens are over the 512 positions/,
  );
});

test('LoRA under Adafactor is saved as PEFT has it, and laid over its base again', async () => {
  const save = join(home, 'lora');
  const method = { ...LORA_DEFAULTS, targets: ['q', 'v'] as const };
  const schedule = { kind: 'growing', stages: 2, partition: { kind: 'stacks', over: 'decoder' } } as const;
  const spec = runSpec(
    request({ method: { ...method, targets: ['q', 'v'] }, schedule, optimiser: 'adafactor', epochs: 2 }),
  );
  const record = await run(spec, { save, threads: 1 });
  const again = await evaluateRun({
    ...{ task: 'seq2seq-lm', data, model, adapter: save, maxEvalExamples: 8 },
    columns: { text: 'source', label: 'target' },
  });
  assert.ok(Number.isFinite(again.loss) && record.steps.length === 22);
  const [first, last] = [record.steps[0], record.steps.at(-1)];
  assert.ok((last?.loss as number) < (first?.loss as number));
});

test('GLUE as texts from texts: what is likeliest is the class, or the score', async () => {
  const few = { data: 'embedded', model, maxTrainExamples: 16, maxEvalExamples: 6, epochs: 1, maxLength: 64 };
  const save = join(home, 'sst2');
  const { metrics } = await run(runSpec({ ...few, task: 'sst2', learningRate: 1e-2 }), { save, threads: 1 });
  assert.deepEqual(Object.keys(metrics), ['accuracy', 'loss']);
  const again = await evaluateRun({ ...few, task: 'sst2', model: save });
  assert.deepEqual(again, metrics);
  const scores = await run(runSpec({ ...few, task: 'stsb', learningRate: 1e-2 }), { threads: 1 });
  assert.ok(Number.isFinite(scores.metrics.loss));
});

test('columns are known by their names, and missing ones are told', async () => {
  assert.deepEqual(await pairColumns(data, { prefix: 'copy: ' }), {
    text: 'source',
    label: 'target',
    prefix: 'copy: ',
  });
  await assert.rejects(pairColumns(data, { label: 'goal' }), {
    name: 'DataError',
    message: /rows\.csv: no column 'goal'; there are: source, target/,
  });
  const other = join(home, 'other.csv');
  await writeFile(other, 'x,y\n1,2\n');
  await assert.rejects(pairColumns(other, {}), {
    message: /There are: x, y\. Give --text-column and --label-column/,
  });
});

test('a unigram tokenizer gives the ids that Python gives', async () => {
  const loaded = await loadTokenizer(tokenizer, 40);
  assert.deepEqual(loaded.warnings, []);
  for (const { text, ids } of goldenJson<{ text: string; ids: number[] }[]>('t5', 'tokenizer.json'))
    assert.deepEqual((await loaded.tokenizer.encode(text)).getIds(), ids, text);
});

test('span corruption: a T5 is pre-trained from text, goes on, and wants sentinels', async () => {
  const text = join(home, 'text.txt');
  await writeFile(
    text,
    Array.from({ length: 60 }, (_, i) => `the pub is a place and ${WORDS[i % 6]} too`).join('\n\n'),
  );
  const spec: PretrainSpec = {
    ...{ objective: 'span-corruption', layers: 1, hidden: 32, heads: 2, vocabSize: 40, length: 24 },
    ...{ batchSize: 8, accumulation: 1, totalSteps: 30, learningRate: 1e-2, maskProbability: 0.15 },
    ...{
      wholeWords: false,
      heldOutShare: 0.1,
      initialisation: 'random',
      weightDecay: 0.01,
      maxGradientNorm: 1,
    },
    ...{ learningRateSchedule: { kind: 'constant', warmupRatio: 0 }, dropout: 0, seed: 1 },
  };
  const options = {
    ...{
      text: [text],
      tokenizer,
      evalSteps: 10,
      evalRows: 4,
      saveSteps: 10,
      keepSnapshot: false,
      threads: 1,
    },
    dtype: 'F32',
  } as const;
  const out = join(home, 'spans');
  // Cut off in the middle, and gone on with: the same losses.
  let steps = 0;
  assert.equal(await runPretraining(spec, { ...options, out, stopped: () => ++steps === 13 }), undefined);
  const record = await runPretraining(spec, { ...options, out });
  const whole = await runPretraining(spec, { ...options, out: join(home, 'whole') });
  assert.deepEqual(record?.losses, whole?.losses);
  assert.deepEqual(record?.heldOut, whole?.heldOut);
  const [first, last] = [record?.heldOut[0]?.loss, record?.finalHeldOut.loss];
  assert.ok((last as number) < (first as number), `${first} ${last}`);
  assert.deepEqual(await readHead(out), head);
  const { objective, layers } = await continuedFrom(out);
  assert.deepEqual([objective, layers], ['span-corruption', 1]);

  const words = join(home, 'words');
  await cp(goldenPath('bert', 'model'), words, { recursive: true });
  await assert.rejects(
    runPretraining({ ...spec, vocabSize: 1000 }, { ...options, tokenizer: words, out: `${words}-out` }),
    {
      name: 'DataError',
      message: /the tokenizer has no sentinel tokens \(<extra_id_0>/,
    },
  );
});
