/** A folder's weights: one file or shards, names as PyTorch's wrappers leave them, heads of another size, decoders of their own. */
import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { type HeadSpec, type ModelConfig, PRESETS } from '../../src/models/config.js';
import { configJson, savedClassNames } from '../../src/models/config-file.js';
import { initialise } from '../../src/models/initialise.js';
import { openSafetensors, readSafetensors, writeSafetensors } from '../../src/models/safetensors.js';
import { modelSpecs } from '../../src/models/specs.js';
import { weightFiles } from '../../src/models/weights.js';
import { temporaryFolder } from '../temporary-folder.js';

const config: ModelConfig = {
  ...(PRESETS['bert-base-uncased'] as ModelConfig),
  ...{ vocabSize: 30, hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2 },
  ...{ intermediateSize: 16, maxPositionEmbeddings: 16 },
};
const pair: HeadSpec = { kind: 'classification', numLabels: 2 };
type Tensors = [string, { shape: readonly number[]; data: Float32Array }][];

const tensorsOf = (head: HeadSpec): Tensors =>
  modelSpecs(config, head).map((spec) => [
    spec.name,
    { shape: spec.shape, data: initialise(spec, config, 3) },
  ]);

async function folderOf(tensors: Tensors, json: Record<string, unknown> = {}): Promise<string> {
  const folder = temporaryFolder();
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...configJson(config), ...json }));
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
  return folder;
}

const [A, B] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];

async function shardedFolder(
  map: (shards: Record<string, string>) => Record<string, unknown>,
): Promise<string> {
  const tensors = tensorsOf(pair);
  const folder = await folderOf(tensors);
  await rm(join(folder, 'model.safetensors'));
  await writeSafetensors(join(folder, A), tensors.slice(0, 9));
  // The second shard also holds a stale copy of a tensor that the index gives to the first.
  const stale = tensors[0] as Tensors[number];
  const zeros = { shape: stale[1].shape, data: new Float32Array(stale[1].data.length) };
  await writeSafetensors(join(folder, B), [...tensors.slice(9), [stale[0], zeros]]);
  const shards = Object.fromEntries(tensors.map(([name], i) => [name, i < 9 ? A : B]));
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify(map(shards)));
  return folder;
}

const load = (folder: string, head: HeadSpec = pair) => loadCheckpoint(folder, head, { seed: 0 });
const refused = (promise: Promise<unknown>, pattern: RegExp): Promise<void> =>
  assert.rejects(promise, (error: Error) => {
    assert.equal(error.name, 'DataError');
    assert.match(error.message, pattern);
    return !error.message.includes('\n');
  });

test('shards are read by their index, stale copies of a tensor are not', async () => {
  const folder = await shardedFolder((weight_map) => ({ metadata: {}, weight_map }));
  assert.deepEqual(
    await weightFiles(folder),
    ['model.safetensors.index.json', A, B].map((name) => join(folder, name)),
  );
  const { parameters } = await load(folder);
  for (const [name, { data }] of tensorsOf(pair)) assert.deepEqual(parameters.get(name), data, name);
  await writeSafetensors(join(folder, 'model.safetensors'), tensorsOf(pair));
  assert.deepEqual(await weightFiles(folder), [join(folder, 'model.safetensors')]);
  assert.match((await load(folder)).notes?.join() ?? '', /read instead of the shards/);
});

test('an index that leaves its folder, lacks a shard or lies about one is refused by name', async () => {
  const with_ = (change: Record<string, string>) =>
    shardedFolder((map) => ({ weight_map: { ...map, ...change } }));
  for (const path of ['../x.safetensors', '/etc/x.safetensors', 'a/b.safetensors', '..', 'x.bin'])
    await refused(load(await with_({ extra: path })), /is not the name of a .safetensors file/);
  await refused(load(await with_({ extra: 'gone.safetensors' })), /shard 'gone.safetensors' is missing/);
  await refused(load(await with_({ extra: A })), /tensor 'extra' is missing, which .* says is in it/);
  await refused(load(await shardedFolder(() => ({ shards: {} }))), /weight_map/);
});

