/** Learning rate by step, as Hugging Face's `get_scheduler` gives it, and by layer. */
import type { Place } from '../models/parameters.js';

export const LEARNING_RATE_KINDS = [
  'linear',
  'constant',
  'cosine',
  'polynomial',
  'warmup_stable_decay',
] as const;

/** How the learning rate rises and falls over a run. */
export interface LearningRateSchedule {
  readonly kind: (typeof LEARNING_RATE_KINDS)[number];
  /** Share of all steps over which the rate rises from 0; rounded up to whole steps. */
  readonly warmupRatio: number;
  /** Takes the place of the ratio, as in Hugging Face's `TrainingArguments`. */
  readonly warmupSteps?: number | undefined;
  /** `warmup_stable_decay`: share of all steps, at the end, over which the rate falls to 0. Default 0.2. */
  readonly decayRatio?: number;
}

/** HF's default for `polynomial`: power 1 ends at 1e-7; we use power 2, which differs from linear, and end at 0. */
const POWER = 2;

/** Steps of the last phase of `warmup_stable_decay`. */
export const decaySteps = (totalSteps: number, decayRatio: number): number =>
  Math.max(1, Math.round(totalSteps * decayRatio));

/**
 * @param step 0-based @param totalSteps of the whole run @returns the factor on the peak rate, 0..1
 * @param schedule kind and warm-up
 * @example
 * ```ts
 * import { training } from 'progtuning';
 *
 * const schedule = { kind: 'linear', warmupRatio: 0.1 } as const;
 * console.log([0, 5, 10, 55, 99].map((step) => training.learningRateFactor(schedule, step, 100).toFixed(2)).join()); // 0.00,0.50,1.00,0.50,0.01
 * ```
 */
export function learningRateFactor(
  { kind, warmupRatio, warmupSteps, decayRatio = 0.2 }: LearningRateSchedule,
  step: number,
  totalSteps: number,
): number {
  const warmup = warmupSteps ?? Math.ceil(totalSteps * warmupRatio);
  if (step < warmup) return step / Math.max(1, warmup);
  const progress = (step - warmup) / Math.max(1, totalSteps - warmup);
  switch (kind) {
    case 'constant':
      return 1;
    case 'linear':
      return Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmup));
    case 'cosine':
      return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
    case 'polynomial':
      return Math.max(0, 1 - progress) ** POWER;
    case 'warmup_stable_decay':
      return Math.min(1, Math.max(0, (totalSteps - step) / decaySteps(totalSteps, decayRatio)));
    default:
      throw new Error(`internal: unknown learning-rate schedule '${kind satisfies never}'`);
  }
}

/** How the rate goes on from one stage to the next. Absent settings: one decay over the whole run, as in the paper. */
export interface StageRates {
  /** Each stage begins anew: its own warm-up, and its own decay. */
  readonly restart?: true | undefined;
  /** Factor on the peak rate in each of the T stages. */
  readonly peaks?: readonly number[] | undefined;
}

/**
 * The factor on the peak rate in a step of a stage.
 * @param stage 1..T, its first step and the first after it
 * @example
 * ```ts
 * import { training } from 'progtuning';
 *
 * const schedule = { kind: 'linear', warmupRatio: 0 } as const;
 * const stage = { stage: 2, from: 50, to: 100 };
 * const rates = [{}, { restart: true }, { peaks: [1, 0.5] }] as const;
 * console.log(rates.map((rate) => training.stagedRateFactor(schedule, rate, stage, 50, 100)).join()); // 0.5,1,0.25
 * ```
 */
export function stagedRateFactor(
  schedule: LearningRateSchedule,
  { restart, peaks }: StageRates,
  { stage, from, to }: { readonly stage: number; readonly from: number; readonly to: number },
  step: number,
  totalSteps: number,
): number {
  const factor = restart
    ? learningRateFactor(schedule, step - from, to - from)
    : learningRateFactor(schedule, step, totalSteps);
  return factor * (peaks?.[stage - 1] ?? 1);
}

/**
 * Layer-wise decay (Sun et al. 2019, section 5.3.3; Clark et al. 2020): share of the rate by place. Block B_l of B_1..B_L has
 * decay^(L - l), the embeddings decay^L; pooler and classifier have all of it. What a PEFT method adds to a block has the block's.
 */
export function layerwiseFactor(decay: number, blocks: number, place: Place): number {
  if (place.kind === 'embeddings') return decay ** blocks;
  return place.kind === 'block' ? decay ** (blocks - 1 - place.index) : 1;
}
