/**
 * The training loop: epochs of batches, one {@link Stage} per set of trained parameters, AdamW after every step, and between two steps
 * evaluations and snapshots. It knows no task and no PEFT method: what trains comes in as a predicate per stage.
 */

import type { Batch } from '../datasets/batch.js';
import type { CompileOptions } from '../engine/compile.js';
import { countParameters } from '../models/parameters.js';
import { STREAM } from '../random.js';
import * as z from '../schema.js';
import { type PlannedStep, runsInChunks } from './chunked-stage.js';
import { checkFinite } from './finite.js';
import { type FitPlan, type PlannedStage, stageAt } from './fit-plan.js';
import { addNorms, endStage, frozenSchema, nothingFrozen, stageNow } from './freezing.js';
import { groupsOf } from './groups.js';
import { stagedRateFactor } from './learning-rate.js';
import type { Model } from './model.js';
import { openStages } from './open-stages.js';
import { recentPeakBytes, restartPeak } from './peak-memory.js';
import { type EvaluationRecord, evaluationSchema, type Selected, selected } from './selection.js';
import type { TrainingState } from './state.js';
import type { StepResult } from './step.js';

const stepSchema = z.object({
  /** 0-based over the whole run. */
  step: z.number(),
  epoch: z.number(),
  stage: z.number(),
  examples: z.number(),
  loss: z.number(),
  learningRate: z.number(),
  gradientNorm: z.number(),
});

export const fitProgressSchema = z.object({
  steps: z.array(stepSchema),
  /** Of each epoch, the one in hand included; without its evaluations. */
  secondsPerEpoch: z.array(z.number()),
  /** Peak resident memory while each epoch trained, in bytes. */
  peakBytesPerEpoch: z.array(z.number()),
  /** Scalars updated in each epoch; where a stage begins within it, the mean over its steps. */
  updatedParameters: z.array(z.number()),
  evaluations: z.array(evaluationSchema).default([]),
  /** Where blocks freeze for what is measured. */
  frozen: frozenSchema.optional(),
});

/**
 * One step: loss (nats for classes and spans, squared error for scores), learning rate, norm of the gradient before clipping.
 *
 * @interface
 */
export type StepRecord = Readonly<z.infer<typeof stepSchema>>;

/**
 * What a run has done so far.
 *
 * @interface
 */
export type FitProgress = z.infer<typeof fitProgressSchema>;

/** Called while a run lasts. */
export interface FitHooks {
  /** Called before the first step of a stage, and of the stage that a resumed run goes on in. */
  readonly onStage?: (stage: PlannedStage) => void;
  /** Called after each step. */
  readonly onStep?: (record: StepRecord) => void;
  /** Evaluates the state as it is; wanted where the plan evaluates. */
  readonly evaluate?: (steps: number) => Promise<Omit<EvaluationRecord, 'step' | 'epoch'>>;
  /** Called after each evaluation. @param now where the run stands with it; undefined where evaluations decide nothing */
  readonly onEvaluated?: (record: EvaluationRecord, now: Selected | undefined) => void;
  /** Where a run is made resumable. */
  readonly onSave?: (progress: FitProgress) => Promise<void>;
}

export const noProgress = (): FitProgress => ({
  steps: [],
  secondsPerEpoch: [],
  peakBytesPerEpoch: [],
  updatedParameters: [],
  evaluations: [],
});

/** Time and memory of training alone, booked to the epoch that it went into. */
function bookkeeper({ secondsPerEpoch, peakBytesPerEpoch }: FitProgress) {
  let start = 0;
  return {
    start(): void {
      start = performance.now();
      restartPeak();
    },
    book(epoch: number): void {
      secondsPerEpoch[epoch] = (secondsPerEpoch[epoch] ?? 0) + (performance.now() - start) / 1000;
      peakBytesPerEpoch[epoch] = Math.max(peakBytesPerEpoch[epoch] ?? 0, recentPeakBytes());
    },
  };
}

