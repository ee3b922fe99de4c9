/**
 * `node device-steps.js DEVICE [steered]`: ten AdamW steps of a small BERT; prints losses, gradient norms, what was trained and its logits as JSON.
 * `steered`: with smoothed labels, class weights and layer-wise rates.
 */
import type { Batch, PaddedBatch } from '../../src/datasets/batch.js';
import { parseDevice } from '../../src/engine/device.js';
import { newModelConfig } from '../../src/experiments/create-model.js';
import { noAdaptation } from '../../src/models/adaptation.js';
import { initialise } from '../../src/models/initialise.js';
import type { ParameterSpec, Trains } from '../../src/models/parameters.js';
import { modelSpecs } from '../../src/models/specs.js';
import { ADAMW_DEFAULTS } from '../../src/training/adamw.js';
import { predict } from '../../src/training/evaluate.js';
import { layerwiseFactor } from '../../src/training/learning-rate.js';
import { type LossSettings, taskObjective } from '../../src/training/objective.js';
import { openStage } from '../../src/training/stage.js';
import { createTrainingState } from '../../src/training/state.js';
import { packedBatch } from '../batch-of.js';

const device = parseDevice(process.argv[2] ?? 'cpu');
const steered = process.argv[3] === 'steered';
const loss: LossSettings = steered ? { labelSmoothing: 0.1, classWeights: [2, 1] } : {};
const [rows, length] = [4, 8];
const config = newModelConfig(1, 16, 2, 20);
const head = { kind: 'classification', numLabels: 2 } as const;
const specs = modelSpecs(config, head);
const values = new Map(specs.map((spec) => [spec.name, initialise(spec, config, 1)]));
const rate = (spec: ParameterSpec): number =>
  steered ? layerwiseFactor(0.5, config.numHiddenLayers, spec.place) : 1;
const state = createTrainingState(specs, values, () => true, rate);
const model = { config, head, specs, adaptation: noAdaptation };
const padded: PaddedBatch = {
  inputIds: Int32Array.from({ length: rows * length }, (_, i) => (i * 7) % 20),
  attentionMask: Int32Array.from({ length: rows * length }, (_, i) => (i % length < 3 + (i >> 3) ? 1 : 0)),
  tokenTypeIds: new Int32Array(rows * length),
  ...{ rows, length },
};
const batch = packedBatch(
  padded,
  Array.from({ length: rows }, (_, row) => row % 2),
);
const losses: number[] = [];
const norms: number[] = [];
/** All parameters for five steps of one batch; then the head and the block for five steps of two, whose gradients add up. */
const stages: readonly { readonly trains: Trains; readonly batches: readonly Batch[] }[] = [
  { trains: () => true, batches: [batch] },
  { trains: ({ place }) => place.kind !== 'embeddings', batches: [batch, batch] },
];
for (const { trains, batches } of stages) {
  const stage = openStage(taskObjective(model, loss), state, trains, { device, threads: 1 });
  for (let i = 0; i < 5; i++) {
    const { loss, gradientNorm } = await stage.run(batches, { seed: 1, stream: 3, step: losses.length });
    await stage.update(1e-2, gradientNorm, ADAMW_DEFAULTS);
    losses.push(loss);
    norms.push(gradientNorm);
  }
  await stage.settle();
  await stage.close();
}
const parameters = [...state.parameters.values()].flatMap((array) => [...array]);
const moments = [...state.trained.values()].flatMap(({ arrays }) => [...arrays.m, ...arrays.v]);
const logits = (await predict(model, state.parameters, [padded], { device, threads: 1 })).flatMap((part) => [
  ...part,
]);
console.log(JSON.stringify({ losses, norms, parameters, moments, logits }));
