/** What an evaluation gives: a number by the metric's name, or null where the metric is undefined for these predictions and labels. */
export type Metrics = Readonly<Record<string, number | null>>;

/** How an undefined metric is shown; the warning of its evaluation says which side was constant. */
export const UNDEFINED = 'undefined: one class predicted';
