/** A saved classifier or regression on texts as they come: what it says of each, in order. Answers to questions: predict-answers.ts. */
import type { Texts } from '../datasets/tables/labelled.js';
import { UsageError } from '../errors.js';
import type { HeadSpec } from '../models/config.js';
import { encodeTexts } from '../tokenizers/tokenizer.js';
import { featureLogits } from '../training/evaluate.js';
import { holding, predictionsOf, probabilities } from '../training/predictions.js';
import { chunksOf } from './chunks.js';
import { openSaved, type SavedRequest, type StreamOptions, savedHead } from './open-saved.js';

export interface PredictRequest extends SavedRequest {
  /** Tokens of a row; longer ones are cut. Default: as trained; 128 where the model's folder does not say. */
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

type Classifier = Extract<HeadSpec, { kind: 'classification' }>;

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

/**
 * Predictions in the order of the rows, made as the rows come: 1024 at a time, or those that are there after `waitMs`.
 * @param rows a text each, or a pair of texts
 * @throws UsageError for a model without a trained classifier, or rows longer than it takes; DataError
 * @param request the saved model
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
  { maxLength: asked, ...request }: PredictRequest,
  rows: AsyncIterable<Texts> | Iterable<Texts>,
  options: StreamOptions = {},
): AsyncGenerator<Prediction> {
  const head = await savedHead(request);
  if (head.kind === 'span')
    throw new UsageError(`${request.model}: answers questions on texts; use predictAnswers`);
  const { model, tokenizer, program, labels, maxLength } = await openSaved(request, head, asked, options);
  try {
    for await (const chunk of chunksOf(rows, CHUNK, options.waitMs)) {
      const features = await encodeTexts(tokenizer, chunk, maxLength);
      const logits = await featureLogits(program, model, features, { ...options, maxLength });
      for (const row of logits) yield predictionOf(row, head, labels);
    }
  } finally {
    await program.close();
  }
}
