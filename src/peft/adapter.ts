/**
 * Bottleneck adapters, h + up(activation(down(h))), at the end of a sub-layer before its residual sum and layer norm.
 * Houlsby et al. 2019 (arXiv 1902.00751): after both sub-layers. Pfeiffer et al. 2020 (arXiv 2005.00052): after the feed-forward only.
 */

import { gelu, linear } from '../engine/fused.js';
import * as tf from '../engine/tfjs.js';
import { UsageError } from '../errors.js';
import type { Adaptation } from '../models/adaptation.js';
import type { ModelConfig } from '../models/config.js';
import type { ParameterSpec, Trains } from '../models/parameters.js';
import * as z from '../schema.js';
import { blockNorms, headTrains, isWithin, type MethodBase, subLayers } from './modules.js';

export const ADAPTER_STYLES = ['houlsby', 'pfeiffer'] as const;

export const adapterSchema = z.object({
  kind: z.literal('adapter'),
  style: z.enum(ADAPTER_STYLES),
  /** Bottleneck: a size, or the hidden size divided by a factor. */
  bottleneck: z.union([z.object({ size: z.number().int() }), z.object({ reduction: z.number().positive() })]),
  activation: z.enum(['gelu', 'relu', 'silu']),
  /** The blocks' layer norms train too, as in Houlsby's code. */
  layerNorms: z.boolean(),
});

/**
 * Bottleneck adapters: see {@link ADAPTER_DEFAULTS}.
 *
 * @interface
 */
export type Adapter = z.infer<typeof adapterSchema>;

/**
 * Houlsby: size 64, GELU (google-research/adapter-bert). Pfeiffer: reduction 16, ReLU (adapters library, `seq_bn`).
 * @example
 * ```ts
 * import { peft } from 'progtuning';
 *
 * const method: peft.Method = { ...peft.ADAPTER_DEFAULTS.houlsby, bottleneck: { size: 16 } };
 * console.log(method.activation); // gelu
 * ```
 */
export const ADAPTER_DEFAULTS: Record<Adapter['style'], Adapter> = {
  houlsby: {
    kind: 'adapter',
    style: 'houlsby',
    bottleneck: { size: 64 },
    activation: 'gelu',
    layerNorms: false,
  },
  pfeiffer: {
    kind: 'adapter',
    style: 'pfeiffer',
    bottleneck: { reduction: 16 },
    activation: 'relu',
    layerNorms: false,
  },
};

/** adapter-bert draws its maps from N(0, 1e-3): an adapter starts close to the identity. */
const NEAR_IDENTITY = { kind: 'normal', deviation: 1e-3 } as const;

/** @throws UsageError when the bottleneck is not from 1 to the hidden size */
export function bottleneckSize({ hiddenSize }: ModelConfig, { bottleneck }: Adapter): number {
  const size = 'size' in bottleneck ? bottleneck.size : Math.floor(hiddenSize / bottleneck.reduction);
  if (size >= 1 && size <= hiddenSize) return size;
  throw new UsageError(`adapter bottleneck: ${size} is not from 1 to the hidden size, ${hiddenSize}`);
}

const places = (config: ModelConfig, { style }: Adapter): ReturnType<typeof subLayers> =>
  subLayers(config).filter(({ kind }) => style === 'houlsby' || kind === 'feed-forward');

/** `<module>.adapter.down.weight` [size, hidden], `.adapter.up.weight` [hidden, size], and their biases. */
export function adapterSpecs({ config }: MethodBase, method: Adapter): ParameterSpec[] {
  const size = bottleneckSize(config, method);
  const h = config.hiddenSize;
  return places(config, method).flatMap(({ module, index }) => {
    const spec = (name: string, shape: readonly number[]): ParameterSpec => ({
      name: `${module}.adapter.${name}`,
      shape,
      place: { kind: 'block', index },
      initialiser: shape.length === 2 ? NEAR_IDENTITY : { kind: 'zeros' },
      decay: shape.length === 2,
      origin: 'peft',
    });
    return [
      spec('down.weight', [size, h]),
      spec('down.bias', [size]),
      spec('up.weight', [h, size]),
      spec('up.bias', [h]),
    ];
  });
}

function activate(name: Adapter['activation'], x: tf.Tensor2D): tf.Tensor2D {
  if (name === 'gelu') return gelu(x);
  return name === 'relu' ? tf.relu(x) : tf.mul(x, tf.sigmoid(x));
}

export function adapterAdaptation({ config }: MethodBase, method: Adapter): Adaptation {
  bottleneckSize(config, method);
  return {
    subLayer(module, kind, h, context) {
      if (method.style === 'pfeiffer' && kind === 'attention') return h;
      const vector = (name: string): tf.Tensor1D =>
        context.parameter(`${module}.adapter.${name}`) as unknown as tf.Tensor1D;
      const down = linear(h, context.parameter(`${module}.adapter.down.weight`), vector('down.bias'));
      const inner = activate(method.activation, down);
      return tf.add(h, linear(inner, context.parameter(`${module}.adapter.up.weight`), vector('up.bias')));
    },
  };
}

export function adapterTrains(base: MethodBase, method: Adapter): Trains {
  const norms = method.layerNorms ? blockNorms(base) : [];
  return (spec) =>
    spec.origin === 'peft' ||
    headTrains(spec, base.headTraining) ||
    norms.some((module) => isWithin(spec.name, module));
}
