/** From a batch to the hidden states that a head reads, through the blocks of any family. Letters: B rows of the batch, S their length, H hidden size. */
import { assertShape } from '../engine/shape.js';
import type * as tf from '../engine/tfjs.js';
import { familyOf } from './families.js';
import type { ModelInputs, Reads } from './inputs.js';
import type { ModelContext } from './layers.js';
import { recomputed } from './recompute.js';

/** Hidden states [rows, H] before a block: where a model starts whose lower blocks are known already. */
export interface KnownStates {
  readonly block: number;
  readonly hidden: tf.Tensor2D;
}

const parametersOf = ({ parameters }: ModelContext, block: string): string[] =>
  Object.keys(parameters).filter((name) => name.startsWith(`${block}.`));

/** Hidden states [rows, H] before block `end`. With `known`, of the inputs only what says who attends to whom is read. */
export function statesBefore(
  context: ModelContext,
  inputs: ModelInputs,
  end: number,
  known?: KnownStates,
): tf.Tensor2D {
  const { config, batch, seq } = context;
  const family = familyOf(config);
  if (!known) {
    assertShape(inputs.inputIds, { batch, seq }, 'inputIds');
    assertShape(inputs.tokenTypeIds, { batch, seq }, 'tokenTypeIds');
  }
  let x = known?.hidden ?? family.embed(context, inputs);
  for (let index = known?.block ?? 0; index < end; index++) {
    const compute = (within: ModelContext, given: tf.Tensor2D): tf.Tensor2D =>
      family.block(within, index, inputs, given, { kind: 'all' });
    x = context.gradientCheckpointing
      ? recomputed(context, parametersOf(context, family.blockName(config, index)), x, compute)
      : compute(context, x);
  }
  return x;
}

/** The last hidden states that are read: [B S, H], [E, H] or [N, H]. */
export function hiddenStates(
  context: ModelContext,
  inputs: ModelInputs,
  reads: Reads,
  known?: KnownStates,
): tf.Tensor2D {
  const family = familyOf(context.config);
  const last = context.config.numHiddenLayers - 1;
  const x = statesBefore(context, inputs, last, known);
  return family.finish(context, family.block(context, last, inputs, x, reads));
}
