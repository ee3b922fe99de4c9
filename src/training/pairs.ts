/**
 * Pairs of texts (Raffel et al. 2020; HF `T5ForConditionalGeneration`): an encoder reads the first, a decoder writes the second, each of whose
 * tokens is predicted from those before it. The loss is the mean over the tokens of the second texts; a row's padding has no part in it.
 */
import type { Batch, FeatureList, TargetRows } from '../datasets/batch.js';
import { batchesOf } from '../datasets/batches.js';
import { type CompileOptions, compileFree, type SizedFunction } from '../engine/compile.js';
import { tokenLosses } from '../engine/fused-decoder.js';
import type { Feeds } from '../engine/session.js';
import type * as tf from '../engine/tfjs.js';
import { decoderStart, type ModelConfig } from '../models/config.js';
import { outputEmbedding } from '../models/heads.js';
import type { Parameters } from '../models/parameters.js';
import { checkFiniteHeldOut, checkFiniteLogits } from './finite.js';
import { type Model, type PackedShape, packedInputs, parameterInputs, readStates } from './model.js';

/** The second texts of a batch of pairs. */
export function targetsOf({ target }: Batch): TargetRows {
  if (!target) throw new Error('internal: pairs are wanted, but the batch has no second texts');
  return target;
}

/** Tokens of a batch that are predicted. */
export const writtenTokens = (batch: Batch): number =>
  targetsOf(batch).lengths.reduce((sum, length) => sum + length, 0);

/** What the decoder reads: each example's tokens one place later, the start token before them (HF `_shift_right`). */
export function decoderFeeds(config: ModelConfig, batch: Batch): Feeds {
  const { ids, segments, starts, lengths } = targetsOf(batch);
  const decoderInputIds = ids.slice();
  starts.forEach((start, slot) => {
    const length = lengths[slot] as number;
    if (length === 0) return;
    decoderInputIds.set(ids.subarray(start, start + length - 1), start + 1);
    decoderInputIds[start] = decoderStart(config) as number;
  });
  return { decoderInputIds, decoderSegments: segments };
}

/** @param total predicted tokens of the whole step */
export function writtenFeeds(batch: Batch, total: number): Feeds {
  const { ids, segments } = targetsOf(batch);
  return { labels: ids, weights: Float32Array.from(segments, (segment) => (segment > 0 ? 1 / total : 0)) };
}

/** A batch, and of each of its targets' places the negative log-probability of the token there; overwritten by the next batch. */
interface BatchLosses {
  readonly batch: Batch;
  readonly losses: Float32Array;
}

/** One program for all batches, without dropout. @param feeds of a batch, as the model takes them */
async function* lossesOver(
  model: Model,
  parameters: Parameters,
  batches: Iterable<Batch>,
  feeds: (batch: Batch) => Feeds,
  options: CompileOptions,
): AsyncGenerator<BatchLosses> {
  const values = Object.fromEntries(parameters);
  const at = (shape: PackedShape): SizedFunction => ({
    inputs: {
      ...{ ...parameterInputs(model.specs), ...packedInputs(model, shape) },
      labels: { shape: [shape.rows * (shape.targetLength ?? 0)], dtype: 'int32' },
    },
    fn: (tensors) => {
      const { context, hidden } = readStates(model, shape, tensors, undefined);
      const labels = tensors.labels as tf.Tensor1D;
      return { losses: tokenLosses({ hidden, embedding: outputEmbedding(context), labels, pieces: 1 }) };
    },
  });
  let program: Awaited<ReturnType<typeof compileFree>> | undefined;
  try {
    for (const batch of batches) {
      program ??= await compileFree((size) => at({ ...batch, ...size }), options);
      const outputs = await program.run(batch, { ...values, ...feeds(batch), labels: targetsOf(batch).ids });
      yield { batch, losses: outputs.losses as Float32Array };
    }
  } finally {
    await program?.close();
  }
}

/** Pairs of an evaluation batch: their number changes no result beyond rounding. */
const PAIRS = 32;

/**
 * Negative log-probability of each token of each feature's target, in the order of the features.
 * @param feeds of a batch, as the model takes them @param onProgress called with features done
 */
export async function targetLosses(
  model: Model,
  parameters: Parameters,
  features: FeatureList,
  feeds: (batch: Batch) => Feeds,
  options: CompileOptions,
  onProgress: (done: number) => void = () => undefined,
): Promise<Float32Array[]> {
  const { padTokenId } = model.config;
  const batches = batchesOf(features, {
    ...{ batchSize: PAIRS, padTokenId, shapes: 'any' },
    maxLength: Number.POSITIVE_INFINITY,
  });
  const results: Float32Array[] = [];
  for await (const { batch, losses } of lossesOver(model, parameters, batches, feeds, options)) {
    const { starts, lengths } = targetsOf(batch);
    for (let slot = 0; slot < batch.count; slot++) {
      const start = starts[slot] as number;
      const own = losses.slice(start, start + (lengths[slot] as number));
      checkFiniteLogits(own, results.length);
      results.push(own);
    }
    onProgress(results.length);
  }
  return results;
}

/** Mean over the tokens of all targets. @throws DataError for a loss that is not a number */
export async function meanTargetLoss(
  model: Model,
  parameters: Parameters,
  batches: Iterable<Batch>,
  feeds: (batch: Batch) => Feeds,
  options: CompileOptions,
): Promise<number> {
  let [sum, tokens] = [0, 0];
  for await (const { batch, losses } of lossesOver(model, parameters, batches, feeds, options)) {
    targetsOf(batch).segments.forEach((segment, place) => {
      if (segment === 0) return;
      sum += losses[place] as number;
      tokens++;
    });
  }
  checkFiniteHeldOut(sum / tokens);
  return sum / tokens;
}
