/**
 * What LoRA can be told, against Hugging Face PEFT itself (test/golden/peft_variants.py): its folders are read and give its logits, what trains is
 * as many scalars as there, and what we write of them has its names and values.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import type { HeadSpec } from '../../src/models/config.js';
import { readConfig } from '../../src/models/config-file.js';
import { countParameters } from '../../src/models/parameters.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { loadAdapter, saveAdapter } from '../../src/peft/formats.js';
import { LORA_DEFAULTS, type Lora, mergeLora } from '../../src/peft/lora.js';
import { loraMaps } from '../../src/peft/lora-targets.js';
import { checkMethod, methodSpecs, methodTrains } from '../../src/peft/method.js';
import { moduleNames } from '../../src/peft/modules.js';
import { matchedModules } from '../../src/peft/python-regex.js';
import { paddedBatch } from '../batch-of.js';
import { goldenJson, goldenPath } from '../golden/golden.js';
import { logitsOf, worst } from './logits.js';

interface Expected {
  readonly versions: { readonly peft: string };
  readonly ids: number[][];
  readonly mask: number[][];
  readonly types: number[][];
  readonly modules: Record<string, string[]>;
  readonly cases: Record<string, { base: string; trainable: number; logits: unknown[] }>;
  readonly matches: [string, string, boolean][];
}
const expected = goldenJson<Expected>('peft_variants', 'expected.json');
const batch = paddedBatch(expected.ids, expected.mask, expected.types);
const HEADS: Record<string, HeadSpec> = {
  bert: { kind: 'classification', numLabels: 2 },
  roberta: { kind: 'classification', numLabels: 3 },
  electra: { kind: 'classification', numLabels: 3 },
  span: { kind: 'span' },
};
const home = await mkdtemp(join(tmpdir(), 'progtuning-variants-'));
after(() => rm(home, { recursive: true, force: true }));
const checkpointOf = (base: string) =>
  loadCheckpoint(goldenPath(base, 'model'), HEADS[base] as HeadSpec, { seed: 0 });
const configOf = async (folder: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8'));

for (const [model, names] of Object.entries(expected.modules)) {
  test(`${model}: modules have PyTorch's names`, async () => {
    const config = await readConfig(goldenPath(model, 'model'));
    assert.deepEqual(moduleNames({ config, head: HEADS[model] as HeadSpec }).sort(), [...names].sort());
  });
}

for (const [name, { base, trainable, logits }] of Object.entries(expected.cases)) {
  const theirs = goldenPath('peft_variants', name);

  test(`${name}: PEFT ${expected.versions.peft}'s logits and number of trained scalars, merged too`, async () => {
    const checkpoint = await checkpointOf(base);
    const loaded = await loadAdapter(theirs, checkpoint.config, checkpoint.head);
    const { method, headTraining, parameters } = loaded;
    const adapted = { config: checkpoint.config, head: checkpoint.head, headTraining };
    const specs = [...checkpoint.specs, ...methodSpecs(adapted, method)];
    assert.equal(countParameters(specs, methodTrains(adapted, method)), trainable);
    const wanted = (logits as number[][][]).flat(2);
    const ours = await logitsOf(checkpoint, method, parameters, batch, headTraining);
    assert.ok(worst(ours, wanted) < 5e-5, `${worst(ours, wanted)}`);
    const merged = mergeLora(adapted, method as Lora, new Map([...checkpoint.parameters, ...parameters]));
    const plain = await logitsOf({ ...checkpoint, parameters: merged }, { kind: 'full' }, new Map(), batch);
    assert.ok(worst(plain, wanted) < 5e-5, `${worst(plain, wanted)}`);
  });

  test(`${name}: what we write of it is PEFT's folder`, async () => {
    const checkpoint = await checkpointOf(base);
    const { config, head } = checkpoint;
    const loaded = await loadAdapter(theirs, config, head);
    const { headTraining } = loaded;
    // We train no adapter beside an untouched head.
    if (headTraining === 'none') return;
    const folder = join(home, name);
    const parameters = new Map([...checkpoint.parameters, ...loaded.parameters]);
    await saveAdapter(folder, { ...loaded, config, head, headTraining, parameters });
    const [written, golden] = [await configOf(folder), await configOf(theirs)];
    for (const [field, value] of Object.entries(written))
      assert.deepEqual([value].flat(), [golden[field]].flat(), field);
    const copies = /\.(modules_to_save|original_module)\..*bias$/;
    const [ours, wanted] = await Promise.all(
      [folder, theirs].map((path) => readSafetensors(join(path, 'adapter_model.safetensors'))),
    );
    assert.deepEqual(ours, new Map([...(wanted ?? [])].filter(([tensor]) => !copies.test(tensor))));
    assert.deepEqual((await loadAdapter(folder, config, head, loaded.method)).method, loaded.method);
  });
}

test('regular expressions match what they match in Python', () => {
  for (const [pattern, name, wanted] of expected.matches)
    assert.equal(matchedModules(pattern, [name], 'targets').length === 1, wanted, `${pattern} ${name}`);
});

test('an expression that does not end, or that JavaScript does not have, is one line', () => {
  const refused = (pattern: string, message: RegExp) =>
    assert.throws(
      () => matchedModules(pattern, ['bert.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'], 'lora targets'),
      {
        name: 'UsageError',
        message,
      },
    );
  refused('.*\\.(a+)+', /lora targets: '.*' ?: takes too long to match/);
  refused('(?i)QUERY', /'\(\?i' is not supported/);
  refused('(?>a)b', /not supported/);
  refused('a++', /'a\+\+': 'a\+\+' is not supported|'\+\+.*' is not supported/);
  refused('(?(1)a|b)', /not supported/);
  refused('query)', /Unmatched '\)'/);
  refused('(query', /Unterminated group/);
});

const bert = await checkpointOf('bert');

test('what a training could not mean is refused before it starts', () => {
  const base = { config: bert.config, head: bert.head, headTraining: 'classifier' } as const;
  const refused = (change: Partial<Lora>, message: RegExp) =>
    assert.throws(() => checkMethod(base, { ...LORA_DEFAULTS, ...change }), { name: 'UsageError', message });
  refused(
    { targets: ['query', 'vlaue'] },
    /no linear map 'vlaue'; there are: attention\.self\.query.*pooler\.dense/,
  );
  refused({ targets: '.*nothing' }, /no linear map '\.\*nothing'/);
  refused(
    { targets: ['output'] },
    /no linear map 'output'|'output' also names .*output, which is no linear map/,
  );
  refused({ targets: '.*\\.self\\..*' }, /self\.dropout, which is no linear map/);
  refused({ targets: ['query', 'word_embeddings'] }, /word_embeddings, which is no linear map/);
  refused({ targets: ['query', 'classifier'] }, /'classifier' is excluded, kept whole/);
  refused(
    { modulesToSave: ['embeddings'] },
    /both bert\.embeddings and bert\.embeddings\.word_embeddings inside it/,
  );
  refused({ modulesToSave: ['norm'] }, /no module 'norm'/);
  refused({ targets: ['dense'], modulesToSave: ['ense'] }, /is kept whole, and a target too/);
  refused({ rankPattern: [['key', 4]] }, /rank pattern: 'key' matches none of query,value/);
  refused({ alphaPattern: [['layer.9.*', 4]] }, /alpha pattern: 'layer\.9\.\*' matches none/);
  refused(
    { rankPattern: [['query', 17]] },
    /rank: 17 is not from 1 to 16, the limit of attention\.self\.query/,
  );
  refused({ layersToTransform: [1, 4] }, /layers: 4 is not among the 4 layers 0\.\.3/);
  refused({ layersPattern: ['layer'] }, /needs the layers/);
  refused({ targets: 'all-linear', layersToTransform: [1] }, /with targets 'all-linear', no list of names/);
  assert.throws(
    () => checkMethod(base, { ...LORA_DEFAULTS, targets: 'all-linear' }, ['bert.pooler.dense.weight']),
    /has no bert\.pooler\.dense, so it must train whole: --head classifier\+pooler/,
  );
  const whole = { ...base, headTraining: 'classifier+pooler' } as const;
  const names = loraMaps(whole, { ...LORA_DEFAULTS, targets: 'ALL-linear' }).map(({ module }) => module);
  assert.equal(names.length, 6 * 4);
});
