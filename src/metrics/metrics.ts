/** What an evaluation gives: a number by the metric's name, or null where the metric is undefined for these predictions and labels. */
export type Metrics = Readonly<Record<string, number | null>>;
