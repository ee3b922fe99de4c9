/**
 * What evaluations while training decide: which weights are kept, and when to stop, as Hugging Face's `Trainer` and
 * `EarlyStoppingCallback`. Everything follows from the evaluations alone, so that a resumed run decides alike.
 */
import { definedMetrics } from '../metrics/metrics.js';
import * as z from '../schema.js';

export const evaluationSchema = z.object({
  /** Steps done. */
  step: z.number(),
  /** Epochs done, with their part. */
  epoch: z.number(),
  /** By name. A metric that is undefined for these predictions is left out. */
  metrics: z.record(z.string(), z.number().nullable()).transform(definedMetrics),
  /** Why metrics are undefined, by name, where any is. */
  undefinedMetrics: z.record(z.string(), z.string()).exactOptional(),
  seconds: z.number(),
  examples: z.number(),
});

/** An evaluation while training. */
export type EvaluationRecord = Readonly<z.infer<typeof evaluationSchema>>;

/** What decides over best model and early stopping. */
export interface Selection {
  /** Of the evaluations' metrics. */
  readonly metric: string;
  readonly greaterIsBetter: boolean;
  /** The weights of the best evaluation are those that the run leaves. */
  readonly loadBest: boolean;
  /** Stops when so many evaluations in a row are no better than the best. */
  readonly patience?: number | undefined;
  /** What an evaluation must be better by to count for patience. */
  readonly threshold: number;
}

/** Where a run stands with its evaluations. */
export interface Selected {
  readonly best?: { readonly step: number; readonly value: number };
  /** Evaluations in a row that did not count as better. */
  readonly waited: number;
  readonly stops: boolean;
}

/** Where a run stands after these evaluations. An undefined metric is never better. Ties: the first one stays the best. */
export function selected(
  evaluations: readonly Pick<EvaluationRecord, 'step' | 'metrics'>[],
  { metric, greaterIsBetter, patience = Number.POSITIVE_INFINITY, threshold }: Selection,
): Selected {
  let best: Selected['best'];
  let waited = 0;
  for (const { step, metrics } of evaluations) {
    const value = metrics[metric];
    const gain =
      value === undefined
        ? -1
        : best === undefined
          ? Infinity
          : (value - best.value) * (greaterIsBetter ? 1 : -1);
    waited = gain > 0 && gain > threshold ? 0 : waited + 1;
    if (value !== undefined && gain > 0) best = { step, value };
    if (waited >= patience) return { ...(best ? { best } : {}), waited, stops: true };
  }
  return { ...(best ? { best } : {}), waited, stops: false };
}