/** Mean over the epoch's steps of what each stage updates. */
function updatedIn(epoch: number, { steps }: FitProgress, countOf: (stage: number) => number): number {
  const stages = steps.filter((step) => step.epoch === epoch).map(({ stage }) => stage);
  const counts = new Map([...new Set(stages)].map((stage) => [stage, countOf(stage)] as const));
  return Math.round(stages.reduce((sum, stage) => sum + (counts.get(stage) as number), 0) / stages.length);
}

/**
 * Trains in place: `state` holds the result, that of the best evaluation where the plan selects it.
 * @param progress of the run that is resumed; `state` must be what it was then
 * @throws DataError when a loss or gradient is not a number; the parameters are those before that step
 * @example
 * ```ts
 * import { datasets, evaluation, models, progressive, tokenizers, training } from 'progtuning';
 *
 * // The loop of `run`, by hand: a schedule of one's own takes the place of `progressive.stageTrains`.
 * const task = datasets.findTask('sst2');
 * const head = { kind: 'classification', numLabels: 2 } as const;
 * const { config, parameters, specs } = await models.loadCheckpoint('models/tiny', head, { seed: 1 });
 * const tokenizer = await tokenizers.loadTokenizer('models/tiny', config.vocabSize);
 * const { examples } = await datasets.readSplit('embedded', task, 'train', { maxExamples: 64 });
 * const features = await datasets.featuresOf(examples, tokenizer, 32);
 *
 * const schedule = { kind: 'progressive', stages: 2, embeddings: 'first-stage' } as const;
 * const stageOf = (epoch: number) => {
 *   const stage = progressive.stageOfEpoch(schedule, epoch, 2);
 *   return { stage, trains: progressive.stageTrains(schedule, stage, config) };
 * };
 * const batching = { batchSize: 16, padTokenId: config.padTokenId, maxLength: 32, shapes: 'any' } as const;
 * const model = { config, head, specs, adaptation: {} };
 * const state = training.createTrainingState(specs, parameters, () => true);
 * const progress = await training.fit(
 *   model,
 *   state,
 *   {
 *     stepsPerEpoch: 4,
 *     totalSteps: 8,
 *     stages: training.stagesOfEpochs(2, 4, stageOf),
 *     batchesOf: () => datasets.batchesOf(features, batching),
 *     gradientAccumulationSteps: 1,
 *     learningRate: 1e-3,
 *     learningRateSchedule: { kind: 'linear', warmupRatio: 0 },
 *     adamw: training.ADAMW_DEFAULTS,
 *     seed: 1,
 *   },
 *   { threads: 1 },
 * );
 * console.log(progress.steps.length); // 8
 *
 * const logits = await evaluation.predictFeatures(model, state.parameters, features, { maxLength: 32 });
 * const predicted = logits.map(([bad, good]) => (good > bad ? 1 : 0));
 * const { accuracy } = evaluation.glueMetrics(task, predicted, examples.map(({ label }) => label));
 * console.log(typeof accuracy); // number
 * ```
 */
