/**
 * One stage of a run: a fixed set of trained parameters, so one backward graph. Only trained parameters are asked
 * for gradients; tfjs's tape leaves out everything below the lowest of them, which is Progtuning's saving.
 */
import {
  type Compiled,
  type CompiledFree,
  type CompileOptions,
  compile,
  compileFree,
  type RunOptions,
  type SizedFunction,
} from '../engine/compile.js';
import { span } from '../engine/profile.js';
import type { Array1D, Feeds } from '../engine/session.js';
import type { ParameterSpec, Trains } from '../models/parameters.js';
import { takeStep } from './adafactor.js';
import { type BatchShape, parameterInputs } from './model.js';
import type { Objective } from './objective.js';
import { programCache } from './program-cache.js';
import { openResidentStage } from './resident-stage.js';
import type { TrainedTensor, TrainingState } from './state.js';
import { gradientName, type Stage, stepFunction, sumName } from './step.js';

/** Inputs and function of a step at one batch shape. */
function stepAt<B extends S, S extends BatchShape>(
  objective: Objective<B, S>,
  shape: S,
  trained: readonly ParameterSpec[],
  accumulate: boolean,
): SizedFunction {
  const sums = trained.map(({ name, shape }) => [sumName(name), { shape }] as const);
  const inputs = {
    ...parameterInputs(objective.specs),
    ...objective.inputs(shape),
    ...(accumulate ? Object.fromEntries(sums) : {}),
  };
  return { inputs, fn: stepFunction(objective, shape, trained, accumulate) };
}

/** Forward and backward of one batch shape as a program; `shape` gives sizes only. */
export function compileStep<B extends S, S extends BatchShape>(
  objective: Objective<B, S>,
  shape: S,
  trained: readonly ParameterSpec[],
  options: CompileOptions,
  accumulate = false,
): Promise<Compiled> {
  const { inputs, fn } = stepAt(objective, shape, trained, accumulate);
  return compile(inputs, fn, options);
}

/** Steps of batches, whatever their shape. */
interface StepPrograms<B> {
  run(batch: B, feeds: Feeds, options: RunOptions): Promise<Readonly<Record<string, Array1D>>>;
  readonly compileMilliseconds: number;
  close(): Promise<void>;
}

/** One program for all batches where the objective allows it, else one for each shape. */
function stepPrograms<B extends S, S extends BatchShape>(
  objective: Objective<B, S>,
  trained: readonly ParameterSpec[],
  options: CompileOptions,
  accumulate: boolean,
): StepPrograms<B> {
  if (!objective.anySize) {
    const programs = programCache((shape: B) => compileStep(objective, shape, trained, options, accumulate));
    return {
      run: async (batch, feeds, runOptions) => (await programs.get(batch)).run(feeds, runOptions),
      get compileMilliseconds() {
        return programs.compileMilliseconds;
      },
      close: () => programs.close(),
    };
  }
  let program: Promise<CompiledFree> | undefined;
  let milliseconds = 0;
  return {
    async run(batch, feeds, runOptions) {
      const start = performance.now();
      program ??= compileFree(
        (size) => stepAt(objective, { ...(batch as S), ...size }, trained, accumulate),
        options,
      ).finally(() => {
        milliseconds = performance.now() - start;
      });
      return (await program).run(batch, feeds, runOptions);
    },
    get compileMilliseconds() {
      return milliseconds;
    },
    close: async () => (await program)?.close(),
  };
}

export function openStage<B extends S, S extends BatchShape>(
  objective: Objective<B, S>,
  state: TrainingState,
  trains: Trains,
  options: CompileOptions,
): Stage<B> {
  const specs = objective.specs.filter(trains);
  const trained = specs.map(({ name }) => state.trained.get(name) as TrainedTensor);
  if (options.device === 'webgpu') return openResidentStage(objective, state, trained, options);
  const into = Object.fromEntries(trained.map(({ spec, arrays }) => [gradientName(spec.name), arrays.g]));
  const sums = Object.fromEntries(trained.map(({ spec, arrays }) => [sumName(spec.name), arrays.g]));
  const parameters = Object.fromEntries(state.parameters);
  const single = stepPrograms(objective, specs, options, false);
  const accumulating = stepPrograms(objective, specs, options, true);
  return {
    trained,
    async run(batches, random) {
      const several = batches.length > 1;
      const total = batches.reduce((sum, batch) => sum + objective.size(batch), 0);
      if (several) for (const { arrays } of trained) arrays.g.fill(0);
      let loss = 0;
      let squares = new Float32Array();
      for (const batch of batches) {
        // Sums are read and written in place: each is the last reader of its input.
        const feeds = { ...parameters, ...(several ? sums : {}), ...objective.feeds(batch, total) };
        const key = { ...random, placement: objective.placement(batch) };
        const outputs = await (several ? accumulating : single).run(batch, feeds, { into, random: key });
        loss += outputs.loss?.[0] as number;
        squares = outputs.squaredNorms as Float32Array<ArrayBuffer>;
      }
      const gradientNorm = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
      return { loss, gradientNorm, squaredNorms: squares };
    },
    update: async (learningRate, gradientNorm, optimiser) =>
      span(options.profile, 'AdamW', () => takeStep(trained, learningRate, gradientNorm, optimiser)),
    settle: async () => undefined,
    get compileMilliseconds() {
      return single.compileMilliseconds + accumulating.compileMilliseconds;
    },
    async close() {
      await single.close();
      await accumulating.close();
    },
  };
}
