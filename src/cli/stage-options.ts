/** `--learning-rate-stages --learning-rate-peaks --optimiser-state`: what happens to rate and optimiser from stage to stage. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { RunSpec } from '../experiments/run-spec.js';
import { OPTIMISER_STATES, type OptimiserState } from '../training/fit-plan.js';

export interface StageFlags {
  readonly learningRateStages: 'once' | 'restart';
  readonly learningRatePeaks?: number[];
  readonly optimiserState: 'keep' | OptimiserState;
}

function factors(text: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (numbers.every((value) => value > 0 && Number.isFinite(value))) return numbers;
  throw new InvalidArgumentError(
    `learning-rate-peaks takes a number above 0 for each stage, like 1,0.5,0.25, not '${text}'.`,
  );
}

export const addStageOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--learning-rate-stages <how>',
        'once: one warm-up and decay over the run, as in the paper; restart: each stage has its own',
      )
        .choices(['once', 'restart'])
        .default('once'),
    )
    .option('--learning-rate-peaks <factors>', 'a factor on the rate for each stage: 1,0.5,0.25', factors)
    .addOption(
      new Option(
        '--optimiser-state <what>',
        "AdamW's moments when a stage begins: kept, reset of what thaws, or all reset",
      )
        .choices(['keep', ...OPTIMISER_STATES])
        .default('keep'),
    );

/** Nothing of what is at its default. */
export function stagedOf({
  learningRateStages,
  learningRatePeaks: peaks,
  optimiserState,
}: StageFlags): Pick<RunSpec, 'learningRateStages' | 'optimiserState'> {
  const restart = learningRateStages === 'restart';
  return {
    ...(restart || peaks
      ? { learningRateStages: { ...(restart ? { restart } : {}), ...(peaks ? { peaks } : {}) } }
      : {}),
    ...(optimiserState === 'keep' ? {} : { optimiserState }),
  };
}
