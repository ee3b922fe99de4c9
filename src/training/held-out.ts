/** A function of the parameters over batches of held-out text, without dropout. */
import type { MaskedBatch } from '../datasets/masking.js';
import { type CompileOptions, compile } from '../engine/compile.js';
import type { Array1D } from '../engine/session.js';
import type { Parameters } from '../models/parameters.js';
import { parameterInputs, type Tensors } from './model.js';
import type { Objective } from './objective.js';

export interface HeldOutOutputs {
  readonly batch: MaskedBatch;
  /** What the batch's means are over: the objective's own measure. */
  readonly size: number;
  readonly outputs: Readonly<Record<string, Array1D>>;
}

/** One program for batches of as many rows; its arrays are overwritten by the next batch. */
export async function* outputsOver(
  objective: Objective<MaskedBatch>,
  parameters: Parameters,
  batches: Iterable<MaskedBatch>,
  fn: (batch: MaskedBatch, tensors: Tensors) => Tensors,
  options: CompileOptions,
): AsyncGenerator<HeldOutOutputs> {
  const values = Object.fromEntries(parameters);
  const sizes = parameterInputs(objective.specs);
  let program: Awaited<ReturnType<typeof compile>> | undefined;
  let rows = 0;
  try {
    for (const batch of batches) {
      if (!program || batch.rows !== rows) {
        await program?.close();
        const inputs = { ...sizes, ...objective.inputs(batch) };
        program = await compile(inputs, (tensors) => fn(batch, tensors), options);
        rows = batch.rows;
      }
      const size = objective.size(batch);
      yield { batch, size, outputs: await program.run({ ...values, ...objective.feeds(batch, size) }) };
    }
  } finally {
    await program?.close();
  }
}
