/** LoRA (Hu et al. 2021, arXiv 2106.09685): W x + (alpha / r) B A x, as Hugging Face PEFT builds it. */
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { UsageError } from '../errors.js';
import type { Adaptation } from '../models/adaptation.js';
import type { ModelConfig } from '../models/config.js';
import type { HeadTraining, ParameterSpec, Parameters, Trains } from '../models/parameters.js';
import { type BlockLinear, blockLinears, headTrains } from './blocks.js';

export const loraSchema = z.object({
  kind: z.literal('lora'),
  /** r */
  rank: z.number().int(),
  alpha: z.number().positive(),
  dropout: z.number().min(0).lt(1),
  /** Ends of module names, e.g. `query`, `attention.output.dense`. */
  targets: z.array(z.string()).nonempty(),
});
export type Lora = z.infer<typeof loraSchema>;

/** r 8, alpha 16, query and value: the LoRA paper's GLUE scripts. (PEFT's own default alpha is 8.) */
export const LORA_DEFAULTS: Lora = {
  kind: 'lora',
  rank: 8,
  alpha: 16,
  dropout: 0,
  targets: ['query', 'value'],
};

const matches = (module: string, target: string): boolean =>
  module === target || module.endsWith(`.${target}`);

/** HF PEFT would adapt BERT's pooler too, so a target that matches it could not be saved as the same model. */
const POOLER = 'bert.pooler.dense';

const denseNames = (linears: readonly BlockLinear[]): string =>
  linears
    .filter(({ index, name }) => index === 0 && name.endsWith('dense'))
    .map(({ name }) => name)
    .join(',');

/** @throws UsageError for a target that matches nothing in the blocks or the pooler too, or a rank no layer can have */
function targetedLinears(config: ModelConfig, { rank, targets }: Lora): BlockLinear[] {
  const linears = blockLinears(config);
  for (const target of targets) {
    if (config.modelType === 'bert' && matches(POOLER, target)) {
      throw new UsageError(
        `lora targets: '${target}' also names the pooler, which stays plain; give ${denseNames(linears)}`,
      );
    }
    if (linears.some(({ module }) => matches(module, target))) continue;
    const known = linears.filter(({ index }) => index === 0).map(({ name }) => name);
    throw new UsageError(`lora targets: no linear map '${target}'; there are: ${known.join(', ')}`);
  }
  const targeted = linears.filter(({ module }) => targets.some((target) => matches(module, target)));
  for (const { name, outputs, inputs } of targeted) {
    const limit = Math.min(outputs, inputs);
    if (rank < 1 || rank > limit)
      throw new UsageError(
        `lora rank: ${rank} is not from 1 to ${limit}, the limit of ${name} [${outputs}, ${inputs}]`,
      );
  }
  return targeted;
}

/** `<module>.lora_A.weight` [r, in], Kaiming-uniform; `<module>.lora_B.weight` [out, r], zero. */
export function loraSpecs(config: ModelConfig, method: Lora): ParameterSpec[] {
  return targetedLinears(config, method).flatMap(({ module, index, outputs, inputs }) => {
    const shared = { place: { kind: 'block', index }, decay: true, origin: 'peft' } as const;
    return [
      {
        ...shared,
        name: `${module}.lora_A.weight`,
        shape: [method.rank, inputs],
        initialiser: { kind: 'kaiming-uniform' },
      },
      {
        ...shared,
        name: `${module}.lora_B.weight`,
        shape: [outputs, method.rank],
        initialiser: { kind: 'zeros' },
      },
    ] as const;
  });
}

export function loraAdaptation(config: ModelConfig, method: Lora): Adaptation {
  const modules = new Set(targetedLinears(config, method).map(({ module }) => module));
  return {
    linear(module, x, y, context) {
      if (!modules.has(module)) return y;
      const low = tf.matMul(
        context.dropout(x, method.dropout),
        context.parameter(`${module}.lora_A.weight`),
        false,
        true,
      );
      const delta = tf.matMul(low, context.parameter(`${module}.lora_B.weight`), false, true);
      return tf.add(y, tf.mul(delta, method.alpha / method.rank));
    },
  };
}

export const loraTrains =
  (_method: Lora, head: HeadTraining): Trains =>
  (spec) =>
    spec.origin === 'peft' || headTrains(spec, head);

/** Folds alpha / r B A into the weights: a plain checkpoint with the same logits. Touched arrays are new. */
export function mergeLora(
  config: ModelConfig,
  method: Lora,
  parameters: Parameters,
): Map<string, Float32Array> {
  const merged = new Map(parameters);
  for (const { module, outputs, inputs } of targetedLinears(config, method)) {
    const [a, b, weight] = [`${module}.lora_A.weight`, `${module}.lora_B.weight`, `${module}.weight`].map(
      (name) => parameters.get(name) as Float32Array,
    ) as [Float32Array, Float32Array, Float32Array];
    const sum = new Float32Array(weight);
    for (let o = 0; o < outputs; o++) {
      for (let i = 0; i < inputs; i++) {
        let product = 0;
        for (let r = 0; r < method.rank; r++)
          product += (b[o * method.rank + r] as number) * (a[r * inputs + i] as number);
        sum[o * inputs + i] = (weight[o * inputs + i] as number) + (method.alpha / method.rank) * product;
      }
    }
    merged.set(`${module}.weight`, sum);
    merged.delete(`${module}.lora_A.weight`);
    merged.delete(`${module}.lora_B.weight`);
  }
  return merged;
}
