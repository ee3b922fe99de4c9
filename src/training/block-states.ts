/** What each block gives, as the mean over the tokens of each example: what similarities of representations are computed from. */
import type { Batch } from '../datasets/batch.js';
import { type CompileOptions, compileFree, type SizedFunction } from '../engine/compile.js';
import type * as tf from '../engine/tfjs.js';
import { UsageError } from '../errors.js';
import { statesBefore } from '../models/forward.js';
import type { ModelInputs } from '../models/inputs.js';
import { modelContext } from '../models/layers.js';
import type { Parameters } from '../models/parameters.js';
import { encoderBlocks } from '../models/specs.js';
import { type Model, type PackedShape, packedInputs, parameterInputs } from './model.js';
import { packedFeeds } from './objective.js';

/** Of one batch: before block 0 .. L - 1, and after the last one, a vector [H] for each example. */
export type BlockStates = readonly (readonly Float64Array[])[];

const outputName = (block: number): string => `before block ${block}`;

/** Mean over the tokens of each example. @param states [rows length, H] */
function meansOf({ count, starts, lengths }: Batch, states: Float32Array, hidden: number): Float64Array[] {
  return Array.from({ length: count }, (_, slot) => {
    const [start, tokens] = [starts[slot] as number, lengths[slot] as number];
    const mean = new Float64Array(hidden);
    for (let token = start; token < start + tokens; token++)
      for (let i = 0; i < hidden; i++)
        mean[i] = (mean[i] as number) + (states[token * hidden + i] as number) / tokens;
    return mean;
  });
}

/** Without dropout. Nothing is updated. */
export async function blockStates(
  model: Model,
  values: Parameters,
  batches: Iterable<Batch>,
  options: CompileOptions,
): Promise<BlockStates[]> {
  const { config, adaptation, specs } = model;
  if (encoderBlocks(config) > 0)
    throw new UsageError(
      `cka, plasticity: compare what the blocks of one stack give, and a ${config.modelType} has two; use gradient-norm`,
    );
  const blocks = Array.from({ length: config.numHiddenLayers + 1 }, (_, block) => block);
  const statesAt = (shape: PackedShape): SizedFunction => ({
    inputs: { ...parameterInputs(specs), ...packedInputs(model, shape) },
    fn: (parameters) => {
      const context = modelContext({
        ...{ config, adaptation, parameters, batch: shape.rows, seq: shape.length },
      });
      const outputs: Record<string, tf.Tensor> = {};
      let hidden: tf.Tensor2D | undefined;
      for (const block of blocks) {
        const known = hidden && { block: block - 1, hidden };
        hidden = statesBefore(context, parameters as unknown as ModelInputs, block, known);
        outputs[outputName(block)] = hidden;
      }
      return outputs;
    },
  });
  const feeds = Object.fromEntries(values);
  let program: Awaited<ReturnType<typeof compileFree>> | undefined;
  const all: BlockStates[] = [];
  try {
    for (const batch of batches) {
      program ??= await compileFree((size) => statesAt({ ...batch, ...size }), options);
      const outputs = await program.run(batch, { ...feeds, ...packedFeeds(model, batch) });
      all.push(
        blocks.map((block) => meansOf(batch, outputs[outputName(block)] as Float32Array, config.hiddenSize)),
      );
    }
  } finally {
    await program?.close();
  }
  return all;
}
