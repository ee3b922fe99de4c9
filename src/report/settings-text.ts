/** A run's settings in words. */
import type { RunSpec } from '../experiments/run-spec.js';
import { numberText } from './number-text.js';

const OPTIMISER_TEXTS = {
  'reset-thawed': 'moments of what thaws reset',
  reset: 'moments reset in each stage',
} as const;

function warmUpText({ warmupSteps, warmupRatio }: RunSpec['learningRateSchedule']): string[] {
  if (warmupSteps !== undefined) return [`${warmupSteps} warm-up steps`];
  return warmupRatio > 0 ? [`warm-up ${Number((100 * warmupRatio).toFixed(1))} %`] : [];
}

/** What of a spec is not at its default, one by one. */
function steeringText(spec: RunSpec): string[] {
  const { labelSmoothingFactor, classWeights, layerwiseLrDecay, learningRateSchedule } = spec;
  const { learningRateStages: rates, optimiserState } = spec;
  return [
    ...(rates?.restart ? ['rate begins anew in each stage'] : []),
    ...(rates?.peaks ? [`peak rate times ${rates.peaks.join(', ')} by stage`] : []),
    ...(optimiserState === undefined ? [] : [OPTIMISER_TEXTS[optimiserState]]),
    ...warmUpText(learningRateSchedule),
    ...(labelSmoothingFactor === undefined ? [] : [`labels smoothed by ${labelSmoothingFactor}`]),
    ...(classWeights === undefined ? [] : [`class weights ${String(classWeights)}`]),
    ...(layerwiseLrDecay === undefined ? [] : [`rate times ${layerwiseLrDecay} per layer down`]),
  ];
}

/** `3 epochs, batch 32, learning rate 3e-4 linear, at most 128 tokens`, and what else is not at its default. */
export const settingsText = (spec: RunSpec): string =>
  [
    `${spec.maxSteps === undefined ? `${spec.epochs} epochs` : `${spec.maxSteps} steps`}, batch ${spec.batchSize * spec.gradientAccumulationSteps}, learning rate ${numberText(spec.learningRate, 4)} ${spec.learningRateSchedule.kind}, at most ${spec.maxLength} tokens`,
    ...steeringText(spec),
  ].join(', ');
