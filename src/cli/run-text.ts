/** What a person reads of a run: before its first step, and of its record. */
import { isShippedData } from '../datasets/source.js';
import type { RunEvent, StageRecord } from '../experiments/run-events.js';
import type { RunRecord } from '../experiments/run-record.js';
import { isSpanTask, type RunSpec } from '../experiments/run-spec.js';
import type { ClassReport } from '../metrics/classes.js';
import { isAdaptive } from '../progressive/schedule.js';
import { scheduleText } from '../progressive/schedule-text.js';
import { scoresText, scoreText } from '../report/number-text.js';
import { settingsText } from '../report/settings-text.js';
import { duration } from './progress.js';

const million = (count: number): string => `${(count / 1e6).toFixed(2)} M`;

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

/** Generated text is never silently the data. */
function dataText({ task, data, columns, validationFile, validationSplit, testFile }: RunSpec): string {
  if (isShippedData(data))
    return `${data} data (generated ${data === 'plain' ? 'plain ' : ''}text in the shape of ${task}; --data names real data)`;
  if (data === 'hub') return `data of ${task} from the Hugging Face hub`;
  const held = validationSplit ? `${100 * validationSplit} % of it held out to evaluate` : undefined;
  const named =
    columns &&
    `text '${[columns.text, columns.textPair].filter(Boolean).join("' + '")}'${columns.label === undefined ? '' : `, label '${columns.label}'`}`;
  const others = [
    named,
    validationFile && `evaluated on ${validationFile}`,
    held,
    testFile && `test ${testFile}`,
  ];
  return [data, ...others.filter(Boolean)].join(', ');
}

/** Three digits each, from the lowest block up. */
export const contributionsText = (contributions: readonly number[]): string =>
  contributions.map((value) => Number(value.toPrecision(3))).join(', ');

const methodText = ({ method, schedule }: RunSpec): string =>
  `${method.kind}, ${scheduleText(schedule)} (${schedule.kind === 'lisa' ? '' : `T = ${schedule.stages}, `}embeddings ${schedule.embeddings})`;

/** One line: task, data, model, method and settings. */
export const planText = (spec: RunSpec): string =>
  `${spec.task} on ${dataText(spec)}; model ${spec.model}; ${methodText(spec)}; ${settingsText(spec)}, seed ${spec.seed}`;

/** `blocks 5-12`, as the paper counts, from 1. */
export function blocksText({ blocks, embeddings }: StageRecord): string {
  const [first, last] = [(blocks[0] ?? 0) + 1, (blocks.at(-1) ?? 0) + 1];
  const isRange = blocks.length === last - first + 1;
  const named = isRange
    ? `block${first === last ? ` ${first}` : `s ${first}-${last}`}`
    : `blocks ${blocks.map((block) => block + 1).join(', ')}`;
  return `${blocks.length === 0 ? 'no block' : named}${embeddings ? ' and embeddings' : ''}`;
}

/** What evaluations decide. */
function choiceText(spec: RunSpec): string[] {
  const { evalStrategy, evalSteps, loadBestModelAtEnd, metricForBestModel, greaterIsBetter } = spec;
  if (evalStrategy === undefined) return [];
  const best = `${greaterIsBetter ? 'highest' : 'lowest'} ${metricForBestModel}`;
  const { earlyStoppingPatience: patience, earlyStoppingThreshold: threshold } = spec;
  const more = threshold === undefined ? '' : ` by more than ${threshold}`;
  return [
    `evaluated every ${evalStrategy === 'epoch' ? 'epoch' : `${evalSteps} steps`}`,
    ...(loadBestModelAtEnd ? [`keeps the weights with the ${best}`] : []),
    ...(patience === undefined
      ? []
      : [`stops after ${patience} evaluations without a better ${metricForBestModel}${more}`]),
  ];
}

/**
 * Steps below which generated sentiment is hardly told from chance by the model that ships: 189 gave 49.8 and 54.0 % accuracy (two seeds),
 * 2250 gave 68.6, 70.6 and 74.0 % (learning rate 3e-4, at most 32 tokens).
 */
