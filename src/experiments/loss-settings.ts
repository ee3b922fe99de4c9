/** What a spec says of the loss, for the classes of its task. */
import type { FeatureList } from '../datasets/batch.js';
import { DataError, UsageError } from '../errors.js';
import type { TaskHead } from '../models/heads.js';
import type { LossSettings } from '../training/objective.js';
import type { RunSpec } from './run-spec.js';

/**
 * n / (C n_c) for each class, as scikit-learn's `compute_class_weight('balanced')`.
 * @throws DataError for a class without a row: what it weighs would be anything
 */
function balanced(train: FeatureList, labels: readonly string[], data: string): number[] {
  const counts = labels.map(() => 0);
  for (const { label = 0 } of train) counts[label] = (counts[label] as number) + 1;
  const missing = labels.find((_, id) => counts[id] === 0);
  if (missing !== undefined)
    throw new DataError(
      `${data}: --class-weights balanced: no training row has class '${missing}'; take more rows, or give the weights as numbers`,
    );
  return counts.map((count) => train.length / (labels.length * count));
}

/** @throws UsageError where the task has no classes of which one holds, or another number of them; DataError as {@link balanced} */
export function lossSettings(
  { labelSmoothingFactor: labelSmoothing, classWeights, task, data }: RunSpec,
  head: TaskHead,
  train: FeatureList,
  labels: readonly string[],
): LossSettings {
  if (labelSmoothing === undefined && classWeights === undefined) return {};
  const option = classWeights === undefined ? '--label-smoothing-factor' : '--class-weights';
  if (head.kind !== 'classification' || head.multiLabel || head.numLabels < 2)
    throw new UsageError(`${option} is for tasks with classes of which one holds, not for ${task}`);
  if (classWeights === undefined) return { labelSmoothing };
  if (classWeights === 'balanced') return { labelSmoothing, classWeights: balanced(train, labels, data) };
  if (classWeights.length !== head.numLabels)
    throw new UsageError(
      `--class-weights: ${classWeights.length} numbers for ${head.numLabels} classes (${labels.join(', ')}); give one each, in this order`,
    );
  return { labelSmoothing, classWeights };
}
