/** Packing changes where numbers are computed, not which: with and without dropout, whatever else is in the row. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import '@tensorflow/tfjs-backend-cpu';
import type { Batch, Feature } from '../../src/datasets/batch.js';
import { makeBatch } from '../../src/datasets/batches.js';
import type { Device } from '../../src/engine/device.js';
import {
  type EncoderConfig,
  type Gpt2Config,
  type LlamaConfig,
  type ModelConfig,
  PRESETS,
} from '../../src/models/config.js';
import type { LabelledHead, TaskHead } from '../../src/models/heads.js';
import { initialise } from '../../src/models/initialise.js';
import { modelSpecs } from '../../src/models/specs.js';
import { ADAPTER_DEFAULTS } from '../../src/peft/adapter.js';
import { LORA_DEFAULTS } from '../../src/peft/lora.js';
import { type Method, methodAdaptation, methodSpecs } from '../../src/peft/method.js';
import { ADAMW_DEFAULTS } from '../../src/training/adamw.js';
import { taskObjective } from '../../src/training/objective.js';
import { openStage } from '../../src/training/stage.js';
import { createTrainingState } from '../../src/training/state.js';

const shape = {
  ...{ vocabSize: 60, hiddenSize: 20, numHiddenLayers: 3, numAttentionHeads: 2, intermediateSize: 36 },
  ...{ maxPositionEmbeddings: 64, hiddenDropoutProb: 0.2, attentionProbsDropoutProb: 0.3 },
};
const bert: ModelConfig = { ...(PRESETS['bert-base-uncased'] as EncoderConfig), ...shape };
const gpt2: ModelConfig = { ...(PRESETS.gpt2 as Gpt2Config), ...shape };
const { hiddenDropoutProb: _none, ...without } = shape;
const llama: ModelConfig = {
  ...(PRESETS['HuggingFaceTB/SmolLM2-135M'] as LlamaConfig),
  ...{ ...without, numKeyValueHeads: 1, headSize: 10 },
};

const features: Feature[] = [5, 17, 3, 9, 31, 8, 12].map((length, i) => ({
  inputIds: Int32Array.from({ length }, (_, j) => (7 * i + 11 * j) % 60),
  tokenTypeIds: Int32Array.from({ length }, (_, j) => (j > length / 2 ? 1 : 0)),
  label: i % 2,
  span: [1, length - 2],
}));

/** The same examples, each in a row of its own as long as the longest. */
function onePerRow(batch: Batch): Batch {
  const { slots, count, padded } = { ...batch, padded: 40 };
  const spread = (ids: Int32Array): Int32Array => {
    const rows = new Int32Array(slots * padded);
    for (let slot = 0; slot < count; slot++) {
      const [start, tokens] = [batch.starts[slot] as number, batch.lengths[slot] as number];
      rows.set(ids.subarray(start, start + tokens), slot * padded);
    }
    return rows;
  };
  return {
    ...batch,
    inputIds: spread(batch.inputIds),
    tokenTypeIds: spread(batch.tokenTypeIds),
    positions: spread(batch.positions),
    segments: spread(batch.segments),
    starts: Int32Array.from({ length: slots }, (_, slot) => slot * padded),
    ...{ rows: slots, length: padded },
  };
}

interface Result {
  readonly losses: readonly number[];
  readonly parameters: readonly number[];
}

async function train(
  batches: readonly (readonly Batch[])[],
  head: TaskHead,
  method: Method,
  {
    device = 'cpu',
    threads = 1,
    gradientCheckpointing = false,
    config = bert,
  }: { device?: Device; threads?: number; gradientCheckpointing?: boolean; config?: ModelConfig } = {},
): Promise<Result> {
  const base = { config, head, headTraining: 'classifier+pooler' } as const;
  const specs = [...modelSpecs(config, head), ...methodSpecs(base, method)];
  const values = new Map(specs.map((spec) => [spec.name, initialise(spec, config, 1)]));
  const state = createTrainingState(specs, values, () => true);
  const adaptation = methodAdaptation(base, method);
  const model = { config, head, specs, adaptation, gradientCheckpointing };
  const stage = openStage(taskObjective(model), state, () => true, { device, threads });
  const losses: number[] = [];
  for (const [step, group] of batches.entries()) {
    const { loss, gradientNorm } = await stage.run(group, { seed: 5, stream: 3, step });
    await stage.update(1e-3, gradientNorm, ADAMW_DEFAULTS);
    losses.push(loss);
  }
  await stage.close();
  // A span's softmax ignores a shift of all scores: the gradient of its bias is 0 but for rounding, which AdamW scales up.
  const compared = [...state.parameters].filter(([name]) => name !== 'qa_outputs.bias');
  return { losses, parameters: compared.flatMap(([, array]) => [...array]) };
}

