/**
 * What an evaluation gives: a number by the metric's name. A metric that is undefined for these predictions and labels is left out; a run
 * names it in `undefinedMetrics`, with the reason.
 */
export type Metrics = Readonly<Record<string, number>>;

/** Metrics of a file: version 0.2.0 wrote null for an undefined one. */
export const definedMetrics = (metrics: Readonly<Record<string, number | null>>): Record<string, number> =>
  Object.fromEntries(Object.entries(metrics).filter((entry): entry is [string, number] => entry[1] !== null));
