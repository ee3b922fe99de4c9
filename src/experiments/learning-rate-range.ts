/**
 * The learning-rate range test (Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3): a short training whose rate
 * rises step by step, exponentially as in fastai; where the loss falls fastest is a good peak rate.
 */
import { resolveModel } from '../datasets/source.js';
import type { CompileOptions } from '../engine/compile.js';
import { DataError } from '../errors.js';
import { STREAM } from '../random.js';
import { loadTokenizer } from '../tokenizers/tokenizer.js';
import type { PlannedStage } from '../training/fit-plan.js';
import type { Model } from '../training/model.js';
import { taskObjective } from '../training/objective.js';
import { openStage } from '../training/stage.js';
import { createTrainingState } from '../training/state.js';
import { adaptedModel, centreRegression } from './adapted-model.js';
import { contributionsOf } from './contributions.js';
import { fitPlan, rateFactor } from './fit-plan.js';
import { checkLength, type RunOptions, runTask, startingPoint } from './run.js';
import type { RunSpec } from './run-spec.js';

export interface RangeOptions extends CompileOptions {
  /** Of the first and the last step. Default: 1e-6 to 0.1. */
  readonly from?: number;
  readonly to?: number;
  /** Default 100. */
  readonly steps?: number;
  readonly onEvent?: RunOptions['onEvent'];
  readonly onStep?: (done: number, steps: number) => void;
}

export interface RangePoint {
  readonly learningRate: number;
  /** Of one step. */
  readonly loss: number;
  /** Exponential mean of the losses so far, without its bias to 0. */
  readonly smoothed: number;
}

export interface RangeTest {
  readonly points: readonly RangePoint[];
  /** Where the smoothed loss falls fastest per decade of the rate; null where it nowhere falls. */
  readonly suggestion: number | null;
}

/** Weight of the losses before, in the exponential mean. */
const SMOOTHING = 0.9;

/** The loss has run away when it is so many times the best. */
const DIVERGED = 2;

/** Steps on either side over which a slope is measured. */
const REACH = 4;

/** Index of the steepest descent of the smoothed loss over the logarithm of the rate. */
export function steepest(points: readonly RangePoint[]): number | undefined {
  let [best, least] = [undefined as number | undefined, 0];
  for (let i = REACH; i + REACH < points.length; i++) {
    const [before, after] = [points[i - REACH] as RangePoint, points[i + REACH] as RangePoint];
    const slope = after.smoothed - before.smoothed;
    if (slope < least) [best, least] = [i, slope];
  }
  return best;
}

/**
 * Trains a copy of what the spec starts from, in the first stage of its schedule, until the loss runs away or the rates are through. Nothing is kept.
 * @throws DataError for data that does not train; UsageError
 */
export async function learningRateRange(spec: RunSpec, options: RangeOptions = {}): Promise<RangeTest> {
  const { from = 1e-6, to = 0.1, steps = 100, onStep, onEvent = () => undefined } = options;
  const task = await runTask(spec);
  const folder = await resolveModel(spec.model);
  const checkpoint = await startingPoint(spec, folder, task, (text) => onEvent({ kind: 'warning', text }));
  checkLength(spec, checkpoint.config);
  const tokenizer = await loadTokenizer(folder, checkpoint.config.vocabSize);
  const { model: plain, values } = adaptedModel(checkpoint, spec);
  const model: Model = { ...plain, gradientCheckpointing: false };
  const { features } = await task.training({
    spec,
    tokenizer,
    config: checkpoint.config,
    onEvent,
    strict: false,
  });
  if (features.length === 0) throw new DataError(`${spec.data}: no row of ${spec.task} to train on`);
  centreRegression(checkpoint, values, features);
  const start = { spec, model, values, features, task };
  const contributions = await contributionsOf(start, options);
  const plan = fitPlan(spec, model, features, task, options.device, contributions);
  const { trains } = plan.stages[0] as PlannedStage;
  const state = createTrainingState(model.specs, values, trains, rateFactor(spec, model.config));
  const stage = openStage(taskObjective(model, plan.loss), state, trains, options);
  const points: RangePoint[] = [];
  let [mean, best] = [0, Number.POSITIVE_INFINITY];
  try {
    for (let epoch = 0; points.length < steps; epoch++)
      for (const batch of plan.batchesOf(epoch)) {
        const step = points.length;
        const learningRate = from * (to / from) ** (step / Math.max(1, steps - 1));
        const { loss, gradientNorm } = await stage.run([batch], {
          seed: plan.seed,
          stream: STREAM.dropout,
          step,
        });
        if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) return rangeTest(points);
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss;
        const smoothed = mean / (1 - SMOOTHING ** (step + 1));
        best = Math.min(best, smoothed);
        points.push({ learningRate, loss, smoothed });
        onStep?.(step + 1, steps);
        if (points.length === steps || smoothed > DIVERGED * best) return rangeTest(points);
        await stage.update(learningRate, gradientNorm, plan.adafactor ?? plan.adamw);
      }
    return rangeTest(points);
  } finally {
    await stage.close();
  }
}

function rangeTest(points: readonly RangePoint[]): RangeTest {
  const index = steepest(points);
  return { points, suggestion: index === undefined ? null : (points[index] as RangePoint).learningRate };
}
