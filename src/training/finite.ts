/** A run that has diverged stops at once: nothing after the first NaN means anything. */
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
    formerLoss === undefined ? 'no step was good' : `last good loss ${formerLoss.toFixed(4)} at step ${step}`;
  throw new DataError(
    `step ${step + 1}${where}: ${what}, learning rate ${learningRate}; ${last}; lower --learning-rate or use --warmup-ratio`,
  );
}
