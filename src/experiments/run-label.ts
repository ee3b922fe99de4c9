/** What a run is called on the screen. */
import { scheduleText } from '../progressive/schedule-text.js';
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
  const { task, method, schedule, seed, learningRateSchedule, maxSteps } = spec;
  const { learningRateStages: rates, optimiserState } = spec;
  const notes = [
    ...(learningRateSchedule.kind === 'linear' ? [] : [learningRateSchedule.kind]),
    ...(rates?.restart ? ['rate restarts'] : []),
    ...(rates?.peaks ? [`rates x ${rates.peaks.join(' ')}`] : []),
    ...(optimiserState === undefined ? [] : [`optimiser ${optimiserState}`]),
    ...(spec.randomWeights ? ['random weights'] : []),
    ...(maxSteps === undefined ? [] : [`${maxSteps} steps`]),
  ];
  const text = `${scheduleText(schedule)} (embeddings ${schedule.embeddings})`;
  return [task, method.kind, text, ...notes, `seed ${seed}`].join(', ');
}
