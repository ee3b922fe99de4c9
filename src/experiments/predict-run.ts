/** A saved classifier, or an adapter on its base model, on texts as they come: what it says of each, in order. */

import { resolveModel } from '../datasets/source.js';
import type { Texts } from '../datasets/tables/labelled.js';
import type { CompileOptions } from '../engine/compile.js';
import { UsageError } from '../errors.js';
import { type HeadSpec, longestRow } from '../models/config.js';
import { readHead } from '../models/config-file.js';
import { encodeTexts, loadTokenizer } from '../tokenizers/tokenizer.js';
import { featureLogits, openForward } from '../training/evaluate.js';
import { holding, predictionsOf, probabilities } from '../training/predictions.js';
import { classNamesOf, loadSaved } from './evaluate-run.js';

/** Which saved model predicts: folders or hub ids. */
export interface PredictRequest {
  readonly model: string;
  readonly adapter?: string | undefined;
  /** Tokens of a row; longer ones are cut. Default: 128. */
  readonly maxLength?: number | undefined;
}

/** What the model says of one row. */
export interface Prediction {
  /** The class; several, or none, of a multi-label model; the score of a regression. */
  readonly label: string | readonly string[] | number;
  /** Probability by class name; none of a regression. */
  readonly scores?: Readonly<Record<string, number>>;
}

/** Rows that are tokenised and predicted at once: bounds memory, and lets rows of like length share a batch. */
const CHUNK = 1024;

const DEFAULT_LENGTH = 128;

type Classifier = Extract<HeadSpec, { kind: 'classification' }>;

/** @throws UsageError for a model that answers or fills in words */
function asClassifier(head: HeadSpec | Error, model: string): Classifier {
  if (head instanceof Error) throw head;
  if (head.kind === 'classification') return head;
  const remedy =
    head.kind === 'span' ? 'its answers come from evaluate or finetune --save' : 'fine-tune it first';
  throw new UsageError(`${model}: predict takes classifiers and regressions, this is none; ${remedy}`);
}

function predictionOf(logits: Float32Array, head: Classifier, names: readonly string[]): Prediction {
  if (head.numLabels === 1 && !head.multiLabel) return { label: logits[0] as number };
  const shares = probabilities(logits, head.multiLabel ?? false);
  const scores = Object.fromEntries(names.map((name, id) => [name, shares[id] as number]));
  const [best = 0] = predictionsOf([logits]);
  return {
    label: head.multiLabel ? names.filter((_, id) => holding(logits)[id] === 1) : (names[best] as string),
    scores,
  };
}

async function* chunksOf(rows: AsyncIterable<Texts> | Iterable<Texts>): AsyncGenerator<Texts[]> {
  let chunk: Texts[] = [];
  for await (const row of rows) {
    if (chunk.push(row) < CHUNK) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/**
 * Predictions in the order of the rows, made as the rows come: 1,024 at a time.
 * @throws UsageError for a model without a trained classifier, or rows longer than it takes; DataError
 * @param request the saved model @param rows a text each, or a pair
 * @example
 * ```ts
 * import { evaluation } from 'progtuning';
 *
 * const rows: [string][] = [['a fine and touching film'], ['a dull film']];
 * for await (const { label, scores } of evaluation.predictTexts({ model: 'runs/sst2' }, rows)) {
 *   console.log(typeof label, Object.keys(scores ?? {}).join()); // string negative,positive
 * }
 * ```
 */
export async function* predictTexts(
  { model: name, adapter, maxLength = DEFAULT_LENGTH }: PredictRequest,
  rows: AsyncIterable<Texts> | Iterable<Texts>,
  options: CompileOptions & { readonly onNote?: (text: string) => void } = {},
): AsyncGenerator<Prediction> {
  const folder = await resolveModel(name);
  const named = await classNamesOf(folder, adapter);
  const found = await readHead(folder).catch((error: Error) => error);
  const own = asClassifier(adapter === undefined ? found : headWithAdapter(found, named), name);
  const head =
    adapter === undefined ? own : { ...own, numLabels: Math.max(1, named.length || own.numLabels) };
  const { model, values, notes } = await loadSaved(name, adapter, head);
  if (maxLength > longestRow(model.config))
    throw new UsageError(
      `max-length: ${maxLength} is over the model's ${longestRow(model.config)} positions`,
    );
  const tokenizer = await loadTokenizer(folder, model.config.vocabSize);
  for (const text of [...notes, ...tokenizer.warnings]) options.onNote?.(text);
  const names = named.length > 0 ? named : Array.from({ length: head.numLabels }, (_, id) => `LABEL_${id}`);
  const program = await openForward(model, values, options);
  try {
    for await (const chunk of chunksOf(rows)) {
      const features = await encodeTexts(tokenizer, chunk, maxLength);
      const logits = await featureLogits(program, model, features, { ...options, maxLength });
      for (const row of logits) yield predictionOf(row, head, names);
    }
  } finally {
    await program.close();
  }
}

/** A base model without a classifier, or with a head of another purpose: the adapter's classes say which it brings. */
function headWithAdapter(found: HeadSpec | Error, names: readonly string[]): HeadSpec | Error {
  const isClassifier = !(found instanceof Error) && found.kind === 'classification';
  return isClassifier || names.length < 2 ? found : { kind: 'classification', numLabels: names.length };
}
