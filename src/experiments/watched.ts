/**
 * Settings of how a run is watched and steered while it trains, by the names of Hugging Face's `TrainingArguments`. All are absent by
 * default, and what is given at its default is dropped: such a run is the same as one that does not name them.
 */

import { UsageError } from '../errors.js';
import * as z from '../schema.js';
import type { Selection } from '../training/selection.js';

export const EVAL_STRATEGIES = ['epoch', 'steps'] as const;

export const watchedSchema = z.object({
  /** The budget in steps, instead of epochs; the stages divide it. */
  maxSteps: z.number().int().positive().optional(),
  /** Share of the target that is spread evenly over all classes. */
  labelSmoothingFactor: z.number().min(0).lt(1).optional(),
  /** By class id; `balanced`: rows / (classes x rows of the class), as scikit-learn. */
  classWeights: z.union([z.literal('balanced'), z.array(z.number().positive()).min(2)]).optional(),
  /** Block l of 1..L learns at decay^(L - l) of the rate, the embeddings at decay^L. */
  layerwiseLrDecay: z.number().gt(0).max(1).optional(),
  evalStrategy: z.enum(EVAL_STRATEGIES).optional(),
  evalSteps: z.number().int().positive().optional(),
  /** Leaves the weights of the best evaluation instead of the last ones. */
  loadBestModelAtEnd: z.boolean().optional(),
  metricForBestModel: z.string().optional(),
  greaterIsBetter: z.boolean().optional(),
  /** Evaluations in a row without a better one, after which the run stops. */
  earlyStoppingPatience: z.number().int().positive().optional(),
  earlyStoppingThreshold: z.number().nonnegative().optional(),
});

export type Watched = z.infer<typeof watchedSchema>;

/** Whether evaluations change what a run leaves. Otherwise they are no part of its identity. */
export const selects = ({ loadBestModelAtEnd, earlyStoppingPatience }: Watched): boolean =>
  loadBestModelAtEnd === true || earlyStoppingPatience !== undefined;

const LOWER_IS_BETTER = /(^|_)(loss|mse|mae|perplexity)$/;

/** Settings without those that say nothing. */
const without = <T extends Watched>(spec: T, names: readonly (keyof Watched)[]): T =>
  Object.fromEntries(Object.entries(spec).filter(([name]) => !names.includes(name as keyof Watched))) as T;

/** @throws UsageError for settings that go with a selection, without one */
function checkStray(spec: Watched): void {
  const stray = (['metricForBestModel', 'greaterIsBetter'] as const).find((name) => spec[name] !== undefined);
  if (stray !== undefined)
    throw new UsageError(
      `run: ${stray} decides nothing alone: give --load-best-model-at-end or --early-stopping-patience too`,
    );
}

/**
 * Fills what is open and drops what is at its default.
 * @param metric for the best model, where none is named @throws UsageError for settings that do not go together
 */
export function watched<T extends Watched>(spec: T, metric: string): T {
  const { labelSmoothingFactor, layerwiseLrDecay, loadBestModelAtEnd, earlyStoppingThreshold } = spec;
  const idle: (keyof Watched)[] = [];
  if (labelSmoothingFactor === 0) idle.push('labelSmoothingFactor');
  if (layerwiseLrDecay === 1) idle.push('layerwiseLrDecay');
  if (loadBestModelAtEnd === false) idle.push('loadBestModelAtEnd');
  if (earlyStoppingThreshold === 0) idle.push('earlyStoppingThreshold');
  const given = without(spec, idle);
  const { evalStrategy, evalSteps, earlyStoppingPatience } = given;
  if (given.earlyStoppingThreshold !== undefined && earlyStoppingPatience === undefined)
    throw new UsageError('run: earlyStoppingThreshold goes with --early-stopping-patience');
  if (evalSteps !== undefined && evalStrategy === 'epoch')
    throw new UsageError('run: evalSteps goes with --eval-strategy steps, not with epoch');
  if (evalSteps === undefined && evalStrategy === 'steps')
    throw new UsageError('run: --eval-strategy steps: after how many? Give --eval-steps');
  const strategy = evalStrategy ?? (evalSteps === undefined ? undefined : 'steps');
  if (!selects(given)) {
    checkStray(given);
    return { ...given, ...(strategy ? { evalStrategy: strategy } : {}) };
  }
  const best = (given.metricForBestModel ?? metric).replace(/^eval_/, '');
  return {
    ...given,
    evalStrategy: strategy ?? 'epoch',
    metricForBestModel: best,
    greaterIsBetter: given.greaterIsBetter ?? !LOWER_IS_BETTER.test(best),
  };
}

/** What evaluations decide in a run of the spec; undefined: nothing. The spec is {@link watched}. */
export function selectionOf(spec: Watched): Selection | undefined {
  if (!selects(spec)) return undefined;
  const { metricForBestModel: metric, greaterIsBetter = true, loadBestModelAtEnd: loadBest = false } = spec;
  const { earlyStoppingPatience: patience, earlyStoppingThreshold: threshold = 0 } = spec;
  if (metric === undefined) throw new Error('internal: a selection without its metric');
  return { metric, greaterIsBetter, loadBest, patience, threshold };
}

/** Whether an evaluation is due after so many steps; undefined: never while training. The end of the budget is evaluated in any case. */
export function evaluatesAt(
  { evalStrategy, evalSteps = 1 }: Watched,
  stepsPerEpoch: number,
  totalSteps: number,
): ((steps: number) => boolean) | undefined {
  if (evalStrategy === undefined) return undefined;
  const every = evalStrategy === 'epoch' ? stepsPerEpoch : evalSteps;
  return (steps) => steps % every === 0 || steps === totalSteps;
}
