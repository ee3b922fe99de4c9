/** AdamW as a program, for tensors that stay on a device: the numbers are those of `arena.as.ts`. */

import { type CompiledResident, type CompileOptions, compileResident } from '../engine/compile.js';
import * as tf from '../engine/tfjs.js';
import { sizeOf } from '../models/parameters.js';
import { type AdamWFactors, type AdamWOptions, adamwFactors } from './adamw.js';
import type { Tensors } from './model.js';
import type { TrainedTensor } from './state.js';
import { gradientName } from './step.js';

/** Names of a join's moments; a parameter's value has its own. */
export const meanName = (join: string): string => `m ${join}`;
export const varianceName = (join: string): string => `v ${join}`;
/** A value after the step. */
export const nextName = (name: string): string => `next ${name}`;

/** Scalars of one step, the same for all tensors of a group: those that have taken as many steps and decay alike. */
const FACTORS = ['clip', 'decay', 'stepSize', 'correction'] as const;
const groupOf = ({ steps, spec }: TrainedTensor): string => `${steps} ${spec.decay}`;
const factorName = (factor: keyof AdamWFactors, group: string): string => `${factor} ${group}`;

/** 64 MiB: half of what WebGPU lets every device bind as one buffer. */
const MOST_ELEMENTS = 2 ** 24;

/**
 * Tensors of a group that are updated as one vector: on a GPU a step of a small tensor costs what starting its kernels costs. The
 * moments stay joined from step to step.
 */
export interface Join {
  readonly name: string;
  readonly group: string;
  readonly tensors: TrainedTensor[];
  size: number;
}

/** A group keeps the name of its first step: its tensors step together as long as the stage is open. */
export function joinsOf(trained: readonly TrainedTensor[]): Join[] {
  const joins: Join[] = [];
  for (const tensor of trained) {
    const group = groupOf(tensor);
    const size = sizeOf(tensor.spec.shape);
    let join = joins.findLast((candidate) => candidate.group === group);
    if (!join || join.size + size > MOST_ELEMENTS) {
      join = { name: `join ${joins.length}`, group, tensors: [], size: 0 };
      joins.push(join);
    }
    join.tensors.push(tensor);
    join.size += size;
  }
  return joins;
}

/** Names of all tensors that a step changes. */
export const changedNames = (joins: readonly Join[]): string[] =>
  joins.flatMap(({ name, tensors }) => [
    meanName(name),
    varianceName(name),
    ...tensors.map(({ spec }) => spec.name),
  ]);

export interface ResidentUpdate {
  readonly program: CompiledResident;
  /** Counts a step of each tensor and gives the scalars to feed. */
  factors(learningRate: number, gradientNorm: number): Readonly<Record<string, Float32Array>>;
}

const flat = (tensors: readonly tf.Tensor[]): tf.Tensor1D =>
  tf.concat1d(tensors.map((tensor) => tf.reshape<tf.Rank.R1>(tensor, [tensor.size])));

/** The values of a join's tensors, each in its own shape. */
function parts(joined: tf.Tensor1D, { tensors }: Join): [string, tf.Tensor][] {
  let at = 0;
  return tensors.map(({ spec: { name, shape } }) => {
    const size = sizeOf(shape);
    const part = tf.reshape(tf.slice1d(joined, at, size), [...shape]);
    at += size;
    return [name, part];
  });
}

/** Inputs: value and gradient of each tensor, the moments of each join, the scalars; outputs, on the device: {@link changedNames} as `next`. */
export async function compileUpdate(
  joins: readonly Join[],
  adamw: AdamWOptions,
  options: CompileOptions,
): Promise<ResidentUpdate> {
  const { betas, epsilon } = adamw;
  const trained = joins.flatMap(({ tensors }) => tensors);
  const shapes = trained.flatMap(({ spec: { name, shape } }) =>
    [name, gradientName(name)].map((input) => [input, { shape }] as const),
  );
  const moments = joins.flatMap(({ name, size }) =>
    [meanName, varianceName].map((part) => [part(name), { shape: [size] }] as const),
  );
  const scalars = joins.flatMap(({ group }) =>
    FACTORS.map((factor) => [factorName(factor, group), { shape: [] }] as const),
  );
  const step = (inputs: Tensors): Tensors => {
    const changed = joins.flatMap((join): [string, tf.Tensor][] => {
      const { name, group, tensors } = join;
      const factor = (of: keyof AdamWFactors) => inputs[factorName(of, group)] as tf.Tensor;
      const joined = (of: (parameter: string) => string) =>
        flat(tensors.map(({ spec }) => inputs[of(spec.name)] as tf.Tensor));
      const [m, v] = [inputs[meanName(name)], inputs[varianceName(name)]] as [tf.Tensor1D, tf.Tensor1D];
      const gradient = tf.mul(joined(gradientName), factor('clip'));
      const mean = tf.add(tf.mul(m, betas[0]), tf.mul(gradient, 1 - betas[0]));
      const variance = tf.add(tf.mul(v, betas[1]), tf.mul(tf.mul(gradient, gradient), 1 - betas[1]));
      const denominator = tf.add(tf.div(tf.sqrt(variance), factor('correction')), epsilon);
      const change = tf.div(tf.mul(factor('stepSize'), mean), denominator);
      const value = tf.sub(
        tf.mul(
          joined((parameter) => parameter),
          factor('decay'),
        ),
        change,
      );
      return [[meanName(name), mean], [varianceName(name), variance], ...parts(value as tf.Tensor1D, join)];
    });
    return Object.fromEntries(changed.map(([name, tensor]) => [nextName(name), tensor]));
  };
  const program = await compileResident(
    Object.fromEntries([...shapes, ...moments, ...scalars]),
    step,
    () => true,
    options,
  );
  return {
    program,
    factors: (learningRate, gradientNorm) =>
      Object.fromEntries(
        joins.flatMap(({ group, tensors }) =>
          tensors.flatMap((tensor) => {
            const factors = adamwFactors(tensor, learningRate, gradientNorm, adamw);
            return FACTORS.map((name) => [factorName(name, group), Float32Array.of(factors[name])]);
          }),
        ),
      ),
  };
}
