/**
 * A stage whose steps run in chunks, each one run of the device: forward, backward, clipping and AdamW in a `Loop`, so that parameters and
 * moments travel once a chunk instead of once a step. For a device that onnxruntime-node cannot leave tensors on (cuda).
 */
import type { CompileOptions, MaskKey, Randomness, TensorSpecs } from '../engine/compile.js';
import { type CompiledLoop, compileLoop } from '../engine/compile-loop.js';
import type { Array1D, Feeds } from '../engine/session.js';
import * as tf from '../engine/tfjs.js';
import type { Trains } from '../models/parameters.js';
import type { RandomKey } from '../random.js';
import { type AdamWOptions, adamwFactors } from './adamw.js';
import { groupsOf } from './groups.js';
import { type BatchShape, parameterInputs, type Tensors } from './model.js';
import type { WideObjective } from './objective.js';
import { programCache } from './program-cache.js';
import {
  type AdamWScalars,
  changedNames,
  factorName,
  joinedMoments,
  joinedTensors,
  joinsOf,
  momentInputs,
  nextName,
  steppedJoin,
  takeMoments,
} from './resident-adamw.js';
import type { TrainedTensor, TrainingState } from './state.js';
import { gradientName, type StepResult, stepFunction, sumName } from './step.js';

/** A step before it is run. */
export interface PlannedStep<B> {
  /** One, or several whose gradients add up. */
  readonly batches: readonly B[];
  readonly learningRate: number;
  readonly random: RandomKey;
}

export interface ChunkedStage<B> {
  /**
   * Forward, backward and AdamW of all steps, in chunks; between chunks the state's arrays hold what was trained. A step whose loss or
   * gradient norm is not finite changes nothing, and none comes after it.
   * @param done told of every step, in order, after its chunk
   */
  runAll<S extends PlannedStep<B>>(
    steps: Iterable<S>,
    done: (step: S, result: StepResult) => void,
  ): Promise<void>;
  readonly compileMilliseconds: number;
  close(): Promise<void>;
}

/** Whether steps of this objective on this device run in chunks. */
export const runsInChunks = ({ device, chunked }: CompileOptions): boolean => chunked ?? device === 'cuda';

/** Most steps of a chunk, and most bytes of its batches and dropout masks. */
const MOST_STEPS = 64;
const MOST_BYTES = 2 ** 28;

/** Below float32's largest number: what is greater, or no number, is not finite. */
const LARGEST = 3.4e38;

/** 1 in the first batch of a step, and in its last, else 0. */
const [FIRST, LAST] = ['first', 'last'];
const FACTORS = ['decay', 'stepSize', 'correction'] as const;

const stacks = (rows: readonly Array1D[], capacity: number): Array1D => {
  const [first = new Float32Array()] = rows;
  const size = capacity * first.length;
  const stacked = first instanceof Int32Array ? new Int32Array(size) : new Float32Array(size);
  rows.forEach((row, i) => {
    stacked.set(row, i * first.length);
  });
  return stacked;
};

export interface ChunkPlan {
  readonly adamw: AdamWOptions;
  /** Most batches of a step. */
  readonly gradientAccumulationSteps: number;
}

