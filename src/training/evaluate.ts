/** Forward only, without dropout: the head's logits for features or batches. */
import type { Feature, FeatureList, PaddedBatch } from '../datasets/batch.js';
import { byLength, padBatch } from '../datasets/batches.js';
import { bucketLength } from '../datasets/row-packing.js';
import { type CompileOptions, compile } from '../engine/compile.js';
import type { Device } from '../engine/device.js';
import { openModelSession } from '../engine/model-session.js';
import type { TaskHead } from '../models/heads.js';
import type { Parameters } from '../models/parameters.js';
import { exportModel, modelOutputs } from './export-model.js';
import { checkFiniteLogits } from './finite.js';
import { type Model, paddedInputs, parameterInputs } from './model.js';
import { packedFeeds } from './objective.js';
import { targetLosses } from './pairs.js';

/** Gives the logits of one batch after another. */
export interface Forward {
  logits(batch: PaddedBatch): Promise<Float32Array>;
  close(): Promise<void>;
}

/** On the CPU the widest activation of a piece of a batch takes at most so much: what a layer gives is then in the cache for the next. */
const PIECE_BYTES = 2 ** 24;

/** Rows of each piece; a GPU takes the batch whole. */
function rowsAtOnce({ rows, length }: PaddedBatch, { config, head }: Model, device: Device): number {
  if (device !== 'cpu') return rows;
  const { intermediateSize, vocabSize } = config;
  const bytes = 4 * rows * length * (head.kind === 'causal-lm' ? vocabSize : intermediateSize);
  return Math.ceil(rows / Math.ceil(bytes / PIECE_BYTES));
}

/** Of an exported model: a classifier has the first, a model of the next token the second, a span head the others. */
const OUTPUTS = ['logits', 'token_losses', 'start_logits', 'end_logits'] as const;

