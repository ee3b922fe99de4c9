/** A run that has diverged stops at once, and so does an evaluation: nothing after the first NaN means anything. */
import { DataError } from '../errors.js';

export interface StepOutcome {
  /** 0-based over the whole run. */
  readonly step: number;
  readonly epoch?: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
}

/** @param formerLoss of the step before @throws DataError when loss or gradient norm is not finite, with the last good loss */
export function checkFinite(outcome: StepOutcome, formerLoss: number | undefined): void {
  const { step, epoch, loss, gradientNorm, learningRate } = outcome;
  if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
  const what = Number.isFinite(loss) ? `gradient norm is ${gradientNorm}` : `loss is ${loss}`;
  const where = epoch === undefined ? '' : ` (epoch ${epoch + 1})`;
  const last =
    formerLoss === undefined
      ? 'no step was good'
      : `last good loss ${Number(formerLoss.toPrecision(5))} at step ${step}`;
  throw new DataError(
    `step ${step + 1}${where}: ${what}, learning rate ${learningRate}; ${last}; lower --learning-rate or use --warmup-ratio`,
  );
}

/**
 * Scores before they become predictions: of NaN the argmax is class 0, and counted as if the model had said so.
 * @param feature 0-based: the row, or window of SQuAD @throws DataError for one that is not finite
 */
export function checkFiniteLogits(logits: Float32Array, feature: number): void {
  const wrong = logits.find((value) => !Number.isFinite(value));
  if (wrong === undefined) return;
  throw new DataError(
    `evaluation: the model's score for row ${feature + 1} is ${wrong}, so nothing can be scored: its weights hold numbers that are not finite or too big; fine-tune anew with a lower --learning-rate or with --warmup-ratio, or get the checkpoint again`,
  );
}

/** A perplexity of NaN is none. @throws DataError when the held-out loss is not finite */
export function checkFiniteHeldOut(loss: number): void {
  if (Number.isFinite(loss)) return;
  throw new DataError(
    `evaluation: the held-out loss is ${loss}: the model's weights hold numbers that are not finite or too big; go on from an older snapshot with a lower --learning-rate`,
  );
}
