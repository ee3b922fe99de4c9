/** Exported decoders and encoder-decoders, run by @huggingface/transformers with its cache, give our logits and write our tokens. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  AutoModelForCausalLM,
  AutoModelForSeq2SeqLM,
  env,
  type PreTrainedModel,
  Tensor,
} from '@huggingface/transformers';
import { loadSaved } from '../../src/experiments/evaluate-run.js';
import { exportRun } from '../../src/experiments/export-run.js';
import { decode } from '../../src/generation/decode.js';
import type { HeadSpec } from '../../src/models/config.js';
import { readConfig } from '../../src/models/config-file.js';
import { initialise } from '../../src/models/initialise.js';
import { saveAdapter } from '../../src/peft/formats.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import { methodSpecs } from '../../src/peft/method.js';
import { openTextModel } from '../../src/training/text-model.js';
import { goldenPath } from '../golden/golden.js';

const CAUSAL = { kind: 'causal-lm' } as const satisfies HeadSpec;
const PAIRS = { kind: 'seq2seq-lm' } as const satisfies HeadSpec;

let home: string;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-export-text-'));
  env.allowRemoteModels = false;
});

after(() => rm(home, { recursive: true }));

async function served(out: string, kind: typeof AutoModelForCausalLM): Promise<PreTrainedModel> {
  env.localModelPath = dirname(out);
  return (await kind.from_pretrained(basename(out), { dtype: 'fp32' })) as PreTrainedModel;
}

const row = (ids: readonly number[]): Tensor =>
  new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]);

const allReal = (ids: readonly number[]): Tensor => row(ids.map(() => 1));

/** What `generate` writes after a prompt, or of a source, without its first tokens. */
async function theirs(model: PreTrainedModel, ids: readonly number[], skip: number, count: number) {
  const written = (await model.generate({
    ...{ inputs: row(ids), attention_mask: allReal(ids) },
    ...{ max_new_tokens: count, do_sample: false },
  } as Parameters<PreTrainedModel['generate']>[0])) as Tensor;
  return Array.from(written.data as BigInt64Array, Number).slice(skip);
}

type Written = { readonly ids: number[]; readonly logits: Float32Array };

/** What we write after a prompt, and the logits of the first token. @param source of an encoder-decoder */
async function ours(
  [model, adapter, head]: readonly [string, string | undefined, typeof CAUSAL | typeof PAIRS],
  [prompt, source]: readonly [number[], (readonly number[])?],
  count: number,
): Promise<Written> {
  const saved = await loadSaved(model, adapter, head);
  const text = openTextModel(saved.model, saved.values, { threads: 1 });
  if (source) text.read(source);
  const [logits] = await text.nextLogits([{ ids: prompt }]);
  if (source) text.read(source);
  const { config } = saved.model;
  const eosTokenIds = 'eosTokenId' in config ? [config.eosTokenId ?? []].flat() : [];
  const ids: number[] = [];
  for await (const id of decode(text.nextLogits, prompt, { maxNewTokens: count, eosTokenIds })) ids.push(id);
  await text.close();
  return { ids, logits: logits as Float32Array };
}

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  assert.equal(a.length, b.length);
  return Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] as number))), 0);
};

const lastLogits = ({ data, dims }: Tensor): Float32Array =>
  (data as Float32Array).slice(-(dims.at(-1) as number));

const PROMPTS = [[3, 9, 4, 17], [5], [8, 21, 7, 10, 4, 6, 12]];
const NEW = 8;

/** Asserts that each prompt is gone on with as we do. */
async function assertDecoder(out: string, model: string, adapter?: string): Promise<void> {
  const decoder = await served(out, AutoModelForCausalLM);
  for (const prompt of PROMPTS) {
    const { ids, logits } = await ours([model, adapter, CAUSAL], [prompt], NEW);
    const given = { input_ids: row(prompt), attention_mask: allReal(prompt) };
    const first = (await decoder(given)) as Record<string, Tensor>;
    assert.ok(worst(lastLogits(first.logits as Tensor), logits) < 1e-4, `${prompt}`);
    assert.deepEqual(await theirs(decoder, prompt, prompt.length, NEW), ids, `${prompt}`);
  }
  await decoder.dispose();
}

