/**
 * Training on text: an endless sequence of batches, each a pure function of (seed, step), so that a run that was cut off at any step
 * goes on with the same numbers, bit for bit. What is learnt is the {@link WideObjective}: masked words, or a teacher.
 */

import type { MaskedBatch } from '../datasets/masking.js';
import type { CompileOptions } from '../engine/compile.js';
import type { ModelConfig } from '../models/config.js';
import type { ParameterSpec, Parameters, Trains } from '../models/parameters.js';
import { STREAM } from '../random.js';
import * as z from '../schema.js';
import type { AdamWOptions } from './adamw.js';
import { openChunkedStage, type PlannedStep, runsInChunks } from './chunked-stage.js';
import { checkFinite, checkFiniteHeldOut } from './finite.js';
import { outputsOver } from './held-out.js';
import { type LearningRateSchedule, learningRateFactor } from './learning-rate.js';
import { maskedLmObjective } from './masked-lm.js';
import type { BatchShape, Tensors } from './model.js';
import type { WideObjective } from './objective.js';
import { openStage } from './stage.js';
import type { TrainingState } from './state.js';
import type { StepResult } from './step.js';

export interface PretrainPlan<B = MaskedBatch> {
  readonly totalSteps: number;
  /** 0-based step -> its batches; more than one: their gradients are added up. */
  readonly batchesOf: (step: number) => readonly B[];
  /** Most batches of a step. */
  readonly gradientAccumulationSteps: number;
  /** Of the state as it is, over held-out text under the same masks every time. */
  readonly evaluate: () => Promise<TextEvaluation>;
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
    z.object({
      step: z.number(),
      loss: z.number(),
      nextSentenceAccuracy: z.number().optional(),
      parts: z.record(z.string(), z.number()).optional(),
    }),
  ),
  /** Spent in training steps, over all sessions. */
  seconds: z.number(),
});

/** What a run has done so far. */
export type PretrainProgress = z.infer<typeof pretrainProgressSchema>;

export interface PretrainHooks {
  readonly onStep?: (step: number, loss: number, gradientNorm: number) => void;
  readonly onEvaluated?: (step: number, evaluation: TextEvaluation) => void;
  /** Where a run is made resumable. */
  readonly onSnapshot?: (progress: PretrainProgress) => Promise<void>;
  /** Asked after every step, or chunk of steps: a true answer ends the session with a snapshot. */
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

/** What held-out text gives. */
export interface TextEvaluation extends MaskedLmEvaluation {
  /** Of a distillation: the loss by what is compared. */
  readonly parts?: Readonly<Record<string, number>>;
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
  const losses = (batch: MaskedBatch, tensors: Tensors): Tensors => {
    const { masked, next } = objective.losses(batch, tensors, undefined);
    return { loss: masked, ...(next && { next: next.logits }) };
  };
  let [sum, tokens, right, pairs] = [0, 0, 0, 0];
  for await (const { batch, size, outputs } of outputsOver(objective, parameters, batches, losses, options)) {
    const [loss] = outputs.loss as Float32Array;
    checkFiniteHeldOut(loss as number);
    sum += (loss as number) * size;
    tokens += size;
    if (!batch.pairs) continue;
    right += rightly(outputs.next as Float32Array, batch.pairs.labels);
    pairs += batch.rows;
  }
  return { loss: sum / tokens, ...(pairs > 0 && { nextSentenceAccuracy: right / pairs }) };
}

/** Steps between two looks at whether the session is to end, where they run in chunks. */
const MOST_STEPS = 64;

/** Runs steps one by one or in chunks, and tells of each, in order. */
interface Runner<B> {
  run(steps: readonly PlannedStep<B>[], done: (result: StepResult) => void): Promise<void>;
  settle(): Promise<void>;
  close(): Promise<void>;
}

function openRunner<B extends S, S extends BatchShape>(
  objective: WideObjective<B, S>,
  state: TrainingState,
  trains: Trains,
  plan: PretrainPlan<B>,
  options: CompileOptions,
): Runner<B> {
  if (runsInChunks(options)) {
    const stage = openChunkedStage(objective, state, trains, plan, options);
    return {
      run: (steps, done) => stage.runAll(steps, (_step, result) => done(result)),
      settle: async () => undefined,
      close: () => stage.close(),
    };
  }
  const stage = openStage(objective, state, trains, options);
  return {
    async run(steps, done) {
      for (const { batches, random, learningRate } of steps) {
        const result = await stage.run(batches, random);
        if (Number.isFinite(result.loss + result.gradientNorm))
          await stage.update(learningRate, result.gradientNorm, plan.adamw);
        done(result);
      }
    },
    settle: () => stage.settle(),
    close: () => stage.close(),
  };
}

/**
 * Trains in place, from where `progress` left off; `state` must be what it was then.
 * @returns the progress; fewer than `totalSteps` losses when it was stopped
 * @throws DataError when a loss or gradient is not a number; the parameters are those before that step
 */
export async function trainOnText<B extends S, S extends BatchShape>(
  objective: WideObjective<B, S>,
  trains: Trains,
  state: TrainingState,
  plan: PretrainPlan<B>,
  options: CompileOptions,
  hooks: PretrainHooks = {},
  progress: PretrainProgress = { losses: [], heldOut: [], seconds: 0 },
): Promise<PretrainProgress> {
  const { totalSteps, evalSteps, savesAt } = plan;
  const runner = openRunner(objective, state, trains, plan, options);
  const { losses, heldOut } = progress;
  const planned = (step: number): PlannedStep<B> => ({
    batches: plan.batchesOf(step),
    learningRate: plan.learningRate * learningRateFactor(plan.learningRateSchedule, step, totalSteps),
    random: { seed: plan.seed, stream: STREAM.dropout, step },
  });
  const due = (done: number): boolean => done === totalSteps || done % evalSteps === 0 || savesAt(done);
  /** One step, or in chunks those up to where something is due. */
  const span = (): PlannedStep<B>[] => {
    const steps = [planned(losses.length)];
    while (runsInChunks(options) && steps.length < MOST_STEPS && !due(losses.length + steps.length))
      steps.push(planned(losses.length + steps.length));
    return steps;
  };
  try {
    while (losses.length < totalSteps) {
      const start = performance.now();
      const steps = span();
      const first = losses.length;
      await runner.run(steps, ({ loss, gradientNorm }) => {
        const step = losses.length;
        const { learningRate } = steps[step - first] as PlannedStep<B>;
        checkFinite({ step, loss, gradientNorm, learningRate }, losses.at(-1));
        losses.push(loss);
        hooks.onStep?.(step, loss, gradientNorm);
      });
      progress.seconds += (performance.now() - start) / 1000;
      const done = losses.length === totalSteps;
      const stopped = hooks.stopped?.() ?? false;
      const evaluates = done || losses.length % evalSteps === 0;
      const saves = done || stopped || savesAt(losses.length);
      if (evaluates || saves) await runner.settle();
      if (evaluates) {
        const evaluation = await plan.evaluate();
        heldOut.push({ step: losses.length, ...evaluation });
        hooks.onEvaluated?.(losses.length, evaluation);
      }
      if (saves) await hooks.onSnapshot?.(progress);
      if (stopped) break;
    }
  } finally {
    await runner.close();
  }
  return progress;
}
