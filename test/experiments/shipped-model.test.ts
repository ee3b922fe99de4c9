/** The shipped checkpoint: what it says of masked tokens is the same through @huggingface/transformers; its card states its text. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { AutoModelForMaskedLM, AutoTokenizer, env, type Tensor } from '@huggingface/transformers';
import { readSplit, resolveModel, SHIPPED_MODEL } from '../../src/datasets/source.js';
import { findTask } from '../../src/datasets/task.js';
import { compile } from '../../src/engine/compile.js';
import type * as tf from '../../src/engine/tfjs.js';
import { exportRun } from '../../src/experiments/export-run.js';
import { noAdaptation } from '../../src/models/adaptation.js';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import { hiddenStates } from '../../src/models/forward.js';
import { maskedLmLogits } from '../../src/models/heads.js';
import type { ModelInputs } from '../../src/models/inputs.js';
import { modelContext } from '../../src/models/layers.js';
import { loadTokenizer } from '../../src/tokenizers/tokenizer.js';
import { paddedInputs, parameterInputs } from '../../src/training/model.js';

const SENTENCES = 100;
const HEAD = { kind: 'masked-lm' } as const;

/** Sentences of the generated tasks, the middle word of each masked. */
async function maskedSentences(): Promise<string[]> {
  const { examples } = await readSplit('embedded', findTask('cola'), 'dev');
  return examples.slice(0, SENTENCES).map(({ texts }) => {
    const words = (texts[0] as string).split(' ');
    return words.map((word, i) => (i === words.length >> 1 ? '[MASK]' : word)).join(' ');
  });
}

/** Ours: logits of every token of one sentence, [length, vocabulary]. */
async function ourLogits(folder: string): Promise<(ids: readonly number[]) => Promise<Float32Array>> {
  const { config, specs, parameters } = await loadCheckpoint(folder, HEAD, { seed: 0 });
  return async (ids) => {
    const length = ids.length;
    const program = await compile(
      { ...parameterInputs(specs), ...paddedInputs({ rows: 1, length }) },
      (tensors) => {
        const context = modelContext({
          config,
          adaptation: noAdaptation,
          parameters: tensors,
          batch: 1,
          seq: length,
        });
        const hidden = hiddenStates(context, tensors as unknown as ModelInputs, { kind: 'all' });
        return { logits: maskedLmLogits(context, hidden) as tf.Tensor };
      },
      { threads: 1 },
    );
    try {
      const inputs = {
        inputIds: Int32Array.from(ids),
        attentionMask: new Int32Array(length).fill(1),
        tokenTypeIds: new Int32Array(length),
      };
      const { logits } = await program.run({ ...Object.fromEntries(parameters), ...inputs });
      return Float32Array.from(logits as Float32Array);
    } finally {
      await program.close();
    }
  };
}

const argmax = (values: Float32Array): number =>
  values.reduce((best, value, i) => (value > (values[best] as number) ? i : best), 0);

test(`masked tokens of ${SENTENCES} sentences: the same predictions through @huggingface/transformers`, async () => {
  const folder = await resolveModel(SHIPPED_MODEL);
  const out = await mkdtemp(join(tmpdir(), 'progtuning-shipped-'));
  try {
    await exportRun({ model: folder, out });
    env.allowRemoteModels = false;
    env.localModelPath = dirname(out);
    const theirs = await AutoModelForMaskedLM.from_pretrained(basename(out), { dtype: 'fp32' });
    const theirTokenizer = await AutoTokenizer.from_pretrained(basename(out));
    const { tokenizer, vocabSize } = await loadTokenizer(folder);
    const maskId = tokenizer.tokenToId('[MASK]') as number;
    const ours = await ourLogits(folder);
    for (const sentence of await maskedSentences()) {
      const inputs = await theirTokenizer(sentence);
      const ids = Array.from((inputs.input_ids as Tensor).data as BigInt64Array, Number);
      assert.deepEqual(Array.from((await tokenizer.encode(sentence)).getIds()), ids, sentence);
      const at = ids.indexOf(maskId);
      const of = (logits: Float32Array): Float32Array =>
        logits.subarray(at * vocabSize, (at + 1) * vocabSize);
      const [mine, other] = [of(await ours(ids)), of((await theirs(inputs)).logits.data as Float32Array)];
      const worst = mine.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - (other[i] as number))),
        0,
      );
      assert.ok(worst < 1e-3, `${sentence}: logits differ by ${worst}`);
      assert.equal(argmax(mine), argmax(other), sentence);
    }
  } finally {
    await rm(out, { recursive: true });
  }
});

test('it is small, and its card says what it was trained on', async () => {
  const folder = await resolveModel(SHIPPED_MODEL);
  const { size } = await stat(join(folder, 'model.safetensors'));
  assert.ok(size < 16e6, `${size} bytes`);
  const card = await readFile(join(folder, 'README.md'), 'utf8');
  const record = JSON.parse(await readFile(join(folder, 'pretraining.json'), 'utf8'));
  for (const said of [
    'Wikipedia',
    'CC BY-SA',
    'perplexity',
    'license: apache-2.0',
    (record.tokensSeen / 1e6).toFixed(1),
  ])
    assert.ok(card.includes(said), `the card does not say '${said}'`);
});