function assertClose(a: Result, b: Result, tolerance = 2e-6): void {
  const worst = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((most, value, i) => Math.max(most, Math.abs(value - (y[i] as number))), 0);
  assert.ok(worst(a.losses, b.losses) < tolerance, `losses: ${a.losses} ${b.losses}`);
  // AdamW's first steps scale rounding noise of gradients near 0 up to steps of full size.
  assert.ok(worst(a.parameters, b.parameters) < 3e-4, `parameters: ${worst(a.parameters, b.parameters)}`);
}

const options = { batchSize: 7, padTokenId: 0, maxLength: 48, shapes: 'any' } as const;
const batch = makeBatch(features, options);
const HEADS: readonly LabelledHead[] = [
  { kind: 'classification', numLabels: 2 },
  { kind: 'classification', numLabels: 1 },
  { kind: 'span' },
];
const METHODS: readonly Method[] = [
  { kind: 'full' },
  { ...LORA_DEFAULTS, dropout: 0.2 },
  { ...ADAPTER_DEFAULTS.houlsby, bottleneck: { size: 4 } },
];

for (const head of HEADS)
  for (const method of METHODS) {
    const name = head.kind === 'span' ? 'span' : `${head.numLabels} labels`;
    test(`${name}, ${method.kind}: packed rows under dropout as one example a row`, async () => {
      assert.ok(batch.rows < 4, 'examples share rows');
      const labelled =
        head.kind === 'span' ? batch : { ...batch, labels: Float32Array.from(features, (f) => f.label ?? 0) };
      const packed = await train([[labelled], [labelled]], head, method);
      const spread = onePerRow(labelled);
      assertClose(packed, await train([[spread], [spread]], head, method));
    });
  }

for (const config of [gpt2, llama])
  for (const head of [{ kind: 'classification', numLabels: 2 }, { kind: 'causal-lm' }] as const)
    test(`${config.modelType}, ${head.kind}: packed rows under dropout as one example a row`, async () => {
      const labelled = { ...batch, labels: Float32Array.from(features, (f) => f.label ?? 0) };
      const spread = onePerRow(labelled);
      const method = { kind: 'full' } as const;
      const packed = await train([[labelled], [labelled]], head, method, { config });
      assertClose(packed, await train([[spread], [spread]], head, method, { config }));
    });

const head = { kind: 'classification', numLabels: 2 } as const;
const full = { kind: 'full' } as const;
const plain = features.map(({ span: _, ...feature }) => feature);
const take = (indices: readonly number[], batchSize: number): Batch =>
  makeBatch(
    indices.map((index) => plain[index] as Feature),
    { ...options, batchSize },
    indices,
  );

test('an example is dropped the same in any company: order, batch size, gradient accumulation, threads', async () => {
  const all = await train([[take([0, 1, 2, 3, 4, 5, 6], 7)]], head, full);
  assertClose(all, await train([[take([6, 2, 4, 0, 1, 5, 3], 7)]], head, full));
  assertClose(all, await train([[take([0, 1, 2, 3, 4, 5, 6], 9)]], head, full));
  assertClose(all, await train([[take([0, 1, 2], 3), take([3, 4, 5], 3), take([6], 3)]], head, full));
  assert.deepEqual(all, await train([[take([0, 1, 2, 3, 4, 5, 6], 7)]], head, full, { threads: 2 }));
});

test('the eager device draws the same masks', async () => {
  const given = [[take([0, 1, 2, 3], 4)], [take([4, 5, 6], 4)]];
  assertClose(await train(given, head, full), await train(given, head, full, { device: 'tfjs' }), 5e-6);
});

test('another example, seed or step is dropped otherwise', async () => {
  const losses = async (given: Batch): Promise<readonly number[]> =>
    (await train([[given], [given]], head, full)).losses;
  const same = plain[3] as Feature;
  const [a, b] = [makeBatch([same], options, [3]), makeBatch([same], options, [4])];
  assert.notEqual((await losses(a))[0], (await losses(b))[0]);
});

for (const method of METHODS)
  test(`${method.kind}: gradient checkpointing changes no number beyond rounding`, async () => {
    const given = [[take([0, 1, 2, 3], 4)], [take([4, 5, 6], 4)]];
    const kept = await train(given, head, method);
    assertClose(kept, await train(given, head, method, { gradientCheckpointing: true }));
  });
