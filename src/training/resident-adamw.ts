/** AdamW as a program, for tensors that stay on a device: the numbers are those of `arena.as.ts`. */
import * as tf from '@tensorflow/tfjs';
import { type CompiledResident, type CompileOptions, compileResident } from '../engine/compile.js';
import { type AdamWFactors, type AdamWOptions, adamwFactors } from './adamw.js';
import type { Tensors } from './model.js';
import type { TrainedTensor } from './state.js';
import { gradientName } from './step.js';

/** Names of a parameter's moments; its value has the parameter's own. */
export const meanName = (parameter: string): string => `m ${parameter}`;
export const varianceName = (parameter: string): string => `v ${parameter}`;
/** A value after the step. */
export const nextName = (name: string): string => `next ${name}`;

const PARTS = [(name: string): string => name, meanName, varianceName] as const;

/** Names of all tensors that a step changes. */
export const changedNames = (trained: readonly TrainedTensor[]): string[] =>
  trained.flatMap(({ spec }) => PARTS.map((part) => part(spec.name)));

/** Scalars of one step, the same for all tensors of a group: those that have taken as many steps and decay alike. */
const FACTORS = ['clip', 'decay', 'stepSize', 'correction'] as const;
const groupOf = ({ steps, spec }: TrainedTensor): string => `${steps} ${spec.decay}`;
const factorName = (factor: keyof AdamWFactors, group: string): string => `${factor} ${group}`;

export interface ResidentUpdate {
  readonly program: CompiledResident;
  /** Counts a step of each tensor and gives the scalars to feed. */
  factors(learningRate: number, gradientNorm: number): Readonly<Record<string, Float32Array>>;
}

/** Inputs: value, `m`, `v` and `d` of each tensor, and the scalars; outputs, on the device: {@link changedNames} as `next`. */
export async function compileUpdate(
  trained: readonly TrainedTensor[],
  adamw: AdamWOptions,
  options: CompileOptions,
): Promise<ResidentUpdate> {
  const { betas, epsilon } = adamw;
  // A group keeps the name of its first step: its tensors step together as long as the stage is open.
  const groups = trained.map(groupOf);
  const shapes = trained.flatMap(({ spec: { name, shape } }) =>
    [...PARTS, gradientName].map((part) => [part(name), { shape }] as const),
  );
  const scalars = [...new Set(groups)].flatMap((group) =>
    FACTORS.map((factor) => [factorName(factor, group), { shape: [] }] as const),
  );
  const step = (inputs: Tensors): Tensors => {
    const changed = trained.flatMap(({ spec: { name } }, i): [string, tf.Tensor][] => {
      const factor = (of: keyof AdamWFactors) => inputs[factorName(of, groups[i] as string)] as tf.Tensor;
      const [p, m, v] = PARTS.map((part) => inputs[part(name)]) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const gradient = tf.mul(inputs[gradientName(name)] as tf.Tensor, factor('clip'));
      const mean = tf.add(tf.mul(m, betas[0]), tf.mul(gradient, 1 - betas[0]));
      const variance = tf.add(tf.mul(v, betas[1]), tf.mul(tf.mul(gradient, gradient), 1 - betas[1]));
      const denominator = tf.add(tf.div(tf.sqrt(variance), factor('correction')), epsilon);
      const change = tf.div(tf.mul(factor('stepSize'), mean), denominator);
      const value = tf.sub(tf.mul(p, factor('decay')), change);
      return [value, mean, variance].map((tensor, part) => [
        nextName((PARTS[part] as (name: string) => string)(name)),
        tensor,
      ]);
    });
    return Object.fromEntries(changed);
  };
  const program = await compileResident(
    Object.fromEntries([...shapes, ...scalars]),
    step,
    () => true,
    options,
  );
  return {
    program,
    factors: (learningRate, gradientNorm) =>
      Object.fromEntries(
        trained.flatMap((tensor, i) => {
          const factors = adamwFactors(tensor, learningRate, gradientNorm, adamw);
          return FACTORS.map((name) => [
            factorName(name, groups[i] as string),
            Float32Array.of(factors[name]),
          ]);
        }),
      ),
  };
}
