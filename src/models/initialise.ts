/** Fresh values for parameters that no checkpoint gives. A tensor's values depend on (seed, name) alone, not on the order. */
import { normal, STREAM, uniform } from '../random.js';
import type { ModelConfig } from './config.js';
import { type ParameterSpec, sizeOf } from './parameters.js';

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return h;
}

/**
 * Values for one spec, as Hugging Face initialises: N(0, initializerRange), zero biases, unit layer norms.
 * @returns row-major values, as many as the shape holds
 * @example
 * ```ts
 * import { models } from 'progtuning';
 *
 * const config = await models.readConfig('models/tiny');
 * const specs = models.modelSpecs(config, { kind: 'span' });
 * const values = new Map(specs.map((spec) => [spec.name, models.initialise(spec, config, 42)]));
 * console.log(values.get('qa_outputs.weight')?.length); // 64
 * ```
 */
export function initialise(
  spec: ParameterSpec,
  config: Pick<ModelConfig, 'initializerRange'>,
  seed: number,
): Float32Array {
  const size = sizeOf(spec.shape);
  const key = { seed, stream: STREAM.initialise, step: hash(spec.name) };
  switch (spec.initialiser.kind) {
    case 'zeros':
      return new Float32Array(size);
    case 'ones':
      return new Float32Array(size).fill(1);
    case 'normal': {
      const deviation = spec.initialiser.deviation ?? config.initializerRange;
      return normal(key, size).map((x) => x * deviation);
    }
    case 'kaiming-uniform': {
      // torch's kaiming_uniform_ with a = sqrt 5: U(-1 / sqrt(fan in), 1 / sqrt(fan in)).
      const bound = 1 / Math.sqrt(spec.shape[1] ?? 1);
      return uniform(key, size).map((x) => (2 * x - 1) * bound);
    }
    default:
      throw new Error(`internal: unknown initialiser '${spec.initialiser satisfies never}'`);
  }
}
