/** Model folders as people have them, exported: @huggingface/transformers gives our ids, token types and logits for them. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  AutoModelForSequenceClassification,
  AutoTokenizer,
  env,
  type Tensor,
} from '@huggingface/transformers';
import { createModel } from '../../src/experiments/create-model.js';
import { loadSaved } from '../../src/experiments/evaluate-run.js';
import { exportRun } from '../../src/experiments/export-run.js';
import { saveCheckpoint } from '../../src/models/checkpoint.js';
import { readConfig } from '../../src/models/config-file.js';
import type { TaskHead } from '../../src/models/heads.js';
import { initialise } from '../../src/models/initialise.js';
import { modelSpecs } from '../../src/models/specs.js';
import { saveAdapter } from '../../src/peft/formats.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import { methodSpecs } from '../../src/peft/method.js';
import {
  type EncodedText,
  encodeTexts,
  loadTokenizer,
  type TextTokenizer,
} from '../../src/tokenizers/tokenizer.js';
import { predictFeatures } from '../../src/training/evaluate.js';

const WORDS = 'the cat sat on the mat and saw a dog that ran to the red park';
const TEXTS: readonly (readonly [string] | readonly [string, string])[] = [
  ['The cat SAT.'],
  [WORDS],
  ['a dog ran', 'the cat saw a dog'],
  // Longer than the model's window.
  [`${WORDS} `.repeat(40)],
];
const classes = (numLabels: number): TaskHead => ({ kind: 'classification', numLabels });

/** Positions of the model. */
const WINDOW = 512;

let home: string;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-export-variants-'));
  env.allowRemoteModels = false;
});

after(() => rm(home, { recursive: true }));

type Json = Record<string, unknown>;

async function edit(folder: string, file: string, change: (json: Json) => Json): Promise<void> {
  const path = join(folder, file);
  await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, 'utf8')) as Json)));
}

const without = (json: Json, ...names: string[]): Json =>
  Object.fromEntries(Object.entries(json).filter(([name]) => !names.includes(name)));

/** A tiny BERT whose every weight is drawn wide, so that a wrong one would show. */
async function made(folder: string, head: TaskHead): Promise<void> {
  const texts = TEXTS.flat();
  await createModel({ out: folder, layers: 2, hidden: 32, heads: 2, vocabSize: 45, texts, seed: 4 });
  const config = await readConfig(folder);
  const specs = modelSpecs(config, head);
  const wide = { kind: 'normal', deviation: 0.2 } as const;
  const parameters = new Map(
    specs.map((spec) => [spec.name, initialise({ ...spec, initialiser: wide }, config, 7)]),
  );
  await saveCheckpoint(folder, { folder: undefined, config, head, specs, parameters, initialised: [] });
}

const tokenizerConfig =
  (change: (json: Json) => Json) =>
  (folder: string): Promise<void> =>
    edit(folder, 'tokenizer_config.json', change);

const noTokenizerJson = (folder: string): Promise<void> => rm(join(folder, 'tokenizer.json'));

const VARIANTS: Record<string, (folder: string) => Promise<void>> = {
  'no tokenizer.json': noTokenizerJson,
  'no model_type': (folder) => edit(folder, 'config.json', (json) => without(json, 'model_type')),
  'no model_max_length': tokenizerConfig((json) => without(json, 'model_max_length')),
  'model_max_length 1e30': tokenizerConfig((json) => ({ ...json, model_max_length: 1e30 })),
  'the class TokenizersBackend': tokenizerConfig((json) => ({
    ...json,
    tokenizer_class: 'TokenizersBackend',
  })),
  'only do_lower_case': async (folder) => {
    await noTokenizerJson(folder);
    await tokenizerConfig(() => ({ do_lower_case: true }))(folder);
  },
};

