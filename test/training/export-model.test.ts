/** Exported ONNX models, served by @huggingface/transformers at any batch size and length, give our logits. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  type AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
  env,
  type PreTrainedModel,
  Tensor,
} from '@huggingface/transformers';
import type { PaddedBatch } from '../../src/datasets/batch.js';
import { createModel } from '../../src/experiments/create-model.js';
import { exportRun } from '../../src/experiments/export-run.js';
import { noAdaptation } from '../../src/models/adaptation.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import type { HeadSpec } from '../../src/models/config.js';
import type { TaskHead } from '../../src/models/heads.js';
import { initialise } from '../../src/models/initialise.js';
import { saveAdapter } from '../../src/peft/formats.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import { methodAdaptation, methodSpecs } from '../../src/peft/method.js';
import { predict } from '../../src/training/evaluate.js';
import type { Model } from '../../src/training/model.js';
import { goldenPath } from '../golden/golden.js';

let home: string;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'progtuning-export-'));
  env.allowRemoteModels = false;
  const texts = ['the cat sat on the mat and saw a dog', 'a dog ran to the red park'];
  const base = { layers: 2, hidden: 32, heads: 2, vocabSize: 45, texts, seed: 4 };
  await createModel({ ...base, out: join(home, 'base') });
});

after(() => rm(home, { recursive: true }));

/** Rows of several lengths; ids 5 and up. */
function batchOf(lengths: readonly number[], roberta: boolean): PaddedBatch {
  const [rows, length] = [lengths.length, Math.max(...lengths)];
  const real = (at: number): boolean => at % length < (lengths[Math.floor(at / length)] as number);
  const filled = (value: (at: number) => number): Int32Array =>
    Int32Array.from({ length: rows * length }, (_, at) => value(at));
  return {
    inputIds: filled((at) => (real(at) ? 5 + ((at * 7) % 23) : roberta ? 1 : 0)),
    attentionMask: filled((at) => (real(at) ? 1 : 0)),
    tokenTypeIds: filled((at) => (!roberta && real(at) && at % length > 3 ? 1 : 0)),
    ...{ rows, length },
  };
}

async function served(folder: string, kind: typeof AutoModelForMaskedLM): Promise<PreTrainedModel> {
  env.localModelPath = dirname(folder);
  return (await kind.from_pretrained(basename(folder), { dtype: 'fp32' })) as PreTrainedModel;
}

async function ask(model: PreTrainedModel, batch: PaddedBatch): Promise<Record<string, Tensor>> {
  const tensor = (data: Int32Array) =>
    new Tensor('int64', BigInt64Array.from(data, BigInt), [batch.rows, batch.length]);
  return (await model({
    input_ids: tensor(batch.inputIds),
    attention_mask: tensor(batch.attentionMask),
    token_type_ids: tensor(batch.tokenTypeIds),
  })) as Record<string, Tensor>;
}

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  assert.equal(a.length, b.length);
  return Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] as number))), 0);
};

const SHAPES = [[9], [4, 12, 7], [5, 5]];

const CASES: readonly [string, string, TaskHead, typeof AutoModelForMaskedLM][] = [
  ['roberta', 'classification', { kind: 'classification', numLabels: 3 }, AutoModelForSequenceClassification],
  ['electra', 'classification', { kind: 'classification', numLabels: 3 }, AutoModelForSequenceClassification],
  ['span', 'span', { kind: 'span' }, AutoModelForQuestionAnswering],
];

for (const [name, what, head, kind] of CASES) {
  test(`${name}: ${what} logits are the same through @huggingface/transformers`, async () => {
    const checkpoint = await loadCheckpoint(goldenPath(name, 'model'), head, { seed: 0 });
    const [saved, out] = [join(home, name), join(home, `${name}-onnx`)];
    await saveCheckpoint(saved, checkpoint);
    await exportRun({ model: saved, out });
    const model = await served(out, kind);
    for (const lengths of SHAPES) {
      const batch = batchOf(lengths, name === 'roberta');
      const [ours] = await predict(
        { ...checkpoint, head, adaptation: noAdaptation },
        checkpoint.parameters,
        [batch],
        { threads: 1 },
      );
      const given = await ask(model, batch);
      const tensors = given.logits ? [given.logits] : [given.start_logits, given.end_logits];
      const logits = tensors.flatMap((tensor) => Array.from((tensor as Tensor).data as Float32Array));
      assert.ok(worst(ours as Float32Array, logits) < 2e-5, `${lengths}`);
    }
  });
}

test('an adapter is laid over its base model', async () => {
  const head = { kind: 'classification', numLabels: 3 } as const satisfies HeadSpec;
  const folder = join(home, 'base');
  const { config, specs, parameters, initialised } = await loadCheckpoint(folder, head, { seed: 9 });
  const method = { ...LORA_DEFAULTS, rank: 4 };
  const base = { config, head, headTraining: 'classifier+pooler' } as const;
  const extra = methodSpecs(base, method);
  const drawn = extra.map(
    (spec) =>
      [
        spec.name,
        initialise({ ...spec, initialiser: { kind: 'normal', deviation: 0.3 } }, config, 8),
      ] as const,
  );
  const values = new Map([...parameters, ...drawn]);
  await saveAdapter(join(home, 'lora'), {
    ...{ config, head, method, parameters: values, baseModel: folder, initialised },
    headTraining: 'classifier+pooler',
  });
  const out = join(home, 'lora-onnx');
  await exportRun({ model: folder, adapter: join(home, 'lora'), task: 'mnli', out });
  const adapted: Model = {
    ...{ config, head, specs: [...specs, ...extra] },
    adaptation: methodAdaptation(base, method),
  };
  const batch = batchOf([4, 12, 7], false);
  const [ours] = await predict(adapted, values, [batch], { threads: 1 });
  const model = await served(out, AutoModelForSequenceClassification);
  const { logits } = await ask(model, batch);
  assert.deepEqual(logits?.dims, [3, 3]);
  assert.ok(worst(ours as Float32Array, logits?.data as Float32Array) < 2e-5);
});

test('what cannot be exported says why', async () => {
  const model = join(home, 'base');
  await assert.rejects(exportRun({ model, out: model }), /not written over/);
  await assert.rejects(
    exportRun({ model, task: 'sst2', out: join(home, 'x') }),
    /holds no classifier.weight/,
  );
  await assert.rejects(
    exportRun({ model, adapter: join(home, 'lora'), out: join(home, 'x') }),
    /--adapter wants --task/,
  );
});