for (const name of ['gpt2', 'llama', 'qwen2'])
  test(`${name}: the same logits and tokens, with a cache`, async () => {
    const [model, out] = [goldenPath('decoders', name, 'model'), join(home, name)];
    await exportRun({ model, out });
    await assertDecoder(out, model);
  });

test('rows padded on the left are written as each alone', async () => {
  const out = join(home, 'llama');
  const decoder = await served(out, AutoModelForCausalLM);
  const [long = [], short = []] = PROMPTS;
  const padding = new Array<number>(long.length - short.length).fill(0);
  const tensor = (ids: readonly number[]): Tensor =>
    new Tensor('int64', BigInt64Array.from(ids, BigInt), [2, long.length]);
  const written = (await decoder.generate({
    inputs: tensor([...long, ...padding, ...short]),
    attention_mask: tensor([...long.map(() => 1), ...padding, ...short.map(() => 1)]),
    ...{ max_new_tokens: 4, do_sample: false, eos_token_id: [] },
  } as Parameters<PreTrainedModel['generate']>[0])) as Tensor;
  const rows = (written.tolist() as bigint[][]).map((ids) => ids.slice(long.length).map(Number));
  const alone = await Promise.all(
    [long, short].map(async (prompt) =>
      ours([goldenPath('decoders', 'llama', 'model'), undefined, CAUSAL], [prompt], 4),
    ),
  );
  alone.forEach(({ ids }, i) => {
    assert.deepEqual(rows[i]?.slice(0, ids.length), ids);
  });
  await decoder.dispose();
});

test('a LoRA is laid over its decoder, and where texts end is written', async () => {
  const model = goldenPath('decoders', 'gpt2', 'model');
  const config = await readConfig(model);
  const base = { config, head: CAUSAL, headTraining: 'classifier' } as const;
  const method = { ...LORA_DEFAULTS, rank: 2, targets: ['c_attn'] };
  const wide = { kind: 'normal', deviation: 0.5 } as const;
  const saved = await loadSaved(model, undefined, CAUSAL);
  const drawn = methodSpecs(base, method).map(
    (spec) => [spec.name, initialise({ ...spec, initialiser: wide }, config, 8)] as const,
  );
  const adapter = join(home, 'lora');
  await saveAdapter(adapter, {
    ...{ config, head: CAUSAL, method, headTraining: 'classifier', baseModel: model, initialised: [] },
    parameters: new Map([...saved.values, ...drawn]),
  });
  const out = join(home, 'lora-onnx');
  await exportRun({ model, adapter, out });
  await assertDecoder(out, model, adapter);
  const { eos_token_id } = JSON.parse(await readFile(join(out, 'generation_config.json'), 'utf8'));
  assert.equal(eos_token_id, (config as { eosTokenId?: number }).eosTokenId);
});

for (const name of ['v1_0', 'v1_1'])
  test(`t5 ${name}: the same logits and tokens, with the caches of both stacks`, async () => {
    const [model, out] = [goldenPath('t5', name, 'model'), join(home, `t5-${name}`)];
    await exportRun({ model, out });
    const t5 = await served(out, AutoModelForSeq2SeqLM as unknown as typeof AutoModelForCausalLM);
    for (const source of PROMPTS) {
      const { ids, logits } = await ours([model, undefined, PAIRS], [[0], source], NEW);
      const first = (await t5({
        ...{ input_ids: row(source), attention_mask: allReal(source) },
        decoder_input_ids: row([0]),
      })) as Record<string, Tensor>;
      assert.ok(worst(lastLogits(first.logits as Tensor), logits) < 1e-4, `${source}`);
      assert.deepEqual(await theirs(t5, source, 1, NEW), ids, `${source}`);
    }
    await t5.dispose();
  });
