/** From a batch to the hidden states that a head reads, through the blocks of any family. Letters: B rows of the batch, S their length, H hidden size. */
import { assertShape } from '../engine/shape.js';
import type * as tf from '../engine/tfjs.js';
import { familyOf } from './families.js';
import type { ModelInputs, Reads } from './inputs.js';
import type { ModelContext } from './layers.js';
import { recomputed } from './recompute.js';

/** Hidden states [rows, H] before a block: where a model starts whose lower blocks are known already. */
export interface KnownStates {
  /** Of two stacks one of the first, or the second's lowest: then these are what the first one made. */
  readonly block: number;
  readonly hidden: tf.Tensor2D;
}

/** Names of the parameters that a block is computed with. */
function parametersOf({ config, parameters }: ModelContext, index: number): string[] {
  const family = familyOf(config);
  const block = `${family.blockName(config, index)}.`;
  const others = new Set(family.alsoReads?.(config, index));
  return Object.keys(parameters).filter((name) => name.startsWith(block) || others.has(name));
}

/** Hidden states before a block, and what the block is computed in. */
interface Climbed {
  readonly context: ModelContext;
  readonly x: tf.Tensor2D;
}

/** Where a second stack begins it has states of its own, and what the first one made goes along. */
function entered(before: Climbed, index: number, inputs: ModelInputs): Climbed {
  const { config } = before.context;
  const { decoder } = familyOf(config);
  if (!decoder || index !== decoder.first(config)) return before;
  const context = { ...before.context, encoderStates: before.x };
  return { context, x: decoder.embed(context, inputs) };
}

/** Up to block `end`. */
function climb(
  context: ModelContext,
  inputs: ModelInputs,
  end: number,
  known: KnownStates | undefined,
): Climbed {
  const { config, batch, seq } = context;
  const family = familyOf(config);
  if (known && known.block > (family.decoder?.first(config) ?? known.block))
    throw new Error('internal: states within a second stack do not tell those of the first');
  if (!known) {
    assertShape(inputs.inputIds, { batch, seq }, 'inputIds');
    if (family.tokenTypes) assertShape(inputs.tokenTypeIds, { batch, seq }, 'tokenTypeIds');
  }
  let at: Climbed = { context, x: known?.hidden ?? family.embed(context, inputs) };
  for (let index = known?.block ?? 0; index < end; index++) {
    const { context: within, x } = entered(at, index, inputs);
    const compute = (inner: ModelContext, given: tf.Tensor2D): tf.Tensor2D =>
      family.block(inner, index, inputs, given, { kind: 'all' });
    const next = context.gradientCheckpointing
      ? recomputed(within, parametersOf(within, index), x, compute)
      : compute(within, x);
    at = { context: within, x: next };
  }
  return at;
}

/**
 * Hidden states [rows, H] before block `end`; before a second stack's lowest those of the first. With `known`, of the inputs only what says
 * who attends to whom is read, and what a second stack begins with.
 */
export const statesBefore = (
  context: ModelContext,
  inputs: ModelInputs,
  end: number,
  known?: KnownStates,
): tf.Tensor2D => climb(context, inputs, end, known).x;

/** The last hidden states that are read: [B S, H], [E, H] or [N, H]. */
export function hiddenStates(
  context: ModelContext,
  inputs: ModelInputs,
  reads: Reads,
  known?: KnownStates,
): tf.Tensor2D {
  const family = familyOf(context.config);
  const last = context.config.numHiddenLayers - 1;
  const { context: within, x } = entered(climb(context, inputs, last, known), last, inputs);
  return family.finish(within, family.block(within, last, inputs, x, reads));
}