const ENOUGH_FOR_GENERATED = 2000;

/** What to use instead, where so few steps of generated text teach hardly anything. */
const fewStepsText = ({ data, task }: RunSpec, totalSteps: number): string[] =>
  data === 'embedded' && !isSpanTask(task) && totalSteps < ENOUGH_FOR_GENERATED
    ? [
        `generated text is learnt slowly: of sst2 the model that ships tells 50 to 54 % right after 189 steps, 69 to 74 % after 2250; for as many: --batch-size 8 --epochs 9 --stages 3 --warmup-ratio 0.1`,
      ]
    : [];

/** LISA has a stage for each draw. */
const SHOWN_STAGES = 24;

/** What a run will do, before its first step: a line for its budget and one for each stage. */
export function stagesText(
  spec: RunSpec,
  {
    totalSteps,
    stepsPerEpoch,
    stages,
  }: Pick<Extract<RunEvent, { kind: 'loaded' }>, 'totalSteps' | 'stepsPerEpoch' | 'stages'>,
): string {
  const most = isAdaptive(spec.schedule) ? 'at most ' : '';
  const line = (stage: StageRecord): string =>
    `  stage ${stage.stage}: steps ${stage.from + 1}-${stage.to}, ${most}${blocksText(stage)}, head: ${million(stage.updatedParameters)} parameters`;
  const left = stages.length - SHOWN_STAGES;
  const more = left > 0 ? [`  and ${left} more, ${spec.schedule.kind}`] : [];
  const lines = [...stages.slice(0, SHOWN_STAGES).map(line), ...more];
  const budget = [`${totalSteps} steps, ${stepsPerEpoch} an epoch`, ...choiceText(spec)].join('; ');
  return [...fewStepsText(spec, totalSteps), budget, ...lines].join('\n');
}

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

/** Which weights a run left, where evaluations chose them or ended it. */
function keptText({ spec, best, steps, stages }: RunRecord): string[] {
  const [done, asked] = [steps.length, stages.at(-1)?.to ?? 0];
  const stopped = done < asked ? [`stopped after step ${done} of ${asked}`] : [];
  const kept = best
    ? [`weights of step ${best.step}: ${spec.metricForBestModel} ${scoreText(best.value)}`]
    : [];
  const told = [...stopped, ...kept];
  return told.length > 0 ? [`  kept     ${told.join('; ')}`] : [];
}

/** What parts were cut by, or what froze. */
function measuredText({ contributions, frozenBlocks }: RunRecord): string[] {
  return [
    ...(contributions
      ? [`  measured contribution of blocks 1-${contributions.length}: ${contributionsText(contributions)}`]
      : []),
    ...(frozenBlocks
      ? [`  frozen   ${frozenBlocks.join(', ')} low blocks after stages 1-${frozenBlocks.length}`]
      : []),
  ];
}

/** What is printed of a finished run. */
export function recordText(record: RunRecord): string {
  const { spec } = record;
  const updated = record.updatedParameters.map(million).join(', ');
  const reports = Object.entries(record.classReports ?? {}).filter(
    ([, { classes }]) => classes.length <= SHOWN_CLASSES,
  );
  return [
    `${spec.task}, ${methodText(spec)}, seed ${spec.seed}`,
    `  data     ${dataText(spec)}: ${record.trainExamples} training examples; model ${spec.model}`,
    `  settings ${settingsText(spec)}`,
    `  dev      ${scoresText(record)}`,
    ...keptText(record),
    ...reports.flatMap(([split, report]) => classLines(split, report)),
    ...measuredText(record),
    `  updated  ${updated} per epoch; ${(100 * record.savedFraction).toFixed(2)} % fewer than without a schedule`,
    `  time     ${duration(record.seconds)}; epochs ${record.secondsPerEpoch.map((seconds) => `${seconds.toFixed(1)} s`).join(', ')}`,
    `  memory   ${mebibytes(record.peakBytes)} MiB at most; epochs ${record.peakBytesPerEpoch.map((bytes) => `${mebibytes(bytes)} MiB`).join(', ')}`,
  ].join('\n');
}