test('other weights get the command that converts them, an adapter its option', async () => {
  for (const [file, remedy] of [
    ['pytorch_model.bin', /convert it in Python: python -c ".*save_file/],
    ['adapter_config.json', /--adapter/],
    ['tf_model.h5', /save_pretrained/],
  ] as const) {
    const folder = await folderOf([]);
    await rm(join(folder, 'model.safetensors'));
    await refused(load(folder), /no such file/);
    await writeFile(join(folder, file), '');
    await refused(load(folder), remedy);
  }
});

test('wrapped, bare and old names are the same tensors; two of one name are refused', async () => {
  const renamed: ((name: string) => string)[] = [
    (name) => `module.${name}`,
    (name) => `_orig_mod.${name}`,
    (name) => `model.${name}`,
    (name) => `module._orig_mod.${name}`,
    (name) => name.replace('bert.', 'bert._orig_mod.'),
    (name) => name.replace(/^bert\./, ''),
    (name) => name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'),
  ];
  for (const rename of renamed) {
    const folder = await folderOf(tensorsOf(pair).map(([name, tensor]) => [rename(name), tensor]));
    const { parameters, initialised } = await load(folder);
    assert.deepEqual(initialised, [], `${rename}`);
    for (const [name, { data }] of tensorsOf(pair)) assert.deepEqual(parameters.get(name), data, name);
  }
  const both = tensorsOf(pair).flatMap(
    ([name, tensor]): Tensors => [
      [`module.${name}`, tensor],
      [`model.${name}`, tensor],
    ],
  );
  await refused(load(await folderOf(both)), /both are/);
});

test('a head of another size is refused with its remedy, or drawn anew', async () => {
  const folder = await folderOf(tensorsOf({ kind: 'classification', numLabels: 3 }));
  await refused(load(folder), /wanted \[2,8\], got \[3,8\].*--new-head/);
  const { initialised } = await loadCheckpoint(folder, pair, { seed: 0, newHead: true });
  assert.deepEqual(initialised, ['classifier.weight', 'classifier.bias']);
});

test('values that are not finite, and doubled keys, are named', async () => {
  const tensors = tensorsOf(pair);
  (tensors.find(([name]) => name === 'classifier.bias') as Tensors[number])[1].data[1] = Number.NaN;
  await refused(load(await folderOf(tensors)), /'classifier.bias' holds NaN at 1 \(1 of 2/);
  const raw = async (header: string, data: Uint8Array): Promise<string> => {
    const path = join(temporaryFolder(), 'x.safetensors');
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
    await writeFile(path, Buffer.concat([length, Buffer.from(header), data]));
    return path;
  };
  const entry = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
  await refused(
    readSafetensors(await raw(`{"x":${entry},"\\u0078":${entry}}`, new Uint8Array(4))),
    /'x' twice/,
  );
  const double = Buffer.alloc(8);
  double.writeDoubleLE(0.1);
  const wide = await raw('{"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}', double);
  assert.deepEqual((await readSafetensors(wide)).get('x')?.data, Float32Array.of(0.1));
  const odd = await raw('{"x":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}}', new Uint8Array(2));
  const file = await openSafetensors(odd);
  assert.deepEqual([...file.tensors.keys()], ['x']);
  await file.close();
  await refused(readSafetensors(odd), /type F4/);
});

test('an output embedding that differs from the word embedding is read, kept and saved', async () => {
  const head: HeadSpec = { kind: 'masked-lm' };
  const decoder = { shape: [30, 8], data: new Float32Array(240).fill(2) };
  const bias = { shape: [30], data: new Float32Array(30).fill(5) };
  const own: Tensors = [
    ['cls.predictions.decoder.weight', decoder],
    ['cls.predictions.decoder.bias', bias],
  ];
  const loaded = await load(await folderOf([...tensorsOf(head), ...own]), head);
  assert.equal(loaded.config.tieWordEmbeddings, false);
  assert.deepEqual(loaded.parameters.get('cls.predictions.decoder.weight'), decoder.data);
  assert.deepEqual(loaded.parameters.get('cls.predictions.bias'), bias.data);
  const saved = join(temporaryFolder(), 'saved');
  await mkdir(saved);
  await saveCheckpoint(saved, loaded);
  assert.deepEqual((await load(saved, head)).parameters, loaded.parameters);
  assert.deepEqual(
    (await readSafetensors(join(saved, 'model.safetensors'))).get('cls.predictions.decoder.bias')?.data,
    bias.data,
  );
  const words = tensorsOf(head)[0]?.[1] as Tensors[number][1];
  const tied = await load(
    await folderOf([...tensorsOf(head), ['cls.predictions.decoder.weight', words]]),
    head,
  );
  assert.equal(tied.config.tieWordEmbeddings, undefined);
});

test('class names: from either field; contradictions are refused; LABEL_i says nothing', async () => {
  const names = async (json: Record<string, unknown>) =>
    savedClassNames(join(await folderOf([], json), 'config.json'));
  const id2label = { 0: 'no', 1: 'yes' };
  assert.deepEqual(await names({ id2label }), ['no', 'yes']);
  assert.deepEqual(await names({ label2id: { yes: 1, no: 0 } }), ['no', 'yes']);
  assert.deepEqual(await names({ id2label, label2id: { LABEL_0: 0, LABEL_1: 1 } }), ['no', 'yes']);
  assert.equal(await names({ id2label: { 0: 'LABEL_0', 1: 'LABEL_1' } }), undefined);
  assert.equal(await names({}), undefined);
  await refused(names({ id2label, label2id: { yes: 0, no: 1 } }), /contradict each other/);
  await refused(names({ id2label, num_labels: 3 }), /num_labels is 3/);
  await refused(names({ id2label: { 0: 'a', 2: 'b' } }), /ids are 0, 2/);
});
