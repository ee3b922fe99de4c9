/**
 * Masked-language-model pre-training: an endless sequence of batches, each a pure function of (seed, step), so that a run that was
 * cut off at any step goes on with the same numbers, bit for bit.
 */

import type { MaskedBatch } from '../datasets/masking.js';
import { type CompileOptions, compile } from '../engine/compile.js';
import type { ModelConfig } from '../models/config.js';
import type { ParameterSpec, Parameters } from '../models/parameters.js';
import { STREAM } from '../random.js';
import * as z from '../schema.js';
import type { AdamWOptions } from './adamw.js';
import { checkFinite, checkFiniteHeldOut } from './finite.js';
import { type LearningRateSchedule, learningRateFactor } from './learning-rate.js';
import { maskedLmObjective } from './masked-lm.js';
import { parameterInputs } from './model.js';
import { openStage } from './stage.js';
import type { TrainingState } from './state.js';

export interface PretrainPlan {
  readonly totalSteps: number;
  /** 0-based step -> its batches; more than one: their gradients are added up. */
  readonly batchesOf: (step: number) => readonly MaskedBatch[];
  /** Held-out text under the same masks every time. */
  readonly heldOut: () => Iterable<MaskedBatch>;
  /** Steps between two evaluations; there is one at the end in any case. */
  readonly evalSteps: number;
  /** Whether a snapshot is due when so many steps are done. */
  readonly savesAt: (steps: number) => boolean;
  /** Peak learning rate. */
  readonly learningRate: number;
  readonly learningRateSchedule: LearningRateSchedule;
  readonly adamw: AdamWOptions;
  /** Drives dropout. */
  readonly seed: number;
}

export const pretrainProgressSchema = z.object({
  /** Mean loss of each step, in nats: of masked tokens, and of next sentences where they are learnt. */
  losses: z.array(z.number()),
  /** Over held-out text, when `step` steps had been taken. */
  heldOut: z.array(
    z.object({ step: z.number(), loss: z.number(), nextSentenceAccuracy: z.number().optional() }),
  ),
  /** Spent in training steps, over all sessions. */
  seconds: z.number(),
});

/** What a run has done so far. */
export type PretrainProgress = z.infer<typeof pretrainProgressSchema>;

export interface PretrainHooks {
  readonly onStep?: (step: number, loss: number, gradientNorm: number) => void;
  readonly onEvaluated?: (step: number, evaluation: MaskedLmEvaluation) => void;
  /** Where a run is made resumable. */
  readonly onSnapshot?: (progress: PretrainProgress) => Promise<void>;
  /** Asked after every step: a true answer ends the session with a snapshot. */
  readonly stopped?: () => boolean;
}

/**
 * e^loss: what a model of masked tokens is as unsure as, in equally likely tokens.
 * @example
 * ```ts
 * import { pretraining } from 'progtuning';
 *
 * console.log(pretraining.perplexity(Math.log(24)).toFixed(1)); // 24.0
 * ```
 */
export const perplexity = (loss: number): number => Math.exp(loss);

export interface MaskedLmEvaluation {
  /** Mean over the masked tokens, in nats. */
  readonly loss: number;
  /** Share of the pairs that are told right, where the batches are pairs. */
  readonly nextSentenceAccuracy?: number;
}

const rightly = (logits: Float32Array, labels: Int32Array): number =>
  labels.reduce(
    (right, label, i) =>
      right + (((logits[2 * i + 1] as number) > (logits[2 * i] as number) ? 1 : 0) === label ? 1 : 0),
    0,
  );

/** Over all batches, without dropout. @throws DataError for a loss that is not a number */
export async function evaluateMaskedLm(
  config: ModelConfig,
  specs: readonly ParameterSpec[],
  parameters: Parameters,
  batches: Iterable<MaskedBatch>,
  options: CompileOptions,
): Promise<MaskedLmEvaluation> {
  const objective = maskedLmObjective(config, specs);
  const values = Object.fromEntries(parameters);
  const sizes = parameterInputs(specs);
  let program: Awaited<ReturnType<typeof compile>> | undefined;
  let rows = 0;
  let [sum, tokens, right, pairs] = [0, 0, 0, 0];
  try {
    for (const batch of batches) {
      if (!program || batch.rows !== rows) {
        await program?.close();
        program = await compile(
          { ...sizes, ...objective.inputs(batch) },
          (tensors) => {
            const { masked, next } = objective.losses(batch, tensors, undefined);
            return { loss: masked, ...(next && { next: next.logits }) };
          },
          options,
        );
        rows = batch.rows;
      }
      const size = objective.size(batch);
      const { loss, next } = await program.run({ ...values, ...objective.feeds(batch, size) });
      checkFiniteHeldOut(loss?.[0] as number);
      sum += (loss?.[0] as number) * size;
      tokens += size;
      if (!batch.pairs) continue;
      right += rightly(next as Float32Array, batch.pairs.labels);
      pairs += batch.rows;
    }
  } finally {
    await program?.close();
  }
  return { loss: sum / tokens, ...(pairs > 0 && { nextSentenceAccuracy: right / pairs }) };
}

/**
 * Trains in place, from where `progress` left off; `state` must be what it was then.
 * @returns the progress; fewer than `totalSteps` losses when it was stopped
 * @throws DataError when a loss or gradient is not a number; the parameters are those before that step
 */
export async function pretrain(
  config: ModelConfig,
  specs: readonly ParameterSpec[],
  state: TrainingState,
  plan: PretrainPlan,
  options: CompileOptions,
  hooks: PretrainHooks = {},
  progress: PretrainProgress = { losses: [], heldOut: [], seconds: 0 },
): Promise<PretrainProgress> {
  const stage = openStage(maskedLmObjective(config, specs), state, () => true, options);
  const { losses, heldOut } = progress;
  const evaluate = async (): Promise<void> => {
    const evaluation = await evaluateMaskedLm(config, specs, state.parameters, plan.heldOut(), options);
    heldOut.push({ step: losses.length, ...evaluation });
    hooks.onEvaluated?.(losses.length, evaluation);
  };
  try {
    while (losses.length < plan.totalSteps) {
      const start = performance.now();
      const step = losses.length;
      const learningRate =
        plan.learningRate * learningRateFactor(plan.learningRateSchedule, step, plan.totalSteps);
      const key = { seed: plan.seed, stream: STREAM.dropout, step };
      const { loss, gradientNorm } = await stage.run(plan.batchesOf(step), key);
      checkFinite({ step, loss, gradientNorm, learningRate }, losses.at(-1));
      await stage.update(learningRate, gradientNorm, plan.adamw);
      losses.push(loss);
      progress.seconds += (performance.now() - start) / 1000;
      hooks.onStep?.(step, loss, gradientNorm);
      const done = losses.length === plan.totalSteps;
      const stopped = hooks.stopped?.() ?? false;
      const evaluates = done || losses.length % plan.evalSteps === 0;
      const saves = done || stopped || plan.savesAt(losses.length);
      if (evaluates || saves) await stage.settle();
      if (evaluates) await evaluate();
      if (saves) await hooks.onSnapshot?.(progress);
      if (stopped) break;
    }
  } finally {
    await stage.close();
  }
  return progress;
}
