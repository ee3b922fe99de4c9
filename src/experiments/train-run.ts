/** The middle of a run: trains from where it stands, evaluates and saves on the way, and evaluates what it leaves. */
import { DataError } from '../errors.js';
import type { Checkpoint } from '../models/checkpoint.js';
import { predictFeatures } from '../training/evaluate.js';
import { type FitHooks, type FitProgress, fit } from '../training/fit.js';
import type { FitPlan } from '../training/fit-plan.js';
import type { Model } from '../training/model.js';
import { saveSnapshot } from '../training/resume.js';
import { type Selected, selected } from '../training/selection.js';
import type { TrainingState } from '../training/state.js';
import type { RunIdentity } from './identity.js';
import { keepCheckpoint } from './resumable.js';
import type { RunOptions } from './run.js';
import { type RunEvent, stageRecord } from './run-events.js';
import type { RunSpec } from './run-spec.js';
import type { Evaluation, Infer, PreparedEvaluation, RunTask } from './run-task.js';
import { validation } from './validation.js';

export interface TrainingJob {
  readonly spec: RunSpec;
  readonly identity: RunIdentity;
  readonly checkpoint: Checkpoint;
  readonly task: RunTask;
  readonly model: Model;
  readonly state: TrainingState;
  readonly plan: FitPlan;
  readonly prepared: PreparedEvaluation;
  /** Where snapshots go, if anywhere. */
  readonly snapshots: string | undefined;
  /** Of the interrupted run that goes on; `state` is what it was then. */
  readonly former: FitProgress | undefined;
}

export interface Trained {
  readonly progress: FitProgress;
  /** Whose weights `state` holds now, where evaluations chose them. */
  readonly best: Selected['best'];
  readonly evaluation: Evaluation;
  readonly infer: Infer;
}

/** @param options with what is told of every event */
export async function trainAndEvaluate(
  job: TrainingJob,
  options: RunOptions & { readonly onEvent: (event: RunEvent) => void },
): Promise<Trained> {
  const { spec, model, state, plan, prepared, former } = job;
  const { onEvent } = options;
  const infer: Infer = (split, features) =>
    predictFeatures(model, state.parameters, features, { ...options, maxLength: spec.maxLength }, (done) =>
      onEvent({ kind: 'evaluating', split, done, total: features.length }),
    );
  const checks = validation(model.head, prepared, infer);
  if (former) {
    const examples = former.steps.reduce((sum, step) => sum + step.examples, 0);
    const [steps, epochs] = [former.steps.length, Math.floor(former.steps.length / plan.stepsPerEpoch)];
    onEvent({ kind: 'resumed', epochs, steps, examples });
  }
  const hooks: FitHooks = {
    onStage: (planned) => onEvent({ kind: 'stage', record: stageRecord(planned, model.specs) }),
    onStep: (record) => onEvent({ kind: 'step', record }),
    evaluate: checks.evaluate,
    onEvaluated(record, now) {
      const { best, stops = false, waited = 0 } = now ?? {};
      if (best?.step === record.step) checks.keepAsBest();
      onEvent({ kind: 'evaluated', record, ...(best ? { best } : {}) });
      if (stops && record.step < plan.totalSteps) onEvent({ kind: 'stopped', steps: record.step, waited });
    },
    async onSave(progress) {
      await save(job, options, progress);
      const steps = progress.steps.length;
      if (options.signal?.aborted && steps < plan.totalSteps)
        throw new DataError(`stopped after step ${steps} of ${plan.totalSteps}, as it was told to`);
    },
  };
  const progress = await fit(model, state, plan, options, hooks, former);
  const { selection } = plan;
  const best = selection?.loadBest ? selected(progress.evaluations, selection).best : undefined;
  const isLast = progress.evaluations.at(-1)?.step === progress.steps.length;
  const kept = checks.inferKept(best ? 'best' : isLast ? 'last' : undefined);
  return { progress, best, evaluation: await prepared.evaluate(kept), infer };
}

/** A snapshot, and a model of its own where such are kept. */
async function save(
  { snapshots, spec, identity, checkpoint, task, state, plan: { selection } }: TrainingJob,
  { save, saveTotalLimit, onEvent }: RunOptions,
  progress: FitProgress,
): Promise<void> {
  if (snapshots === undefined) return;
  const steps = progress.steps.length;
  await saveSnapshot(snapshots, identity, steps, state, progress);
  onEvent?.({ kind: 'saved', what: 'snapshot', folder: snapshots, steps });
  if (save === undefined || saveTotalLimit === undefined) return;
  const best = selection && selected(progress.evaluations, selection).best?.step;
  const result = { checkpoint, parameters: state.parameters, task };
  const folder = await keepCheckpoint(save, saveTotalLimit, spec, { steps, best }, result);
  onEvent?.({ kind: 'saved', what: 'checkpoint', folder, steps });
}
