/**
 * Saved adapters: folders that Hugging Face PEFT itself wrote (test/golden/peft_folder.py) are read and give PEFT's logits; what we write has
 * its names, shapes and fields; every method comes back as it was; a folder that does not fit is refused in one line.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import type { HeadSpec } from '../../src/models/config.js';
import { initialise } from '../../src/models/initialise.js';
import type { HeadTraining } from '../../src/models/parameters.js';
import { type NamedTensor, readSafetensors, writeSafetensors } from '../../src/models/safetensors.js';
import { ADAPTER_DEFAULTS } from '../../src/peft/adapter.js';
import { loadAdapter, type PeftMethod, saveAdapter } from '../../src/peft/formats.js';
import { LORA_DEFAULTS, type Lora } from '../../src/peft/lora.js';
import { methodSpecs, methodTrains } from '../../src/peft/method.js';
import { paddedBatch } from '../batch-of.js';
import { goldenJson, goldenPath } from '../golden/golden.js';
import { logitsOf, worst } from './logits.js';

const home = await mkdtemp(join(tmpdir(), 'progtuning-peft-'));
after(() => rm(home, { recursive: true, force: true }));

interface Expected {
  readonly versions: { readonly peft: string };
  readonly ids: number[][];
  readonly mask: number[][];
  readonly types: number[][];
  readonly cases: Record<string, unknown[]>;
}
const expected = goldenJson<Expected>('peft_folder', 'expected.json');
const batch = paddedBatch(expected.ids, expected.mask, expected.types);

interface Case {
  readonly base: string;
  readonly head: HeadSpec;
  readonly headTraining: HeadTraining;
}
const two = { kind: 'classification', numLabels: 2 } as const;
const CASES: Record<string, Case> = {
  bert: { base: 'bert', head: two, headTraining: 'classifier' },
  'bert-pooler': { base: 'bert', head: two, headTraining: 'classifier+pooler' },
  'bert-dense': { base: 'bert', head: two, headTraining: 'classifier' },
  roberta: {
    base: 'roberta',
    head: { kind: 'classification', numLabels: 3 },
    headTraining: 'classifier+pooler',
  },
  span: { base: 'span', head: { kind: 'span' }, headTraining: 'classifier' },
};

const read = (...path: string[]): Promise<Record<string, unknown>> =>
  readFile(join(...path, 'adapter_config.json'), 'utf8').then(JSON.parse);

/** Fields of `adapter_config.json` by PEFT 0.17: LoraConfig, PeftConfig and PeftConfigMixin of huggingface/peft v0.17.0. */
const FIELDS_0_17 =
  `alpha_pattern auto_mapping base_model_name_or_path bias corda_config eva_config exclude_modules fan_in_fan_out
  inference_mode init_lora_weights layer_replication layers_pattern layers_to_transform loftq_config lora_alpha lora_bias lora_dropout
  megatron_config megatron_core modules_to_save peft_type qalora_group_size r rank_pattern revision target_modules target_parameters
  task_type trainable_token_indices use_dora use_qalora use_rslora`.split(/\s+/);

/** What PEFT added up to the version of the golden folders: its own version, and variants that are off. */
const ADDED_UP_TO_0_21 =
  `alora_invocation_tokens arrow_config ensure_weight_tying kasa_config lora_ga_config monteclora_config peft_version
  use_bdlora velora_config`.split(/\s+/);

/** RoBERTa's one token type: tf.oneHot wants two or more. */

for (const [name, { base, head, headTraining }] of Object.entries(CASES)) {
  const theirs = goldenPath('peft_folder', name);
  const load = async () => {
    const checkpoint = await loadCheckpoint(goldenPath(base, 'model'), head, { seed: 0 });
    return { checkpoint, loaded: await loadAdapter(theirs, checkpoint.config, head) };
  };

  test(`${name}: the folder of PEFT ${expected.versions.peft} gives PEFT's logits`, {}, async () => {
    const { checkpoint, loaded } = await load();
    const wanted = (expected.cases[name] as number[][][]).flat(2);
    const logits = await logitsOf(checkpoint, loaded.method, loaded.parameters, batch);
    assert.ok(worst(logits, wanted) < 2e-5, `${worst(logits, wanted)}`);
  });

  test(`${name}: what we write of it is PEFT's folder`, async () => {
    const { checkpoint, loaded } = await load();
    assert.equal(loaded.baseModel, `golden/${base}`);
    const ours = join(home, name);
    const parameters = new Map([...checkpoint.parameters, ...loaded.parameters]);
    await saveAdapter(ours, { ...loaded, config: checkpoint.config, head, headTraining, parameters });
    const [written, golden] = [await read(ours), await read(theirs)];
    assert.deepEqual(Object.keys(written), FIELDS_0_17);
    for (const [field, value] of Object.entries(written)) assert.deepEqual(value, golden[field], field);
    assert.deepEqual(Object.keys(golden).sort(), [...FIELDS_0_17, ...ADDED_UP_TO_0_21].sort());
    const [ourTensors, theirTensors] = await Promise.all(
      [ours, theirs].map((folder) => readSafetensors(join(folder, 'adapter_model.safetensors'))),
    );
    assert.deepEqual([...(ourTensors?.keys() ?? [])], [...(theirTensors?.keys() ?? [])]);
    assert.deepEqual(ourTensors, theirTensors);
  });
}

