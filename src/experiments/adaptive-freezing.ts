/** RunSpec -> how blocks freeze while it trains. */
import type { CompileOptions } from '../engine/compile.js';
import { UsageError } from '../errors.js';
import { both, type Trains } from '../models/parameters.js';
import { frozenAfter, trainsAbove } from '../progressive/adaptive.js';
import { isAdaptive } from '../progressive/schedule.js';
import { blockStates } from '../training/block-states.js';
import { runsInChunks } from '../training/chunked-stage.js';
import type { Freezing } from '../training/freezing.js';
import { batchesInOrder, measuredFeatures, type Start, still } from './contributions.js';

/** Mean over batches of how far what each block gives is from what it gave before training. */
function plasticity(
  start: Start,
  examples: number | undefined,
  options: CompileOptions,
): Freezing['measure'] {
  const { model, values } = start;
  const batches = [...batchesInOrder(start, measuredFeatures(start, examples))];
  const statesOf = (parameters: Start['values']) => blockStates(still(model), parameters, batches, options);
  let reference: ReturnType<typeof statesOf> | undefined;
  return async ({ parameters }) => {
    const { similarityLoss } = await import('../training/similarity.js');
    reference ??= statesOf(values);
    const [were, are] = [await reference, await statesOf(parameters)];
    return Array.from({ length: model.config.numHiddenLayers }, (_, block) => {
      const losses = are.map((batch, i) =>
        similarityLoss(batch[block + 1] ?? [], were[i]?.[block + 1] ?? []),
      );
      return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    });
  };
}

/** @param method what trains at all @throws UsageError where steps run in chunks, which tell no norms of blocks */
export function freezingOf(start: Start, method: Trains, options: CompileOptions): Freezing | undefined {
  const { schedule } = start.spec;
  if (!isAdaptive(schedule)) return undefined;
  const { partition, embeddings } = schedule;
  if (partition.rule === 'gradient-norm' && runsInChunks(options))
    throw new UsageError(
      `freeze-rule gradient-norm: steps on device ${options.device ?? 'cpu'} tell no gradient norms of blocks; take --freeze-rule plasticity`,
    );
  return {
    blocks: start.model.config.numHiddenLayers,
    trains: (frozen) => both(method, trainsAbove(frozen, embeddings)),
    decide: (movements, frozen) => frozenAfter(partition, movements, frozen),
    ...(partition.rule === 'plasticity' ? { measure: plasticity(start, partition.examples, options) } : {}),
  };
}
