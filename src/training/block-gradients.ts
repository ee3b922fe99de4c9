/** How much the loss asks each block to change, before anything has: a cheap estimate of what figure 1 measures by training. */
import type { Batch } from '../datasets/batch.js';
import type { CompileOptions } from '../engine/compile.js';
import type { Parameters, Trains } from '../models/parameters.js';
import { STREAM } from '../random.js';
import type { Model } from './model.js';
import { taskObjective } from './objective.js';
import { openStage } from './stage.js';
import { createTrainingState } from './state.js';

/** Squared Euclidean norms of the gradient of a batch's mean loss, averaged over batches. */
export interface BlockGradients {
  readonly embeddings: number;
  /** From the lowest block up. */
  readonly blocks: readonly number[];
  readonly head: number;
  readonly batches: number;
}

/** Nothing is updated. @param model without dropout, so that no batch's masks decide @param values are not changed @param trains whose gradients count */
export async function blockGradients(
  model: Model,
  values: Parameters,
  batches: Iterable<Batch>,
  options: CompileOptions,
  onBatch: () => void = () => undefined,
  trains: Trains = () => true,
): Promise<BlockGradients> {
  const state = createTrainingState(model.specs, values, trains);
  const stage = openStage(taskObjective(model), state, trains, options);
  const sums = { embeddings: 0, blocks: new Array<number>(model.config.numHiddenLayers).fill(0), head: 0 };
  let count = 0;
  try {
    for (const batch of batches) {
      await stage.run([batch], { seed: 0, stream: STREAM.dropout, step: count });
      count++;
      for (const { spec, arrays } of stage.trained) {
        const square = arrays.g.reduce((sum, one) => sum + one * one, 0);
        if (spec.place.kind === 'block')
          sums.blocks[spec.place.index] = (sums.blocks[spec.place.index] ?? 0) + square;
        else if (spec.place.kind === 'embeddings') sums.embeddings += square;
        else sums.head += square;
      }
      onBatch();
    }
  } finally {
    await stage.close();
  }
  const mean = (sum: number): number => sum / count;
  return {
    embeddings: mean(sums.embeddings),
    blocks: sums.blocks.map(mean),
    head: mean(sums.head),
    batches: count,
  };
}