export function openChunkedStage<B extends S, S extends BatchShape>(
  objective: WideObjective<B, S>,
  state: TrainingState,
  trains: Trains,
  { adamw, gradientAccumulationSteps: most }: ChunkPlan,
  options: CompileOptions,
): ChunkedStage<B> {
  const accumulate = most > 1;
  const specs = objective.specs.filter(trains);
  const trained = specs.map(({ name }) => state.trained.get(name) as TrainedTensor);
  const joins = joinsOf(trained);
  const groups = new Map(joins.map(({ group, tensors }) => [group, tensors[0] as TrainedTensor]));
  const changed = changedNames(joins);
  const sums: TensorSpecs = Object.fromEntries(specs.map(({ name, shape }) => [sumName(name), { shape }]));
  const scalars = [...groups.keys()].flatMap((group) => FACTORS.map((factor) => factorName(factor, group)));

  /** One batch; AdamW's step where it is a step's last and all is finite, else everything stays as it is to the last bit. */
  const step =
    (shape: S) =>
    (inputs: Tensors, random: Randomness): Tensors => {
      const of = (name: string) => inputs[name] as tf.Tensor;
      const later = accumulate ? tf.sub(1, of(FIRST)) : undefined;
      const before = later
        ? Object.fromEntries(Object.keys(sums).map((name) => [name, tf.mul(of(name), later)]))
        : {};
      const forward = stepFunction(objective, shape, specs, accumulate);
      const { loss, squaredNorms, ...gradients } = forward({ ...inputs, ...before }, random);
      const norm = tf.sqrt(tf.sum(squaredNorms as tf.Tensor));
      const finite = tf.less(tf.add(tf.abs(loss as tf.Tensor), norm), LARGEST);
      const steps = accumulate ? tf.logicalAnd(finite, tf.greater(of(LAST), 0.5)) : finite;
      const where = (value: tf.Tensor | number, otherwise: number): tf.Tensor =>
        tf.where(steps, typeof value === 'number' ? tf.scalar(value) : value, tf.scalar(otherwise));
      const { betas, epsilon, maxGradientNorm } = adamw;
      const clip =
        maxGradientNorm > 0 ? tf.minimum(1, tf.div(maxGradientNorm, tf.add(norm, 1e-6))) : tf.scalar(1);
      const keep = [where(betas[0], 1), where(betas[1], 1)] as const;
      const take = [where(1 - betas[0], 0), where(1 - betas[1], 0)] as const;
      const changes = joins.flatMap((join) => {
        const factor = (name: (typeof FACTORS)[number]) => of(factorName(name, join.group));
        const all: AdamWScalars = {
          ...{
            decay: where(factor('decay'), 1),
            stepSize: where(factor('stepSize'), 0),
            keep,
            take,
            epsilon,
          },
          correction: factor('correction'),
        };
        const clipped = tf.mul(joinedTensors(join, gradients as Tensors, gradientName), clip);
        // What is not a number stays so when it is multiplied by 0.
        const gradient = tf.where(steps, clipped, tf.zerosLike(clipped));
        return steppedJoin(join, inputs, gradient, all);
      });
      return {
        ...{ loss: loss as tf.Tensor, norm, finite },
        ...(accumulate ? gradients : {}),
        ...Object.fromEntries(changes.map(([name, tensor]) => [nextName(name), tensor])),
      };
    };

  const programs = programCache((shape: S): Promise<CompiledLoop> => {
    const batch = objective.inputs(shape);
    const each = [...scalars, ...(accumulate ? [FIRST, LAST] : [])] as string[];
    return compileLoop(
      {
        inputs: {
          ...{ ...parameterInputs(objective.specs), ...momentInputs(joins), ...batch },
          ...Object.fromEntries(each.map((name) => [name, { shape: [] }])),
          ...(accumulate ? sums : {}),
        },
        fn: step(shape),
        carried: new Map([
          ...changed.map((name) => [name, nextName(name)] as const),
          ...(accumulate ? specs.map(({ name }) => [sumName(name), gradientName(name)] as const) : []),
        ]),
        sums: new Set(accumulate ? Object.keys(sums) : []),
        stacked: new Set([...Object.keys(batch), ...each]),
        collected: ['loss', 'norm'],
        continues: 'finite',
      },
      { bytes: MOST_BYTES, least: most, most: MOST_STEPS * most },
      options,
    );
  });

  /** @returns the steps that were done, and the one that was not finite */
  async function runChunk(
    program: CompiledLoop,
    steps: readonly PlannedStep<B>[],
    shape: BatchShape,
  ): Promise<StepResult[]> {
    const { capacity } = program;
    const rows: Feeds[] = [];
    const keys: MaskKey[] = [];
    for (const [k, { batches, learningRate, random }] of steps.entries()) {
      const total = batches.reduce((sum, batch) => sum + objective.size(batch), 0);
      const factors: Record<string, Float32Array> = {};
      for (const [group, tensor] of groups) {
        // The graph knows the gradient's norm, and clips.
        const of = adamwFactors({ ...tensor, steps: tensor.steps + k }, learningRate, 0, adamw);
        for (const factor of FACTORS) factors[factorName(factor, group)] = Float32Array.of(of[factor]);
      }
      for (const [i, batch] of batches.entries()) {
        const wide = objective.widened(batch, shape);
        const place = {
          [FIRST as string]: Float32Array.of(Number(i === 0)),
          [LAST as string]: Float32Array.of(Number(i === batches.length - 1)),
        };
        rows.push({ ...factors, ...place, ...objective.feeds(wide, total) });
        keys.push({ ...random, placement: objective.placement(wide) });
      }
    }
    const stacked = Object.fromEntries(
      Object.keys(rows[0] as Feeds).map((name) => [
        name,
        stacks(
          rows.map((row) => row[name] as Array1D),
          capacity,
        ),
      ]),
    );
    const values = Object.fromEntries(state.parameters);
    const moments = joinedMoments(joins);
    const into = Object.fromEntries([
      ...trained.map(({ spec, arrays }) => [nextName(spec.name), arrays.p] as const),
      ...Object.entries(moments).map(([name, array]) => [nextName(name), array] as const),
    ]);
    const { loss, norm } = await program.run({ ...values, ...moments, ...stacked }, keys, into);
    takeMoments(joins, moments);
    const results: StepResult[] = [];
    let at = 0;
    for (const { batches } of steps) {
      const end = at + batches.length;
      const losses = loss?.subarray(at, end) as Float32Array;
      const norms = norm?.subarray(at, end) as Float32Array;
      at = end;
      const wrong = losses.findIndex((value, i) => !Number.isFinite(value + (norms[i] as number)));
      const done = losses.subarray(0, wrong < 0 ? undefined : wrong + 1);
      results.push({
        loss: done.reduce((sum, value) => sum + value, 0),
        gradientNorm: norms[done.length - 1] as number,
      });
      if (wrong >= 0) break;
      for (const tensor of trained) tensor.steps += 1;
    }
    return results;
  }

  return {
    async runAll<P extends PlannedStep<B>>(
      steps: Iterable<P>,
      done: (step: P, result: StepResult) => void,
    ): Promise<void> {
      for (const window of groupsOf(steps, MOST_STEPS)) {
        const batches = window.flatMap((step) => step.batches);
        const shape = {
          rows: Math.max(...batches.map(({ rows }) => rows)),
          length: Math.max(...batches.map(({ length }) => length)),
          ...(batches[0]?.targetLength === undefined
            ? {}
            : { targetLength: Math.max(...batches.map(({ targetLength = 0 }) => targetLength)) }),
        };
        const program = await programs.get({ ...(batches[0] as B), ...shape });
        for (const chunk of groupsOf(window, Math.max(1, Math.floor(program.capacity / most)))) {
          const results = await runChunk(program, chunk, shape);
          for (const [i, result] of results.entries()) done(chunk[i] as P, result);
        }
      }
    },
    get compileMilliseconds() {
      return programs.compileMilliseconds;
    },
    close: () => programs.close(),
  };
}
