/**
 * One stage of a run: a fixed set of trained parameters, so one backward graph per batch shape. Only trained parameters are asked
 * for gradients; tfjs's tape leaves out everything below the lowest of them, which is Progtuning's saving.
 */
import { type Compiled, type CompileOptions, compile } from '../engine/compile.js';
import { span } from '../engine/profile.js';
import type { ParameterSpec, Trains } from '../models/parameters.js';
import { adamw } from './adamw.js';
import { type BatchShape, parameterInputs } from './model.js';
import type { Objective } from './objective.js';
import { programCache } from './program-cache.js';
import { openResidentStage } from './resident-stage.js';
import type { TrainedTensor, TrainingState } from './state.js';
import { gradientName, type Stage, stepFunction, sumName } from './step.js';

/** Forward and backward of one batch shape as a program; `shape` gives sizes only. */
export const compileStep = <B extends BatchShape>(
  objective: Objective<B>,
  shape: B,
  trained: readonly ParameterSpec[],
  options: CompileOptions,
  accumulate = false,
): Promise<Compiled> => {
  const sums = trained.map(({ name, shape }) => [sumName(name), { shape }] as const);
  return compile(
    {
      ...parameterInputs(objective.specs),
      ...objective.inputs(shape),
      ...(accumulate ? Object.fromEntries(sums) : {}),
    },
    stepFunction(objective, shape, trained, accumulate),
    options,
  );
};

export function openStage<B extends BatchShape>(
  objective: Objective<B>,
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
  const single = programCache((shape: B) => compileStep(objective, shape, specs, options));
  const accumulating = programCache((shape: B) => compileStep(objective, shape, specs, options, true));
  return {
    trained,
    async run(batches, random) {
      const several = batches.length > 1;
      const total = batches.reduce((sum, batch) => sum + objective.size(batch), 0);
      if (several) for (const { arrays } of trained) arrays.g.fill(0);
      let loss = 0;
      let squares = new Float32Array();
      for (const [index, batch] of batches.entries()) {
        const program = await (several ? accumulating : single).get(batch);
        // Sums are read and written in place: each is the last reader of its input.
        const feeds = { ...parameters, ...(several ? sums : {}), ...objective.feeds(batch, total) };
        const key = { ...random, step: random.step * batches.length + index };
        const outputs = await program.run(feeds, { into, random: key });
        loss += outputs.loss?.[0] as number;
        squares = outputs.squaredNorms as Float32Array<ArrayBuffer>;
      }
      return { loss, gradientNorm: Math.sqrt(squares.reduce((sum, square) => sum + square, 0)) };
    },
    update: async (learningRate, gradientNorm, adamwOptions) =>
      span(options.profile, 'AdamW', () => adamw(trained, learningRate, gradientNorm, adamwOptions)),
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
