/** Evaluations while a run trains, and the last one: what was inferred for the weights that are kept is not inferred again. */
import type { FeatureList } from '../datasets/batch.js';
import { UsageError } from '../errors.js';
import type { TaskHead } from '../models/heads.js';
import { evaluationLoss } from '../training/evaluation-loss.js';
import type { EvaluationRecord } from '../training/selection.js';
import type { RunSpec } from './run-spec.js';
import type { Infer, PreparedEvaluation } from './run-task.js';

/**
 * @param names of the task's metrics
 * @throws UsageError where there is nothing to evaluate on while training, or no such metric
 */
export function checkEvaluates(
  { evalStrategy, metricForBestModel: metric }: RunSpec,
  head: TaskHead,
  names: readonly string[],
): void {
  if (evalStrategy === undefined) return;
  if (names.length === 0)
    throw new UsageError(
      `--eval-strategy ${evalStrategy}: there is no validation data; give --validation-file or --validation-split`,
    );
  const known = head.kind === 'span' ? names : ['loss', ...names];
  if (metric !== undefined && !known.includes(metric))
    throw new UsageError(`--metric-for-best-model ${metric}: an evaluation gives ${known.join(', ')}`);
}

type Logits = Map<FeatureList, readonly Float32Array[]>;

export interface Validation {
  /** Evaluates the validation splits with the weights of now. */
  evaluate(): Promise<Omit<EvaluationRecord, 'step' | 'epoch'>>;
  /** The weights of the last evaluation are the best ones so far. */
  keepAsBest(): void;
  /**
   * For the weights that a run leaves.
   * @param evaluated whether they are those of the last evaluation or the best one, made in this process
   */
  inferKept(evaluated: 'last' | 'best' | undefined): Infer;
}

export function validation(head: TaskHead, prepared: PreparedEvaluation, infer: Infer): Validation {
  let last: Logits = new Map();
  let best: Logits = new Map();
  return {
    async evaluate() {
      const start = performance.now();
      const inferred: Logits = new Map();
      const { metrics, undefinedMetrics } = await prepared.evaluate(async (split, features) => {
        const logits = await infer(split, features);
        inferred.set(features, logits);
        return logits;
      }, 'validation');
      last = inferred;
      const [first] = inferred;
      const loss = first && evaluationLoss(head, ...first);
      const examples = [...inferred.keys()].reduce((sum, { length }) => sum + length, 0);
      const seconds = (performance.now() - start) / 1000;
      return {
        metrics: { ...(loss === undefined ? {} : { loss }), ...metrics },
        ...(Object.keys(undefinedMetrics).length > 0 ? { undefinedMetrics } : {}),
        ...{ seconds, examples },
      };
    },
    keepAsBest() {
      best = last;
    },
    inferKept(evaluated) {
      const known: Logits = evaluated === 'best' ? best : evaluated === 'last' ? last : new Map();
      return async (split, features) => [...(known.get(features) ?? (await infer(split, features)))];
    },
  };
}
