/** Next tokens of text of one's own, from files to perplexity: a small GPT-2 and a small LLaMA whose tokens are bytes. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { evaluateRun } from '../../src/experiments/evaluate-run.js';
import { run } from '../../src/experiments/run.js';
import { type RunRequest, runSpec } from '../../src/experiments/run-spec.js';
import { runningTextColumns } from '../../src/experiments/text-task.js';
import { type Gpt2Config, type LlamaConfig, PRESETS } from '../../src/models/config.js';
import { readHead } from '../../src/models/config-file.js';
import { ADAPTER_DEFAULTS } from '../../src/peft/adapter.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import type { Method } from '../../src/peft/method.js';
import { byteModel } from '../byte-model.js';

const home = await mkdtemp(join(tmpdir(), 'causal-lm-'));
after(() => rm(home, { recursive: true }));
const head = { kind: 'causal-lm' } as const;
const small = {
  vocabSize: 257,
  hiddenSize: 24,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  intermediateSize: 48,
};
const gpt2 = await byteModel(join(home, 'gpt2'), {
  ...(PRESETS.gpt2 as Gpt2Config),
  ...{ ...small, maxPositionEmbeddings: 64, initializerRange: 0.1, padTokenId: 256, eosTokenId: 256 },
});
const llama = await byteModel(join(home, 'llama'), {
  ...(PRESETS['HuggingFaceTB/SmolLM2-135M'] as LlamaConfig),
  ...{
    ...small,
    numKeyValueHeads: 2,
    headSize: 6,
    maxPositionEmbeddings: 64,
    padTokenId: 256,
    eosTokenId: 256,
  },
});

const text = join(home, 'text.txt');
await writeFile(
  text,
  Array.from({ length: 40 }, (_, i) => `film ${i % 4} was fine and play ${i % 3} was dull`).join('\n\n'),
);

const request = (more: Partial<RunRequest>): RunRequest => ({
  ...{ task: 'causal-lm', data: text, model: gpt2, validationSplit: 0.2, maxLength: 32, batchSize: 4 },
  ...{ learningRate: 1e-2, epochs: 2, dropout: 0 },
  ...more,
});

test('plain text: perplexity falls, and a saved model has it again', async () => {
  const save = join(home, 'run');
  const record = await run(runSpec(request({ evalStrategy: 'epoch' })), { save, threads: 1 });
  const [first, last] = record.evaluations.map(({ metrics }) => metrics.perplexity as number);
  assert.ok((last as number) < (first as number) && (last as number) < 12, `${first} ${last}`);
  assert.equal(record.metrics.perplexity, last);
  assert.ok(Math.abs(Math.log(last as number) - (record.metrics.loss as number)) < 1e-9);
  assert.deepEqual(await readHead(save), head);
  assert.equal(record.headParameters, 0);
  const whole = join(home, 'held.txt');
  await writeFile(whole, 'film 1 was fine and play 2 was dull');
  const asked = { task: 'causal-lm', data: whole, model: save, maxLength: 32 };
  const { perplexity } = await evaluateRun(asked, { threads: 1 });
  assert.ok((perplexity as number) < 12, `${perplexity}`);
});

test('json lines, LLaMA, LoRA and adapters in stages; a saved adapter is evaluated on its base model', async () => {
  const data = join(home, 'text.jsonl');
  const rows = Array.from({ length: 24 }, (_, i) => ({ text: `play ${i % 5} was dull` }));
  await writeFile(data, rows.map((row) => JSON.stringify(row)).join('\n'));
  const columns = await runningTextColumns(data, {});
  assert.deepEqual(columns, { text: 'text' });
  const methods: readonly Method[] = [
    { ...LORA_DEFAULTS, targets: ['q_proj', 'v_proj'] },
    { ...ADAPTER_DEFAULTS.pfeiffer, bottleneck: { size: 4 } },
  ];
  for (const method of methods) {
    const save = join(home, method.kind);
    const spec = runSpec(request({ data, model: llama, columns: { text: 'text' }, method }));
    const record = await run(spec, { save, threads: 1 });
    assert.deepEqual(record.updatedParameters[1], (record.updatedParameters[0] as number) / 2);
    const asked = { task: 'causal-lm', data, columns: { text: 'text' }, model: llama, maxLength: 32 };
    const [with_, without] = [
      await evaluateRun({ ...asked, adapter: save }, { threads: 1 }),
      await evaluateRun(asked, { threads: 1 }),
    ];
    assert.ok((with_.perplexity as number) < (without.perplexity as number));
  }
});

test('prompts are given, their completions learnt', async () => {
  const data = join(home, 'pairs.jsonl');
  const pairs = Array.from({ length: 12 }, (_, i) => ({
    ask: `is film ${i} fine?`,
    answer: i % 2 ? 'yes' : 'no',
  }));
  await writeFile(data, pairs.map((row) => JSON.stringify(row)).join('\n'));
  const columns = await runningTextColumns(data, { text: 'ask', label: 'answer' });
  assert.deepEqual(columns, { text: 'ask', label: 'answer' });
  const record = await run(
    runSpec(request({ data, columns: { text: 'ask', label: 'answer' }, learningRate: 2e-2 })),
    {
      threads: 1,
    },
  );
  assert.ok((record.metrics.perplexity as number) < 20, `${record.metrics.perplexity}`);
  await assert.rejects(runningTextColumns(data, { text: 'ask', label: 'no' }), /no column 'no'/);
});

test('what a model cannot do is refused by name', async () => {
  const spec = (more: Partial<RunRequest>) => runSpec(request(more));
  await assert.rejects(run(spec({ model: llama, method: { kind: 'bitfit', terms: 'all' } })), {
    name: 'UsageError',
    message: /bitfit: this llama model has no biases/,
  });
  await assert.rejects(run(spec({ method: { kind: 'bitfit', terms: 'query-intermediate' } })), {
    name: 'UsageError',
    message: /gpt2 model have no biases of their own; use all/,
  });
  await assert.rejects(run(spec({ maxLength: 65 })), /max-length: 65 is over the model's 64 positions/);
  await assert.rejects(
    run(spec({ method: LORA_DEFAULTS })),
    /no linear map 'query,value'; there are: attn\.c_attn/,
  );
  await assert.rejects(run(runSpec({ task: 'squad', data: 'embedded', model: gpt2, epochs: 2 })), {
    name: 'UsageError',
    message: /gpt2 has no head for answers as spans/,
  });
  await assert.rejects(run(spec({ labelSmoothingFactor: 0.1 })), /is for tasks with classes/);
});
