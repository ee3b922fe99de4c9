/** What a classifier gets right of each class, as scikit-learn's `precision_recall_fscore_support` with `zero_division=0`. */

/** Shares from 0 to 1 of one class. */
export interface ClassScore {
  readonly label: string;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Examples of the class. */
  readonly support: number;
}

/** Every class with its scores, in the order of ids. */
export interface ClassReport {
  readonly classes: readonly ClassScore[];
  /** Rows: the true class, columns: the predicted one. One class at a time only: none for multi-label. */
  readonly confusion?: readonly (readonly number[])[];
}

interface Counts {
  readonly hits: number;
  readonly predicted: number;
  readonly actual: number;
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
const f1Of = ({ hits, predicted, actual }: Counts): number => ratio(2 * hits, predicted + actual);
const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

const scoreOf = (label: string, counts: Counts): ClassScore => ({
  label,
  precision: ratio(counts.hits, counts.predicted),
  recall: ratio(counts.hits, counts.actual),
  f1: f1Of(counts),
  support: counts.actual,
});

function summary(counts: readonly Counts[]): { f1_macro: number; f1_micro: number } {
  const pooled = {
    hits: total(counts.map(({ hits }) => hits)),
    predicted: total(counts.map(({ predicted }) => predicted)),
    actual: total(counts.map(({ actual }) => actual)),
  };
  return { f1_macro: total(counts.map(f1Of)) / counts.length, f1_micro: f1Of(pooled) };
}

export interface ClassMetrics {
  readonly metrics: Readonly<Record<'accuracy' | 'f1_macro' | 'f1_micro', number>>;
  readonly report: ClassReport;
}

/** One class at a time. The macro mean is over the classes that occur, in labels or predictions. @param names by class id */
export function classMetrics(
  predictions: ArrayLike<number>,
  labels: ArrayLike<number>,
  names: readonly string[],
): ClassMetrics {
  const confusion = names.map(() => names.map(() => 0));
  for (let i = 0; i < labels.length; i++) {
    const row = confusion[labels[i] as number] as number[];
    const column = predictions[i] as number;
    row[column] = (row[column] as number) + 1;
  }
  const counts = names.map((_, id) => ({
    hits: confusion[id]?.[id] as number,
    predicted: total(confusion.map((row) => row[id] as number)),
    actual: total(confusion[id] as number[]),
  }));
  const accuracy = ratio(total(counts.map(({ hits }) => hits)), labels.length);
  const occurring = counts.filter(({ predicted, actual }) => predicted + actual > 0);
  return {
    metrics: { accuracy, ...summary(occurring) },
    report: { classes: names.map((name, id) => scoreOf(name, counts[id] as Counts)), confusion },
  };
}

/** Any number of classes at once. Accuracy: all of an example's classes are right. @param predictions 0 or 1 by class */
export function multiLabelMetrics(
  predictions: readonly (readonly number[])[],
  labels: readonly (readonly number[])[],
  names: readonly string[],
): ClassMetrics {
  const holds = (rows: readonly (readonly number[])[], row: number, id: number): boolean =>
    rows[row]?.[id] === 1;
  const rows = labels.map((_, row) => row);
  const count = (test: (row: number) => boolean): number => rows.filter(test).length;
  const counts = names.map((_, id) => ({
    hits: count((row) => holds(predictions, row, id) && holds(labels, row, id)),
    predicted: count((row) => holds(predictions, row, id)),
    actual: count((row) => holds(labels, row, id)),
  }));
  const exact = count((row) =>
    names.every((_, id) => holds(predictions, row, id) === holds(labels, row, id)),
  );
  return {
    metrics: { accuracy: ratio(exact, rows.length), ...summary(counts) },
    report: { classes: names.map((name, id) => scoreOf(name, counts[id] as Counts)) },
  };
}
