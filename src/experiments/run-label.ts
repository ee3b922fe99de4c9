/** What a run is called on the screen. */
import type { RunSpec } from './run-spec.js';

/**
 * A run in a few words: `cola, lora, progressive (always), seed 1`.
 * @example
 * ```ts
 * import { experiments } from 'progtuning';
 *
 * const [spec] = await experiments.expandGrid(await experiments.readGrid('grid.json'));
 * console.log(experiments.runLabel(spec)); // sst2, full, full (embeddings always), seed 1
 * ```
 */
export function runLabel(spec: RunSpec): string {
  const { task, method, schedule, seed, learningRateSchedule } = spec;
  const random = spec.randomWeights ? ', random weights' : '';
  const block = schedule.kind === 'only-block' ? ` ${schedule.block}` : '';
  const decay = learningRateSchedule.kind === 'linear' ? '' : `, ${learningRateSchedule.kind}`;
  return `${task}, ${method.kind}, ${schedule.kind}${block} (embeddings ${schedule.embeddings})${decay}${random}, seed ${seed}`;
}
