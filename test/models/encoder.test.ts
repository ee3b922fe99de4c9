/** What a head does not read is not computed: the rows that it does read are the same numbers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Compiled, compile } from '../../src/engine/compile.js';
import { matrixFlops } from '../../src/engine/flops.js';
import * as tf from '../../src/engine/tfjs.js';
import { noAdaptation } from '../../src/models/adaptation.js';
import { type ModelConfig, PRESETS } from '../../src/models/config.js';
import { hiddenStates } from '../../src/models/forward.js';
import { initialise } from '../../src/models/initialise.js';
import type { ModelInputs, Reads } from '../../src/models/inputs.js';
import { modelContext } from '../../src/models/layers.js';
import { modelSpecs } from '../../src/models/specs.js';
import { paddedInputs, parameterInputs } from '../../src/training/model.js';

const config: ModelConfig = {
  ...(PRESETS['bert-base-uncased'] as ModelConfig),
  vocabSize: 50,
  hiddenSize: 16,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 32,
};
const [rows, length] = [3, 5];
const specs = modelSpecs(config, { kind: 'span' });
const feeds = {
  ...Object.fromEntries(specs.map((spec) => [spec.name, initialise(spec, config, 7)])),
  inputIds: Int32Array.from({ length: rows * length }, (_, i) => (i * 11) % 50),
  attentionMask: Int32Array.from({ length: rows * length }, (_, i) => Number(i % length < 4)),
  tokenTypeIds: new Int32Array(rows * length),
};

async function hidden(reads: () => Reads): Promise<{ values: Float32Array; program: Compiled }> {
  const program = await compile(
    { ...parameterInputs(specs), ...paddedInputs({ rows, length }) },
    (parameters) => {
      const context = modelContext({
        config,
        adaptation: noAdaptation,
        parameters,
        batch: rows,
        seq: length,
      });
      return { y: hiddenStates(context, parameters as unknown as ModelInputs, reads()) };
    },
    { threads: 1 },
  );
  return { values: (await program.run(feeds)).y as Float32Array, program };
}

const close = (a: Float32Array, b: Float32Array): boolean =>
  a.length === b.length && a.every((x, i) => Math.abs(x - (b[i] as number)) < 1e-5);

const row = (values: Float32Array, index: number): Float32Array => values.slice(index * 16, index * 16 + 16);

test('first tokens, and chosen rows in any order, are those of the whole result', async () => {
  const all = await hidden(() => ({ kind: 'all' }));
  const first = await hidden(() => ({ kind: 'first' }));
  const chosen = [7, 0, 7, 14];
  const some = await hidden(() => ({ kind: 'rows', rows: tf.tensor1d(chosen, 'int32') }));
  assert.ok([0, 1, 2].every((i) => close(row(first.values, i), row(all.values, i * length))));
  assert.ok(chosen.every((index, i) => close(row(some.values, i), row(all.values, index))));
  const flops = [all, first, some].map(({ program }) => matrixFlops(program.graph as never));
  assert.ok((flops[1] as number) < 0.7 * (flops[0] as number), `${flops}`);
  assert.ok((flops[2] as number) < (flops[0] as number), `${flops}`);
  for (const { program } of [all, first, some]) await program.close();
});