export async function fit(
  model: Model,
  state: TrainingState,
  plan: FitPlan,
  options: CompileOptions,
  hooks: FitHooks = {},
  progress: FitProgress = noProgress(),
): Promise<FitProgress> {
  const { stepsPerEpoch, totalSteps, selection, evaluatesAt = () => false } = plan;
  const savesAt = plan.savesAt ?? ((done) => done % stepsPerEpoch === 0);
  const { freezing } = plan;
  if (freezing) progress.frozen ??= nothingFrozen(freezing.blocks);
  const stages = openStages(model, state, plan, options, progress);
  const countOf = (stage: number): number => {
    const from = plan.stages.find((planned) => planned.stage === stage)?.from ?? 0;
    return countParameters(model.specs, stageNow(plan, progress.frozen, from).trains);
  };
  const books = bookkeeper(progress);
  const stopped = (): boolean => selection !== undefined && selected(progress.evaluations, selection).stops;

  const planned = (batches: readonly Batch[], step: number): PlannedStep<Batch> => ({
    batches,
    learningRate:
      plan.learningRate *
      stagedRateFactor(
        plan.learningRateSchedule,
        plan.stageRates ?? {},
        stageAt(plan, step),
        step,
        totalSteps,
      ),
    random: { seed: plan.seed, stream: STREAM.dropout, step },
  });

  function checked(
    epoch: number,
    { batches, learningRate }: PlannedStep<Batch>,
    { loss, gradientNorm }: StepResult,
  ): StepRecord {
    const step = progress.steps.length;
    const record = {
      step,
      epoch,
      stage: stageAt(plan, step).stage,
      examples: batches.reduce((sum, { count }) => sum + count, 0),
      learningRate,
      loss,
      gradientNorm,
    };
    checkFinite(record, progress.steps[step - 1]?.loss);
    return record;
  }

  function keep(record: StepRecord): void {
    progress.steps.push(record);
    hooks.onStep?.(record);
  }

  /** Steps of one stage between which nothing is due. */
  async function runSteps(epoch: number, span: readonly PlannedStep<Batch>[]): Promise<void> {
    const stage = await stages.at(progress.steps.length, hooks.onStage);
    if ('runAll' in stage) return stage.runAll(span, (step, result) => keep(checked(epoch, step, result)));
    for (const step of span) {
      const result = await stage.run(step.batches, step.random);
      const record = checked(epoch, step, result);
      await stage.update(step.learningRate, record.gradientNorm, plan.adafactor ?? plan.adamw);
      if (progress.frozen && result.squaredNorms)
        addNorms(progress.frozen, stage.trained, result.squaredNorms);
      keep(record);
    }
  }

  async function evaluate(done: number): Promise<void> {
    if (!hooks.evaluate) throw new Error('internal: a plan that evaluates wants a hook that does');
    const record = { step: done, epoch: done / stepsPerEpoch, ...(await hooks.evaluate(done)) };
    progress.evaluations.push(record);
    const now = selection && selected(progress.evaluations, selection);
    if (selection?.loadBest && now?.best?.step === done) state.keepBest();
    hooks.onEvaluated?.(record, now);
  }

  /** Not the last: nothing trains after it. */
  const endsStage = (done: number): boolean =>
    freezing !== undefined && done < totalSteps && stageAt(plan, done - 1).to === done;
  const due = (done: number): boolean =>
    done === totalSteps ||
    evaluatesAt(done) ||
    savesAt(done) ||
    done % stepsPerEpoch === 0 ||
    endsStage(done);

  /** What is due between two steps. */
  async function pause(epoch: number): Promise<void> {
    const done = progress.steps.length;
    if (!due(done)) return;
    const evaluates = evaluatesAt(done);
    const last = done === totalSteps;
    await stages.settle();
    if (freezing && progress.frozen && endsStage(done)) await endStage(freezing, state, progress.frozen);
    books.book(epoch);
    if (evaluates) await evaluate(done);
    progress.updatedParameters[epoch] = updatedIn(epoch, progress, countOf);
    if (last || savesAt(done) || stopped()) await hooks.onSave?.(progress);
    books.start();
  }

  async function runEpoch(epoch: number): Promise<void> {
    let skipped = progress.steps.length - epoch * stepsPerEpoch;
    books.start();
    let span: PlannedStep<Batch>[] = [];
    for (const batches of groupsOf(plan.batchesOf(epoch), plan.gradientAccumulationSteps)) {
      if (skipped-- > 0) continue;
      const step = progress.steps.length + span.length;
      span.push(planned(batches, step));
      if (runsInChunks(options) && !due(step + 1) && step + 1 < stageAt(plan, step).to) continue;
      await runSteps(epoch, span);
      span = [];
      await pause(epoch);
      if (progress.steps.length === totalSteps || stopped()) break;
    }
  }

  try {
    while (progress.steps.length < totalSteps && !stopped())
      await runEpoch(Math.floor(progress.steps.length / stepsPerEpoch));
  } finally {
    await stages.close();
  }
  if (selection?.loadBest) state.restoreBest();
  return progress;
}