/** A safetensors file whose every tensor is F64, as `torch.double` saves it. */
function wideTensors(tensors: ReadonlyMap<string, NamedTensor>): Buffer {
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const [tensor, { shape, data }] of tensors) {
    const start = end;
    end += 8 * data.length;
    header[tensor] = { dtype: 'F64', shape, data_offsets: [start, end] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const values = [...tensors.values()].map(({ data }) => Buffer.from(Float64Array.from(data).buffer));
  return Buffer.concat([length, json, ...values]);
}

test('an adapter whose pooler and maps are F64 is the same adapter', async () => {
  const [theirs, wide] = [goldenPath('peft_folder', 'bert-pooler'), join(home, 'wide')];
  await cp(theirs, wide, { recursive: true });
  const tensors = await readSafetensors(join(theirs, 'adapter_model.safetensors'));
  await writeFile(join(wide, 'adapter_model.safetensors'), wideTensors(tensors));
  const [narrow, read64] = await Promise.all(
    [theirs, wide].map((folder) => loadAdapter(folder, bert.config, two)),
  );
  assert.deepEqual(read64?.parameters, narrow?.parameters);
  assert.ok([...(read64?.parameters.keys() ?? [])].some((name) => name.includes('pooler')));
});

const bert = await loadCheckpoint(goldenPath('bert', 'model'), two, { seed: 0 });
const lora: Lora = { ...LORA_DEFAULTS, rank: 2, alpha: 4 };
const METHODS: Record<string, PeftMethod> = {
  lora,
  'lora, every map, dropout': {
    ...lora,
    dropout: 0.1,
    targets: ['query', 'key', 'value', 'attention.output.dense', 'intermediate.dense', 'output.dense'],
  },
  houlsby: { ...ADAPTER_DEFAULTS.houlsby, bottleneck: { size: 4 } },
  'houlsby with layer norms': { ...ADAPTER_DEFAULTS.houlsby, bottleneck: { size: 4 }, layerNorms: true },
  pfeiffer: { ...ADAPTER_DEFAULTS.pfeiffer, bottleneck: { reduction: 4 } },
  bitfit: { kind: 'bitfit', terms: 'all' },
  'bitfit, query and intermediate': { kind: 'bitfit', terms: 'query-intermediate' },
};

/** The golden BERT after a made-up training: everything that the method trains is somewhere else. */
function trained(method: PeftMethod, headTraining: HeadTraining): Map<string, Float32Array> {
  const base = { config: bert.config, head: two, headTraining };
  const trains = methodTrains(base, method);
  const values = new Map(bert.parameters);
  for (const spec of [...bert.specs, ...methodSpecs(base, method)].filter(trains)) {
    const noise = initialise({ ...spec, initialiser: { kind: 'normal', deviation: 0.2 } }, bert.config, 9);
    values.set(spec.name, noise);
  }
  return values;
}

const save = (folder: string, method: PeftMethod, headTraining: HeadTraining, initialised: string[] = []) =>
  saveAdapter(folder, {
    config: bert.config,
    head: two,
    method,
    headTraining,
    parameters: trained(method, headTraining),
    baseModel: 'golden/bert',
    initialised,
  });

for (const [name, method] of Object.entries(METHODS)) {
  for (const headTraining of ['classifier', 'classifier+pooler'] as const) {
    test(`${name}, ${headTraining}: a saved folder on the base model gives the logits it had`, async () => {
      const folder = join(home, `${name} ${headTraining}`);
      await save(folder, method, headTraining);
      const loaded = await loadAdapter(folder, bert.config, two, method);
      assert.deepEqual(loaded.method, method);
      const values = trained(method, headTraining);
      const changed = [...values].filter(([tensor, data]) => data !== bert.parameters.get(tensor));
      assert.deepEqual(loaded.parameters, new Map(changed));
      const before = await logitsOf(bert, method, values, batch);
      assert.deepEqual(await logitsOf(bert, method, loaded.parameters, batch), before);
      assert.ok(worst(await logitsOf(bert, { kind: 'full' }, new Map(), batch), before) > 1e-3);
      assert.deepEqual((await readdir(folder)).sort(), ['adapter_config.json', 'adapter_model.safetensors']);
    });
  }
}

test('a fresh pooler is saved though it is frozen: no base model has it', async () => {
  const folder = join(home, 'fresh pooler');
  await save(folder, lora, 'classifier', ['bert.pooler.dense.weight', 'bert.pooler.dense.bias']);
  const { parameters } = await loadAdapter(folder, bert.config, two);
  assert.deepEqual(
    parameters.get('bert.pooler.dense.weight'),
    bert.parameters.get('bert.pooler.dense.weight'),
  );
  assert.deepEqual((await read(folder)).modules_to_save, ['pooler', 'classifier', 'score']);
});

test('a folder that does not fit is refused, and the message says in what it differs', async () => {
  const [loras, adapters] = [join(home, 'a lora'), join(home, 'an adapter')];
  await save(loras, lora, 'classifier');
  await save(adapters, METHODS.houlsby as PeftMethod, 'classifier');
  const load = (folder: string, change: object, head: HeadSpec = two, method?: PeftMethod) =>
    loadAdapter(folder, { ...bert.config, ...change }, head, method);
  const refused = (promise: Promise<unknown>, message: RegExp) =>
    assert.rejects(promise, { name: 'DataError', message });

  await refused(load(loras, { numHiddenLayers: 6 }), /another base model: 4 blocks, here 6$/);
  await refused(
    load(loras, { hiddenSize: 32 }),
    /query\.lora_A\.weight': wanted \[2,32\], got \[2,16\]: made for another base/,
  );
  await refused(load(loras, { modelType: 'roberta' }), /has no place in this roberta model/);
  await refused(
    load(loras, {}, { kind: 'classification', numLabels: 3 }),
    /classifier\.bias': wanted \[3\], got \[2\]/,
  );
  await refused(load(loras, {}, two, { ...lora, rank: 8 }), /another method: rank 2, wanted 8$/);
  await refused(load(loras, {}, two, METHODS.bitfit), /another method: kind "lora", wanted "bitfit"$/);
  await load(loras, {}, two, { ...lora, dropout: 0.5, targets: ['value', 'query'] });
  await refused(
    load(adapters, { hiddenSize: 32, numHiddenLayers: 6 }),
    /another base model: num_hidden_layers 4, here 6; hidden_size 16, here 32$/,
  );
  await refused(
    load(adapters, {}, two, { ...(METHODS.houlsby as PeftMethod), bottleneck: { size: 8 } } as PeftMethod),
    /bottleneck \{"size":4\}, wanted \{"size":8\}$/,
  );
  await refused(load(join(home, 'nowhere'), {}), /nowhere.adapter_config\.json: no such file/);
});

test('a config that is not plain LoRA, and tensors that are gone, are refused by name', async () => {
  const folder = join(home, 'odd');
  await save(folder, lora, 'classifier');
  const good = await read(folder);
  const withFields = async (change: object) => {
    await writeFile(join(folder, 'adapter_config.json'), JSON.stringify({ ...good, ...change }));
    return loadAdapter(folder, bert.config, two);
  };
  const cases: [object, RegExp][] = [
    [{ peft_type: 'IA3' }, /peft_type "IA3" is not supported; supported: LORA/],
    [{ use_dora: true }, /use_dora true is not supported/],
    [{ init_lora_weights: 'pissa' }, /init_lora_weights "pissa" is not supported/],
    [{ some_later_variant: true }, /some_later_variant true is not supported/],
    [{ r: 64 }, /lora_A\.weight': wanted \[64,16\], got \[2,16\]/],
    [{ rank_pattern: { query: 4 } }, /query\.lora_A\.weight': wanted \[4,16\], got \[2,16\]/],
    [{ layers_to_transform: [1] }, /another base model: 4 blocks, here 2$/],
    [{ bias: 'lora_only' }, /query\.base_layer\.bias' \[16\] is missing/],
    [{ bias: 'some' }, /adapter_config\.json: bias: /],
    [{ lora_bias: true }, /lora_bias true is not supported/],
    [{ trainable_token_indices: [1] }, /trainable_token_indices \[1\] is not supported/],
    [{ target_modules: ['query', 'value', 'dense'] }, /dense\.lora_A\.weight' \[2,\d+\] is missing/],
    [{ target_modules: '.*query' }, /value\.lora_[AB]\.weight' has no place/],
    [
      { target_modules: '.*(query' },
      /adapter_config\.json: lora targets: '\.\*\(query': .*Unterminated group/,
    ],
    [{ r: 3 }, /lora_A\.weight': wanted \[3,16\], got \[2,16\]/],
    [{ target_modules: ['query'] }, /value\.lora_A\.weight' has no place/],
    [{ target_modules: ['query', 'value', 'key'] }, /key\.lora_A\.weight' \[2,16\] is missing/],
  ];
  for (const [change, message] of cases)
    await assert.rejects(withFields(change), { name: 'DataError', message }, JSON.stringify(change));
  await writeFile(join(folder, 'adapter_config.json'), '[1');
  await assert.rejects(loadAdapter(folder, bert.config, two), { name: 'DataError', message: /not JSON/ });

  await save(folder, lora, 'classifier');
  const file = join(folder, 'adapter_model.safetensors');
  const tensors = await readSafetensors(file);
  tensors.delete('base_model.model.classifier.weight');
  await writeSafetensors(file, tensors);
  await assert.rejects(
    loadAdapter(folder, bert.config, two),
    /'base_model\.model\.classifier\.weight' \[2,16\] is missing/,
  );
});