/** `@huggingface/transformers` 4 cuts a long row at its end, [SEP] too, where Python keeps it: the word that stands there instead. */
async function cutId(text: TextTokenizer): Promise<number> {
  const [longer] = await encodeTexts(text, TEXTS.slice(3), WINDOW + 1);
  return longer?.inputIds[WINDOW - 1] as number;
}

/** Asserts that what is served from `out` has our ids, token types and logits for every text. */
async function assertServed(
  out: string,
  { model, adapter, head }: { model: string; adapter?: string; head: TaskHead },
): Promise<void> {
  const saved = await loadSaved(model, adapter, head);
  const text = await loadTokenizer(model, saved.model.config.vocabSize);
  const rows = await encodeTexts(text, TEXTS, WINDOW);
  for (const { inputIds } of rows) if (inputIds.length === WINDOW) inputIds[WINDOW - 1] = await cutId(text);
  const ours = await predictFeatures(
    saved.model,
    saved.values,
    rows.map((row) => ({ ...row, label: 0 })),
    { threads: 1, maxLength: WINDOW },
  );
  env.localModelPath = dirname(out);
  const served = await AutoModelForSequenceClassification.from_pretrained(basename(out), { dtype: 'fp32' });
  const tokenizer = await AutoTokenizer.from_pretrained(basename(out));
  for (const [i, [one, other]] of TEXTS.entries()) {
    const row = rows[i] as EncodedText;
    const pair = other === undefined ? {} : { text_pair: other };
    const inputs = tokenizer(one, { ...pair, truncation: true }) as Record<string, Tensor>;
    const numbers = (name: string): number[] => Array.from(inputs[name]?.data as BigInt64Array, Number);
    assert.deepEqual(numbers('input_ids'), [...row.inputIds], one);
    assert.deepEqual(numbers('token_type_ids'), [...row.tokenTypeIds], one);
    const { logits } = (await served(inputs)) as Record<string, Tensor>;
    const theirs = logits?.data as Float32Array;
    assert.equal(theirs.length, ours[i]?.length);
    theirs.forEach((value, at) => {
      assert.ok(Math.abs(value - (ours[i]?.[at] as number)) < 1e-4, `${one}: ${value}`);
    });
  }
}

for (const [name, change] of Object.entries(VARIANTS))
  test(`${name}: the same ids, token types and logits`, async () => {
    const model = join(home, name.replaceAll(' ', '-'));
    await made(model, classes(3));
    await change(model);
    await exportRun({ model, out: `${model}-onnx` });
    await assertServed(`${model}-onnx`, { model, head: classes(3) });
  });

test('a regression head gives its score', async () => {
  const model = join(home, 'regression');
  await made(model, classes(1));
  await exportRun({ model, out: `${model}-onnx` });
  await assertServed(`${model}-onnx`, { model, head: classes(1) });
  const { problem_type } = JSON.parse(await readFile(join(`${model}-onnx`, 'config.json'), 'utf8')) as Json;
  assert.equal(problem_type, 'regression');
});

test('an adapter is laid over a base without tokenizer.json', async () => {
  const model = join(home, 'base');
  await made(model, classes(3));
  await noTokenizerJson(model);
  const method = { ...LORA_DEFAULTS, rank: 4 };
  const { model: base, values } = await loadSaved(model, undefined, classes(3));
  const headTraining = 'classifier' as const;
  const extra = methodSpecs({ config: base.config, head: base.head, headTraining }, method);
  const wide = { kind: 'normal', deviation: 0.3 } as const;
  const drawn = extra.map(
    (spec) => [spec.name, initialise({ ...spec, initialiser: wide }, base.config, 8)] as const,
  );
  const adapter = join(home, 'adapter');
  await saveAdapter(adapter, {
    ...{ config: base.config, head: base.head, method, headTraining, baseModel: model, initialised: [] },
    parameters: new Map([...values, ...drawn]),
  });
  const out = join(home, 'adapter-onnx');
  await exportRun({ model, adapter, task: 'mnli', out });
  await assertServed(out, { model, adapter, head: classes(3) });
});
