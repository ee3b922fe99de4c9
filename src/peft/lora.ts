/** LoRA (Hu et al. 2021, arXiv 2106.09685): W x + (alpha / r) B A x, as Hugging Face PEFT builds it. */

import * as tf from '../engine/tfjs.js';
import type { Adaptation } from '../models/adaptation.js';
import type { ParameterSpec, Parameters, Trains } from '../models/parameters.js';
import * as z from '../schema.js';
import { loraMaps, wholeModules } from './lora-targets.js';
import { headTrains, isWithin, type MethodBase, moduleOf } from './modules.js';

/** `bias` of PEFT: which biases train beside A and B: none, all of the model, or those of the targeted maps. */
export const LORA_BIASES = ['none', 'all', 'lora_only'] as const;

const names = z.array(z.string()).nonempty();

/** First match wins, so the order counts. */
const patterns = <T extends z.ZodType<number>>(value: T) => z.array(z.tuple([z.string(), value])).nonempty();

/** Fields after `targets` are PEFT's; absent is PEFT's default. */
export const loraSchema = z.object({
  kind: z.literal('lora'),
  /** r */
  rank: z.number().int(),
  alpha: z.number().positive(),
  dropout: z.number().min(0).lt(1),
  /** PEFT's `target_modules`: ends of module names, e.g. `query`, `attention.output.dense`; or `all-linear`, or a regular expression of whole names. */
  targets: z.union([names, z.string()]),
  excludeModules: z.union([names, z.string()]).optional(),
  /** Ends of names of modules that train and are saved whole, beside the head. */
  modulesToSave: names.optional(),
  /** Ends of module names, as regular expressions, and the rank there. */
  rankPattern: patterns(z.number().int()).optional(),
  alphaPattern: patterns(z.number().positive()).optional(),
  /** 0-based blocks that `targets`, as a list, is kept to. */
  layersToTransform: z.array(z.number().int().nonnegative()).nonempty().optional(),
  layersPattern: names.optional(),
  bias: z.enum(['all', 'lora_only']).optional(),
  /** Scale alpha / sqrt(r) (Kalajdzievski 2023, arXiv 2312.03732). */
  useRslora: z.literal(true).optional(),
});

/**
 * Low-rank adaptation: see {@link LORA_DEFAULTS}.
 *
 * @interface
 */
export type Lora = z.infer<typeof loraSchema>;

/**
 * r 8, alpha 16, query and value: the LoRA paper's GLUE scripts. (PEFT's own default alpha is 8.)
 * @example
 * ```ts
 * import { peft } from 'progtuning';
 *
 * const method = { ...peft.LORA_DEFAULTS, rank: 4, targets: ['query', 'key', 'value'] };
 * console.log(method.kind, method.alpha); // lora 16
 * ```
 */
export const LORA_DEFAULTS: Lora & { readonly targets: string[] } = {
  kind: 'lora',
  rank: 8,
  alpha: 16,
  dropout: 0,
  targets: ['query', 'value'],
};

/** `<module>.lora_A.weight` [r, in], Kaiming-uniform; `<module>.lora_B.weight` [out, r], zero. @throws UsageError */
export const loraSpecs = (base: MethodBase, method: Lora): ParameterSpec[] =>
  loraMaps(base, method).flatMap(({ module, place, outputs, inputs, rank }) => {
    const shared = { place, decay: true, origin: 'peft' } as const;
    return [
      {
        ...shared,
        name: `${module}.lora_A.weight`,
        shape: [rank, inputs],
        initialiser: { kind: 'kaiming-uniform' },
      },
      { ...shared, name: `${module}.lora_B.weight`, shape: [outputs, rank], initialiser: { kind: 'zeros' } },
    ] as const;
  });

export function loraAdaptation(base: MethodBase, method: Lora): Adaptation {
  const scales = new Map(loraMaps(base, method).map(({ module, scale }) => [module, scale]));
  return {
    linear(module, x, y, context) {
      const scale = scales.get(module);
      if (scale === undefined) return y;
      const low = tf.matMul(
        context.dropout(x, method.dropout),
        context.parameter(`${module}.lora_A.weight`),
        false,
        true,
      );
      const delta = tf.matMul(low, context.parameter(`${module}.lora_B.weight`), false, true);
      return tf.add(y, tf.mul(delta, scale));
    },
  };
}

/** A and B, the head, the modules kept whole, and the biases that the method names. */
export function loraTrains(base: MethodBase, method: Lora): Trains {
  const whole = wholeModules({ ...base, headTraining: 'none' }, method);
  const targets = new Set(
    method.bias === 'lora_only' ? loraMaps(base, method).map(({ module }) => module) : [],
  );
  return (spec) => {
    if (spec.origin === 'peft' || headTrains(spec, base.headTraining)) return true;
    if (whole.some((module) => isWithin(spec.name, module))) return true;
    return spec.name.endsWith('.bias') && (method.bias === 'all' || targets.has(moduleOf(spec.name)));
  };
}

/**
 * Folds the scaled B A into the weights: a plain checkpoint with the same logits. Touched arrays are new.
 * @throws UsageError for options that the model cannot take
 * @example
 * ```ts
 * import { models, peft } from 'progtuning';
 *
 * const head = { kind: 'classification', numLabels: 2 } as const;
 * const { config, parameters, specs } = await models.loadCheckpoint('models/tiny', head, { seed: 1 });
 * const base = { config, head, headTraining: 'classifier' } as const;
 * const values = new Map(parameters);
 * for (const spec of peft.methodSpecs(base, peft.LORA_DEFAULTS)) values.set(spec.name, models.initialise(spec, config, 1));
 * console.log(values.size > specs.length, peft.mergeLora(base, peft.LORA_DEFAULTS, values).size === specs.length); // true true
 * ```
 */
export function mergeLora(base: MethodBase, method: Lora, parameters: Parameters): Map<string, Float32Array> {
  const merged = new Map(parameters);
  for (const { module, outputs, inputs, layout, rank, scale } of loraMaps(base, method)) {
    const [a, b, weight] = [`${module}.lora_A.weight`, `${module}.lora_B.weight`, `${module}.weight`].map(
      (name) => parameters.get(name) as Float32Array,
    ) as [Float32Array, Float32Array, Float32Array];
    const sum = new Float32Array(weight);
    for (let o = 0; o < outputs; o++) {
      for (let i = 0; i < inputs; i++) {
        let product = 0;
        for (let r = 0; r < rank; r++) product += (b[o * rank + r] as number) * (a[r * inputs + i] as number);
        const at = layout === 'out-in' ? o * inputs + i : i * outputs + o;
        sum[at] = (weight[at] as number) + scale * product;
      }
    }
    merged.set(`${module}.weight`, sum);
    merged.delete(`${module}.lora_A.weight`);
    merged.delete(`${module}.lora_B.weight`);
  }
  return merged;
}
