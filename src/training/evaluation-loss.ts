/** The loss of an evaluation, from its logits: HF's `eval_loss`. */
import type { Feature, FeatureList } from '../datasets/batch.js';
import type { TaskHead } from '../models/heads.js';
import { firstPredicted } from './next-token.js';

/** ln(sum e^x), without overflow. */
function logSumExp(values: Float32Array): number {
  const most = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}

/** ln(1 + e^x), without overflow. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

function lossOf(
  { numLabels, multiLabel }: { numLabels: number; multiLabel?: true },
  logits: Float32Array,
  feature: Feature,
): number {
  const { label = 0, classes = [] } = feature;
  if (multiLabel)
    return logits.reduce((sum, x, id) => sum + softplus(x) - x * (classes[id] ?? 0), 0) / numLabels;
  if (numLabels === 1) return ((logits[0] as number) - label) ** 2;
  return logSumExp(logits) - (logits[label] as number);
}

/** Mean over the predicted tokens of all features. @param losses of each token after the first, by feature */
function nextTokenMean(features: FeatureList, losses: readonly Float32Array[]): number {
  return meanOf(losses.map((row, i) => row.subarray(firstPredicted(features.at(i)?.label) - 1)));
}

function meanOf(losses: readonly Float32Array[]): number {
  const sum = losses.reduce((total, row) => row.reduce((a, b) => a + b, total), 0);
  return sum / losses.reduce((total, { length }) => total + length, 0);
}

/**
 * Mean over the features: cross-entropy, for scores the squared error, for multi-label the mean over the classes (as `headLoss`).
 * Smoothing and class weights are of training only, so that the losses of different settings can be compared.
 * @returns undefined for spans: their evaluation windows hold no one answer
 */
export function evaluationLoss(
  head: TaskHead,
  features: FeatureList,
  logits: readonly Float32Array[],
): number | undefined {
  if (head.kind === 'span') return undefined;
  if (head.kind === 'causal-lm') return nextTokenMean(features, logits);
  if (head.kind === 'seq2seq-lm') return meanOf(logits);
  return (
    logits.reduce((sum, row, i) => sum + lossOf(head, row, features.at(i) as Feature), 0) / logits.length
  );
}
