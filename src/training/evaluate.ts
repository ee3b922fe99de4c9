/** Forward only, without dropout: the head's logits for features or batches. */
import type { Batch } from '../datasets/batch.js';
import { type CompileOptions, compile } from '../engine/compile.js';
import type { Parameters } from '../models/parameters.js';
import { encoderInputs, forward, type Model, parameterInputs } from './model.js';
import { encoderFeeds } from './objective.js';
import { programCache } from './program-cache.js';

/**
 * Logits of each batch, in order: classification [rows, labels], span [2, rows, length]. Rows beyond a batch's `count` are padding.
 * @param onBatch called after each batch with the examples done
 */
export async function predict(
  model: Model,
  parameters: Parameters,
  batches: Iterable<Batch>,
  options: CompileOptions,
  onBatch: (examples: number) => void = () => undefined,
): Promise<Float32Array[]> {
  const specs = parameterInputs(model.specs);
  const programs = programCache<Batch>((shape) =>
    compile(
      { ...specs, ...encoderInputs(shape) },
      (tensors) => ({ logits: forward(model, shape, tensors, undefined) }),
      options,
    ),
  );
  const values = Object.fromEntries(parameters);
  const logits: Float32Array[] = [];
  try {
    for (const batch of batches) {
      const program = await programs.get(batch);
      const outputs = await program.run({ ...values, ...encoderFeeds(batch) });
      logits.push(Float32Array.from(outputs.logits as Float32Array));
      onBatch(batch.count);
    }
  } finally {
    await programs.close();
  }
  return logits;
}
