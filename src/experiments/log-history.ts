/** A run as a sequence of plain objects, one for each step, evaluation and stage, by the names of `log_history` in HF's `trainer_state.json`. */
import type { FitProgress, StepRecord } from '../training/fit.js';
import type { EvaluationRecord } from '../training/selection.js';
import type { StageRecord } from './run-events.js';
import type { RunRecord } from './run-record.js';

/** `step` counts from 1, as `global_step`: steps done. */
export interface LogEntry {
  readonly epoch: number;
  readonly step: number;
  readonly [name: string]: number | readonly number[];
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));
const epochOf = (step: number, stepsPerEpoch: number): number => rounded(step / stepsPerEpoch, 4);

export const stepEntry = (
  { step, loss, gradientNorm, learningRate, stage }: StepRecord,
  stepsPerEpoch: number,
): LogEntry => ({
  epoch: epochOf(step + 1, stepsPerEpoch),
  step: step + 1,
  loss,
  grad_norm: gradientNorm,
  learning_rate: learningRate,
  stage,
});

/** HF's names: `eval_` before each metric but those of a test file. */
export const evaluatedNames = (metrics: RunRecord['metrics']): Record<string, number> =>
  Object.fromEntries(
    Object.entries(metrics).map(([name, value]) => [name.startsWith('test_') ? name : `eval_${name}`, value]),
  );

export const evaluationEntry = (
  { step, metrics, seconds, examples }: EvaluationRecord,
  stepsPerEpoch: number,
): LogEntry => ({
  epoch: epochOf(step, stepsPerEpoch),
  step,
  ...evaluatedNames(metrics),
  eval_runtime: rounded(seconds, 4),
  eval_samples_per_second: rounded(examples / seconds, 3),
});

/** Before the first step of a stage. */
export const stageEntry = (
  { stage, from, blocks, updatedParameters }: StageRecord,
  stepsPerEpoch: number,
): LogEntry => ({
  epoch: epochOf(from, stepsPerEpoch),
  step: from,
  stage,
  trained_blocks: blocks,
  updated_parameters: updatedParameters,
});

/** What the run left, and how long it took. */
export function endEntries(record: RunRecord): LogEntry[] {
  const { steps, stepsPerEpoch, seconds, metrics, best } = record;
  const done = steps.length;
  const kept = best?.step ?? done;
  const examples = steps.reduce((sum, step) => sum + step.examples, 0);
  const at = (step: number) => ({ epoch: epochOf(step, stepsPerEpoch), step });
  return [
    {
      ...at(done),
      train_loss: steps.reduce((sum, { loss }) => sum + loss, 0) / Math.max(1, done),
      train_runtime: rounded(seconds, 4),
      train_samples_per_second: rounded(examples / seconds, 3),
      train_steps_per_second: rounded(done / seconds, 3),
    },
    { ...at(kept), ...evaluatedNames(metrics) },
  ];
}

/** Everything up to now, in order. */
export function historyOf(
  { steps, evaluations }: Pick<FitProgress, 'steps' | 'evaluations'> | RunRecord,
  stages: readonly StageRecord[],
  stepsPerEpoch: number,
): LogEntry[] {
  const begun = new Map(stages.map((stage) => [stage.from, stage]));
  const evaluated = new Map(evaluations.map((evaluation) => [evaluation.step, evaluation]));
  return steps.flatMap((record) => {
    const stage = begun.get(record.step);
    const evaluation = evaluated.get(record.step + 1);
    return [
      ...(stage ? [stageEntry(stage, stepsPerEpoch)] : []),
      stepEntry(record, stepsPerEpoch),
      ...(evaluation ? [evaluationEntry(evaluation, stepsPerEpoch)] : []),
    ];
  });
}

/** `trainer_state.json` of a finished run. */
export function trainerState(record: RunRecord): Record<string, unknown> {
  const { best, spec, steps, stages, stepsPerEpoch } = record;
  return {
    best_global_step: best?.step ?? null,
    best_metric: best?.value ?? null,
    best_model_checkpoint: null,
    epoch: epochOf(steps.length, stepsPerEpoch),
    global_step: steps.length,
    max_steps: spec.maxSteps ?? spec.epochs * stepsPerEpoch,
    num_train_epochs: Math.ceil((spec.maxSteps ?? spec.epochs * stepsPerEpoch) / stepsPerEpoch),
    train_batch_size: spec.batchSize,
    logging_steps: 1,
    log_history: [...historyOf(record, stages, stepsPerEpoch), ...endEntries(record)],
  };
}
