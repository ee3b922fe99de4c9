/** AdamW as a program, for tensors that stay on a device: the numbers are those of `arena.as.ts`. */

import {
  type CompiledResident,
  type CompileOptions,
  compileResident,
  type TensorSpecs,
} from '../engine/compile.js';
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

/** Scalars of one step, the same for all tensors of a group: those that have taken as many steps, decay alike and have the same share of the rate. */
const FACTORS = ['clip', 'decay', 'stepSize', 'correction'] as const;
const groupOf = ({ steps, spec, rateFactor }: TrainedTensor): string =>
  `${steps} ${spec.decay} ${rateFactor}`;
export const factorName = (factor: keyof AdamWFactors, group: string): string => `${factor} ${group}`;

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

/** The moments of the joins, each as one array, by {@link meanName} and {@link varianceName}. */
export function joinedMoments(joins: readonly Join[]): Record<string, Float32Array> {
  const values: Record<string, Float32Array> = {};
  for (const { name, tensors, size } of joins) {
    const [m, v] = [new Float32Array(size), new Float32Array(size)];
    let at = 0;
    for (const { arrays } of tensors) {
      m.set(arrays.m, at);
      v.set(arrays.v, at);
      at += arrays.m.length;
    }
    values[meanName(name)] = m;
    values[varianceName(name)] = v;
  }
  return values;
}

/** Writes joined moments back to their tensors. */
export function takeMoments(joins: readonly Join[], moments: Readonly<Record<string, unknown>>): void {
  for (const { name, tensors } of joins) {
    const [m, v] = [moments[meanName(name)], moments[varianceName(name)]] as [Float32Array, Float32Array];
    let at = 0;
    for (const { arrays } of tensors) {
      const end = at + arrays.m.length;
      arrays.m.set(m.subarray(at, end));
      arrays.v.set(v.subarray(at, end));
      at = end;
    }
  }
}

/** Inputs of the joins' moments. */
export const momentInputs = (joins: readonly Join[]): TensorSpecs =>
  Object.fromEntries(
    joins.flatMap(({ name, size }) =>
      [meanName, varianceName].map((part) => [part(name), { shape: [size] }] as const),
    ),
  );

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

/** What AdamW multiplies by; `keep` and `take` are beta and 1 - beta. */
export interface AdamWScalars {
  readonly decay: tf.Tensor;
  readonly stepSize: tf.Tensor;
  readonly correction: tf.Tensor;
  readonly keep: readonly [tf.Tensor | number, tf.Tensor | number];
  readonly take: readonly [tf.Tensor | number, tf.Tensor | number];
  readonly epsilon: number;
}

/** Of each join `tensors` one after the other. */
export const joinedTensors = (
  { tensors }: Join,
  inputs: Tensors,
  nameOf: (parameter: string) => string = (parameter) => parameter,
): tf.Tensor1D => flat(tensors.map(({ spec }) => inputs[nameOf(spec.name)] as tf.Tensor));

/** The step of a join. @param inputs values and moments @param gradient clipped @returns what changed, by name */
export function steppedJoin(
  join: Join,
  inputs: Tensors,
  gradient: tf.Tensor,
  { decay, stepSize, correction, keep, take, epsilon }: AdamWScalars,
): [string, tf.Tensor][] {
  const { name } = join;
  const [m, v] = [inputs[meanName(name)], inputs[varianceName(name)]] as [tf.Tensor1D, tf.Tensor1D];
  const mean = tf.add(tf.mul(m, keep[0]), tf.mul(gradient, take[0]));
  const variance = tf.add(tf.mul(v, keep[1]), tf.mul(tf.mul(gradient, gradient), take[1]));
  const denominator = tf.add(tf.div(tf.sqrt(variance), correction), epsilon);
  const change = tf.div(tf.mul(stepSize, mean), denominator);
  const value = tf.sub(tf.mul(joinedTensors(join, inputs), decay), change);
  return [[meanName(name), mean], [varianceName(name), variance], ...parts(value as tf.Tensor1D, join)];
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
  const scalars = joins.flatMap(({ group }) =>
    FACTORS.map((factor) => [factorName(factor, group), { shape: [] }] as const),
  );
  const step = (inputs: Tensors): Tensors => {
    const changed = joins.flatMap((join): [string, tf.Tensor][] => {
      const factor = (of: keyof AdamWFactors) => inputs[factorName(of, join.group)] as tf.Tensor;
      const gradient = tf.mul(joinedTensors(join, inputs, gradientName), factor('clip'));
      return steppedJoin(join, inputs, gradient, {
        ...{ decay: factor('decay'), stepSize: factor('stepSize'), correction: factor('correction') },
        ...{ keep: betas, take: [1 - betas[0], 1 - betas[1]], epsilon },
      });
    });
    return Object.fromEntries(changed.map(([name, tensor]) => [nextName(name), tensor]));
  };
  const program = await compileResident(
    { ...Object.fromEntries([...shapes, ...scalars]), ...momentInputs(joins) },
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