function concatenated(parts: readonly Float32Array[]): Float32Array {
  const [first] = parts;
  if (first && parts.length === 1) return first;
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** What is served is what is evaluated: the exported model, one program for all shapes. */
export async function openExported(
  model: Model,
  parameters: Parameters,
  { device = 'cpu', threads = 0, profile }: CompileOptions,
): Promise<Forward> {
  const session = await openModelSession(exportModel(model, parameters, 'token_losses'), {
    device,
    threads,
    profile,
  });
  return {
    async logits(batch) {
      const { inputIds, attentionMask, tokenTypeIds, rows, length } = batch;
      const step = rowsAtOnce(batch, model, device);
      const parts: Readonly<Record<string, Float32Array>>[] = [];
      for (let row = 0; row < rows; row += step) {
        const end = Math.min(rows, row + step);
        const slice = (ids: Int32Array): Int32Array => ids.subarray(row * length, end * length);
        const ids = {
          input_ids: slice(inputIds),
          attention_mask: slice(attentionMask),
          token_type_ids: slice(tokenTypeIds),
        };
        parts.push(await session.run(ids, [end - row, length]));
      }
      return concatenated(OUTPUTS.flatMap((name) => parts.flatMap((part) => part[name] ?? [])));
    },
    close: () => session.close(),
  };
}

/** Operation by operation, on the current tfjs backend. */
function openEager(model: Model, parameters: Parameters, options: CompileOptions): Forward {
  const values = Object.fromEntries(parameters);
  const specs = parameterInputs(model.specs);
  return {
    async logits(batch) {
      const program = await compile(
        { ...specs, ...paddedInputs(batch) },
        (tensors) => modelOutputs(model, batch, tensors, 'token_losses'),
        options,
      );
      const { inputIds, attentionMask, tokenTypeIds } = batch;
      const outputs = await program.run({ ...values, inputIds, attentionMask, tokenTypeIds });
      return concatenated(
        OUTPUTS.flatMap((name) => (outputs[name] as Float32Array | undefined) ?? []),
      ).slice();
    },
    close: async () => undefined,
  };
}

/** What predicts on the device of the options. */
export const openForward = (
  model: Model,
  parameters: Parameters,
  options: CompileOptions,
): Promise<Forward> | Forward =>
  options.device === 'tfjs'
    ? openEager(model, parameters, options)
    : openExported(model, parameters, options);

/**
 * Logits of each batch, in order: classification [rows, labels], span [2, rows, length].
 * @param onBatch called after each batch with its rows
 */
export async function predict(
  model: Model,
  parameters: Parameters,
  batches: Iterable<PaddedBatch>,
  options: CompileOptions,
  onBatch: (rows: number) => void = () => undefined,
): Promise<Float32Array[]> {
  const program = await openForward(model, parameters, options);
  const logits: Float32Array[] = [];
  try {
    for (const batch of batches) {
      logits.push(await program.logits(batch));
      onBatch(batch.rows);
    }
  } finally {
    await program.close();
  }
  return logits;
}

/** Rows of an evaluation batch: its size changes no result beyond rounding. */
const ROWS = 32;

/**
 * Logits of each feature, in the order of the features: classification [labels], span [2 tokens], start then end; of a model of the next
 * token the negative log-probability of each token after the first, [tokens - 1], of one that writes one text from another that of each token
 * of the second, [target tokens]. What the model
 * says of padding is left out. Rows of like length share a batch, so that hardly any of it is computed.
 * @throws DataError for a score that is not a finite number
 * @param options device, threads, and the longest row that the model takes @param onProgress called with features done
 * @example
 * ```ts
 * import { evaluation, models } from 'progtuning';
 *
 * const head = { kind: 'classification', numLabels: 2 } as const;
 * const { config, parameters, specs } = await models.loadCheckpoint('models/tiny', head, { seed: 1 });
 * const feature = { inputIds: [2, 7, 8, 3], tokenTypeIds: [0, 0, 0, 0] };
 * const model = { config, head, specs, adaptation: {} };
 * const [logits] = await evaluation.predictFeatures(model, parameters, [feature], { maxLength: 16 });
 * console.log(logits.length); // 2
 * ```
 */
export async function predictFeatures(
  model: Model,
  parameters: Parameters,
  features: FeatureList,
  options: PredictOptions,
  onProgress: (done: number) => void = () => undefined,
): Promise<Float32Array[]> {
  if (model.head.kind === 'seq2seq-lm')
    return targetLosses(
      model,
      parameters,
      features,
      (batch) => packedFeeds(model, batch),
      options,
      onProgress,
    );
  const program = await openForward(model, parameters, options);
  try {
    return await featureLogits(program, model, features, options, onProgress);
  } finally {
    await program.close();
  }
}

/** Device, threads, and the longest row that the model takes, in tokens. */
export type PredictOptions = CompileOptions & { readonly maxLength: number };

/** {@link predictFeatures} by a program that is open, for one part of the features after another. */
export async function featureLogits(
  program: Forward,
  model: Model,
  features: FeatureList,
  { maxLength, device }: PredictOptions,
  onProgress: (done: number) => void = () => undefined,
): Promise<Float32Array[]> {
  const order = byLength(features);
  const results = new Array<Float32Array>(features.length);
  for (let start = 0; start < order.length; start += ROWS) {
    const indices = order.slice(start, start + ROWS);
    const rows = indices.map((index) => features.at(index) as Feature);
    const longest = rows[0]?.inputIds.length ?? 1;
    // A GPU compiles a program for each shape: there are to be few.
    const length = device === 'webgpu' ? bucketLength(longest, maxLength) : longest;
    const logits = await program.logits(padBatch(rows, model.config.padTokenId, length));
    for (const [row, index] of indices.entries()) {
      const of = { logits, rows: rows.length, row };
      const found = rowLogits(model.head, of, rows[row]?.inputIds.length ?? 0);
      checkFiniteLogits(found, index);
      results[index] = found;
    }
    onProgress(start + rows.length);
  }
  return results;
}

/** One row of a batch. @param tokens of the row, without padding */
function rowLogits(
  head: TaskHead,
  { logits, rows, row }: { readonly logits: Float32Array; readonly rows: number; readonly row: number },
  tokens: number,
): Float32Array {
  const width = logits.length / rows / (head.kind === 'span' ? 2 : 1);
  if (head.kind === 'classification') return logits.slice(row * width, (row + 1) * width);
  if (head.kind === 'causal-lm') return logits.slice(row * width, row * width + tokens - 1);
  const of = (start: number): Float32Array => logits.subarray(start * width, start * width + tokens);
  const both = new Float32Array(2 * tokens);
  both.set(of(row));
  both.set(of(rows + row), tokens);
  return both;
}
