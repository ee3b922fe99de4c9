/** `node device-steps.js DEVICE`: ten AdamW steps of a small BERT; prints losses and gradient norms as JSON. */
import type { Batch } from '../../src/datasets/batch.js';
import { parseDevice } from '../../src/engine/device.js';
import { newModelConfig } from '../../src/experiments/create-model.js';
import { noAdaptation } from '../../src/models/adaptation.js';
import { initialise } from '../../src/models/initialise.js';
import { modelSpecs } from '../../src/models/specs.js';
import { ADAMW_DEFAULTS, adamw } from '../../src/training/adamw.js';
import { taskObjective } from '../../src/training/objective.js';
import { openStage } from '../../src/training/stage.js';
import { createTrainingState } from '../../src/training/state.js';

const device = parseDevice(process.argv[2] ?? 'cpu');
const [rows, length] = [4, 8];
const config = newModelConfig(1, 16, 2, 20);
const head = { kind: 'classification', numLabels: 2 } as const;
const specs = modelSpecs(config, head);
const values = new Map(specs.map((spec) => [spec.name, initialise(spec, config, 1)]));
const state = createTrainingState(specs, values, () => true);
const model = { config, head, specs, adaptation: noAdaptation };
const stage = openStage(taskObjective(model), state, () => true, { device, threads: 1 });
const batch: Batch = {
  inputIds: Int32Array.from({ length: rows * length }, (_, i) => (i * 7) % 20),
  attentionMask: new Int32Array(rows * length).fill(1),
  tokenTypeIds: new Int32Array(rows * length),
  labels: Float32Array.from({ length: rows }, (_, row) => row % 2),
  ...{ rows, length, count: rows },
};
const losses: number[] = [];
const norms: number[] = [];
for (let step = 0; step < 10; step++) {
  const { loss, gradientNorm } = await stage.run([batch], { seed: 1, stream: 3, step });
  adamw(stage.trained, 1e-2, gradientNorm, ADAMW_DEFAULTS);
  losses.push(loss);
  norms.push(gradientNorm);
}
await stage.close();
console.log(JSON.stringify({ losses, norms }));
