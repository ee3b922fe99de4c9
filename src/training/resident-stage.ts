/**
 * A stage on a device that can keep tensors (webgpu): parameters, gradients and moments stay there from step to step. Only batches and
 * dropout masks go in, only the loss and the squared norms come out; AdamW is a program of its own, one for the stage.
 */

import { type CompileOptions, compileResident, type TensorSpecs } from '../engine/compile.js';
import type { Array1D, Resident } from '../engine/session.js';
import * as tf from '../engine/tfjs.js';
import type { ParameterSpec } from '../models/parameters.js';
import { isAdafactor } from './adafactor.js';
import { type BatchShape, parameterInputs, type Tensors } from './model.js';
import type { Objective } from './objective.js';
import { programCache } from './program-cache.js';
import {
  changedNames,
  compileUpdate,
  joinedMoments,
  joinsOf,
  momentInputs,
  nextName,
  type ResidentUpdate,
  takeMoments,
} from './resident-adamw.js';
import type { TrainedTensor, TrainingState } from './state.js';
import { gradientName, type Stage, stepFunction, sumName } from './step.js';

type Values = Record<string, Array1D | Resident>;
type Residents = Record<string, Resident>;

const copyName = (name: string): string => `copy of ${name}`;
const copies = (tensors: Tensors): Tensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [copyName(name), tf.clone(tensor)]));

/** Copies arrays to the device, or residents to arrays. */
async function copy(
  specs: TensorSpecs,
  feeds: Readonly<Values>,
  to: 'device' | 'arrays',
  options: CompileOptions,
): Promise<Values> {
  const program = await compileResident(specs, copies, () => to === 'device', options);
  try {
    const outputs = await program.run(feeds);
    return Object.fromEntries(Object.keys(specs).map((name) => [name, outputs[copyName(name)] as Resident]));
  } finally {
    await program.close();
  }
}

const free = (residents: Residents): void => {
  for (const resident of Object.values(residents)) resident.dispose();
};

/** As {@link openStage} of `stage.ts`, whose interface it has; `arrays.g` is not written. */
export function openResidentStage<B extends S, S extends BatchShape>(
  objective: Objective<B, S>,
  state: TrainingState,
  trained: readonly TrainedTensor[],
  options: CompileOptions,
): Stage<B> {
  const specs: readonly ParameterSpec[] = trained.map(({ spec }) => spec);
  const inputs = parameterInputs(objective.specs);
  const shapes = (part: (name: string) => string): TensorSpecs =>
    Object.fromEntries(specs.map(({ name, shape }) => [part(name), { shape }]));
  const joins = joinsOf(trained);
  const moments = momentInputs(joins);
  const changed = changedNames(joins);
  const step = (accumulate: boolean) =>
    programCache((shape: B) =>
      compileResident(
        { ...inputs, ...objective.inputs(shape), ...(accumulate ? shapes(sumName) : {}) },
        stepFunction(objective, shape, specs, accumulate),
        (output) => output !== 'loss' && output !== 'squaredNorms',
        options,
      ),
    );
  const [first, later] = [step(false), step(true)];
  /** Every parameter, and the moments of those that train, joined. */
  let held: Residents | undefined;
  let gradients: Residents = {};
  let update: ResidentUpdate | undefined;

  async function place(): Promise<Residents> {
    const values = { ...Object.fromEntries(state.parameters), ...joinedMoments(joins) };
    return (await copy({ ...inputs, ...moments }, values, 'device', options)) as Residents;
  }

  return {
    trained,
    async run(batches, random) {
      held ??= await place();
      const total = batches.reduce((sum, batch) => sum + objective.size(batch), 0);
      let loss = 0;
      let squares: Array1D = new Float32Array();
      for (const [index, batch] of batches.entries()) {
        const program = await (index === 0 ? first : later).get(batch);
        const sums = specs.map(({ name }) => [sumName(name), gradients[gradientName(name)]] as const);
        const feeds = {
          ...held,
          ...(index === 0 ? {} : (Object.fromEntries(sums) as Residents)),
          ...objective.feeds(batch, total),
        };
        const key = { ...random, placement: objective.placement(batch) };
        const { loss: part, squaredNorms, ...rest } = await program.run(feeds, key);
        free(gradients);
        gradients = rest as Residents;
        loss += (part as Float32Array)[0] as number;
        squares = squaredNorms as Float32Array;
      }
      const gradientNorm = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
      return { loss, gradientNorm, squaredNorms: squares };
    },
    async update(learningRate, gradientNorm, adamw) {
      if (isAdafactor(adamw)) throw new Error('internal: a resident stage has no Adafactor');
      if (!held) throw new Error('internal: an update before the first step');
      update ??= await compileUpdate(joins, adamw, options);
      const factors = update.factors(learningRate, gradientNorm);
      const next = await update.program.run({ ...held, ...gradients, ...factors });
      free(gradients);
      gradients = {};
      for (const name of changed) {
        held[name]?.dispose();
        held[name] = next[nextName(name)] as Resident;
      }
    },
    async settle() {
      if (!held) return;
      const back = await copy({ ...shapes((name) => name), ...moments }, held, 'arrays', options);
      for (const { spec, arrays } of trained) arrays.p.set(back[spec.name] as Float32Array);
      takeMoments(joins, back);
    },
    get compileMilliseconds() {
      return first.compileMilliseconds + later.compileMilliseconds;
    },
    async close() {
      free({ ...held, ...gradients });
      held = undefined;
      gradients = {};
      for (const cache of [first, later]) await cache.close();
      await update?.program.close();
    },
  };
}
