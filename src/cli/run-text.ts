/** What a person reads of a run: before its first step, and of its record. */
import type { RunRecord } from '../experiments/run-record.js';
import type { RunSpec } from '../experiments/run-spec.js';
import type { ClassReport } from '../metrics/classes.js';
import { numberText, scoreText } from '../report/number-text.js';
import { duration } from './progress.js';

const million = (count: number): string => `${(count / 1e6).toFixed(2)} M`;

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

/** `embedded` is never silently the data. */
function dataText({ task, data, columns, validationFile, validationSplit, testFile }: RunSpec): string {
  if (data === 'embedded')
    return `embedded data (generated text in the shape of ${task}; --data names real data)`;
  if (data === 'hub') return `data of ${task} from the Hugging Face hub`;
  const held = validationSplit ? `${100 * validationSplit} % of it held out to evaluate` : undefined;
  const named =
    columns &&
    `text '${[columns.text, columns.textPair].filter(Boolean).join("' + '")}', label '${columns.label}'`;
  const others = [
    named,
    validationFile && `evaluated on ${validationFile}`,
    held,
    testFile && `test ${testFile}`,
  ];
  return [data, ...others.filter(Boolean)].join(', ');
}

const settingsText = (spec: RunSpec): string =>
  `${spec.epochs} epochs, batch ${spec.batchSize * spec.gradientAccumulationSteps}, learning rate ${numberText(spec.learningRate, 4)} ${spec.learningRateSchedule.kind}, at most ${spec.maxLength} tokens`;

const methodText = ({ method, schedule }: RunSpec): string =>
  `${method.kind}, ${schedule.kind} (T = ${schedule.stages}, embeddings ${schedule.embeddings})`;

/** One line: task, data, model, method and settings. */
export const planText = (spec: RunSpec): string =>
  `${spec.task} on ${dataText(spec)}; model ${spec.model}; ${methodText(spec)}; ${settingsText(spec)}, seed ${spec.seed}`;

const LONGEST_NAME = 24;
const COLUMNS = ['precision', 'recall', 'f1', 'support'] as const;

/** The report as scikit-learn prints it, and the confusion matrix. */
function classLines(split: string, { classes, confusion }: ClassReport): string[] {
  const width = Math.min(LONGEST_NAME, Math.max(5, ...classes.map(({ label }) => label.length)));
  const name = (label: string): string => label.slice(0, width).padEnd(width);
  const rows = classes.map(
    ({ label, precision, recall, f1, support }) =>
      `    ${name(label)} ${[precision, recall, f1].map((value) => value.toFixed(3).padStart(9)).join(' ')} ${String(support).padStart(9)}`,
  );
  const head = `    ${name('class')} ${COLUMNS.map((column) => column.padStart(9)).join(' ')}`;
  const matrix = confusion?.map(
    (row, id) =>
      `    ${name(classes[id]?.label ?? '')} ${row.map((count) => String(count).padStart(7)).join(' ')}`,
  );
  const drawn = matrix
    ? [`  ${split}, rows: true class, columns: predicted, in the same order`, ...matrix]
    : [];
  return [`  ${split}, by class`, head, ...rows, ...drawn];
}

/** Beyond so many classes the report is only in the saved files. */
const SHOWN_CLASSES = 30;

/** What is printed of a finished run. */
export function recordText(record: RunRecord): string {
  const { spec } = record;
  const metrics = Object.entries(record.metrics).map(
    ([name, value]) => `${name} ${scoreText(value, record.undefinedMetrics[name])}`,
  );
  const updated = record.updatedParameters.map(million).join(', ');
  const reports = Object.entries(record.classReports ?? {}).filter(
    ([, { classes }]) => classes.length <= SHOWN_CLASSES,
  );
  return [
    `${spec.task}, ${methodText(spec)}, seed ${spec.seed}`,
    `  data     ${dataText(spec)}: ${record.trainExamples} training examples; model ${spec.model}`,
    `  settings ${settingsText(spec)}`,
    `  dev      ${metrics.join(', ')}`,
    ...reports.flatMap(([split, report]) => classLines(split, report)),
    `  updated  ${updated} per epoch; ${(100 * record.savedFraction).toFixed(2)} % fewer than without a schedule`,
    `  time     ${duration(record.seconds)}; epochs ${record.secondsPerEpoch.map((seconds) => `${seconds.toFixed(1)} s`).join(', ')}`,
    `  memory   ${mebibytes(record.peakBytes)} MiB at most; epochs ${record.peakBytesPerEpoch.map((bytes) => `${mebibytes(bytes)} MiB`).join(', ')}`,
  ].join('\n');
}
