/** A run as one page to look at: what was done, and its curves as static pictures. One HTML file, without scripts or anything from elsewhere. */

import { machineText } from '../experiments/machine-text.js';
import type { RunRecord } from '../experiments/run-record.js';
import { hasGeneratedData } from '../experiments/run-spec.js';
import { scheduleText } from '../progressive/schedule-text.js';
import { groupedBars } from './figure.js';
import { escapeText, type Figure, type FigureText } from './frame.js';
import { type LineSeries, lineChart } from './line-chart.js';
import { numberText, scoreEntries, scoreText } from './number-text.js';
import { settingsText } from './settings-text.js';
import { figureToSvg } from './svg.js';

/** Steps in the mean that is drawn: a fiftieth of the run. */
const smoothingOf = (steps: number): number => Math.max(1, Math.round(steps / 50));

const STAGES = 'Dotted: where a stage begins.';

/** Upright lines where the stages begin that were reached. */
const boundariesOf = ({ stages, steps }: RunRecord) =>
  stages
    .filter(({ from }) => from < steps.length)
    .map(({ stage, from }) => ({ x: from + 1, label: `stage ${stage}` }));

/** A metric of every evaluation that defines it. */
function evaluated({ evaluations }: RunRecord, name: string, label = name): LineSeries {
  const points = evaluations.flatMap(({ step, metrics }) => {
    const value = metrics[name];
    return value === undefined ? [] : [{ step, value }];
  });
  return {
    name: label,
    x: points.map(({ step }) => step),
    y: points.map(({ value }) => value),
    markers: true,
  };
}

function lossFigure(record: RunRecord, text: FigureText): Figure {
  const losses = record.steps.map(({ loss }) => loss);
  const held = evaluated(record, 'loss', 'evaluation');
  return lineChart({
    ...text,
    xTitle: 'step',
    yTitle: 'loss',
    smoothing: smoothingOf(losses.length),
    series: [
      { name: 'training', y: losses, markers: losses.length < 2 },
      ...(held.y.length > 0 ? [held] : []),
    ],
    boundaries: boundariesOf(record),
  });
}

function metricFigure(record: RunRecord, text: FigureText): Figure | undefined {
  const names = new Set(record.evaluations.flatMap(({ metrics }) => Object.keys(metrics)));
  names.delete('loss');
  const series = [...names].map((name) => evaluated(record, name)).filter(({ y }) => y.length > 0);
  if (series.length === 0) return undefined;
  const yTitle = series.length === 1 ? (series[0]?.name ?? '') : 'metric';
  return lineChart({ ...text, xTitle: 'step', yTitle, series, boundaries: boundariesOf(record) });
}

const rateFigure = (record: RunRecord, text: FigureText): Figure =>
  lineChart({
    ...text,
    xTitle: 'step',
    yTitle: 'learning rate',
    exponent: 'e',
    series: [
      {
        name: 'learning rate',
        y: record.steps.map(({ learningRate }) => learningRate),
        markers: record.steps.length < 2,
      },
    ],
    boundaries: boundariesOf(record),
  });

function parametersFigure({ stages }: RunRecord, text: FigureText): Figure {
  const most = Math.max(...stages.map(({ updatedParameters }) => updatedParameters));
  const [unit, name] = most >= 1e6 ? [1e6, 'million parameters'] : [1e3, 'thousand parameters'];
  return groupedBars({
    ...text,
    categories: stages.map(({ stage, from, to }) => `stage ${stage}: steps ${from + 1} to ${to}`),
    series: [{ name: 'updated', values: stages.map(({ updatedParameters }) => updatedParameters / unit) }],
    yTitle: `${name} a step`,
    digits: most >= 1e8 ? 1 : 2,
  });
}

function figures(record: RunRecord): Figure[] {
  const { spec, steps, best, savedFraction } = record;
  const window = smoothingOf(steps.length);
  const metric = metricFigure(record, {
    title: 'Metrics while it trained',
    caption: `On the validation data. ${STAGES}${best ? ` The weights of step ${best.step} were kept.` : ''}`,
  });
  return [
    lossFigure(record, {
      title: 'Loss',
      caption: `${window > 1 ? `Mean of the last ${window} steps; pale: each step. ` : ''}${STAGES}`,
    }),
    ...(metric ? [metric] : []),
    rateFigure(record, {
      title: 'Learning rate',
      caption: `${spec.learningRateSchedule.kind}, peak ${numberText(spec.learningRate, 4)}. ${STAGES}`,
    }),
    parametersFigure(record, {
      title: 'Parameters that train, by stage',
      caption: `Over the whole run ${(100 * savedFraction).toFixed(2)} % fewer than with everything in every step.`,
    }),
  ];
}

/** What the page says in words. */
function facts(record: RunRecord): [string, string][] {
  const { spec, steps, best, stages } = record;
  const asked = stages.at(-1)?.to ?? 0;
  const data = hasGeneratedData(spec) ? 'generated text that comes along' : spec.data;
  return [
    ['data', `${data}, ${record.trainExamples} training examples`],
    ['model', spec.model],
    ['method', `${spec.method.kind}, ${scheduleText(spec.schedule)}, T = ${spec.schedule.stages}`],
    ['settings', settingsText(spec)],
    [
      'steps',
      `${steps.length}${steps.length < asked ? ` of ${asked}: stopped early` : ''}, seed ${spec.seed}`,
    ],
    ...(best
      ? [
          ['kept', `weights of step ${best.step}: ${spec.metricForBestModel} ${scoreText(best.value)}`] as [
            string,
            string,
          ],
        ]
      : []),
    ...scoreEntries(record),
    ['time', `${Math.round(record.seconds)} s, ${(record.peakBytes / 2 ** 20).toFixed(0)} MiB at most`],
    ['machine', machineText(record.machine)],
    ['run', record.identity.key],
  ];
}

const STYLE = `:root{color-scheme:light dark}
body{font:16px/1.5 Helvetica,Arial,sans-serif;max-width:800px;margin:2rem auto;padding:0 1rem;background:#fff;color:#222}
h1{font-size:1.4rem}th{text-align:left;font-weight:600;padding-right:1.5rem;vertical-align:top}td{overflow-wrap:anywhere}
figure{margin:2rem 0;overflow-x:auto}svg{width:100%;min-width:36rem;height:auto}
@media(prefers-color-scheme:dark){body{background:#000;color:#ddd}svg{filter:invert(1) hue-rotate(180deg)}}`;

/**
 * A run as one HTML page without scripts: loss, metrics, learning rate, trained parameters by stage. Takes a second or two: its pictures are
 * drawn here.
 * @example
 * ```ts
 * import { report, run, runSpec } from 'progtuning';
 *
 * const record = await run(
 *   runSpec({ task: 'rte', data: 'embedded', model: 'progtuning-bert-6x256', epochs: 1, maxTrainExamples: 8, maxEvalExamples: 8 }),
 * );
 * console.log((await report.runPage(record)).slice(0, 15)); // <!DOCTYPE html>
 * ```
 */
export async function runPage(record: RunRecord): Promise<string> {
  const title = `Fine-tuning on ${record.spec.task}`;
  const rows = facts(record).map(
    ([name, value]) => `<tr><th>${escapeText(name)}</th><td>${escapeText(value)}</td></tr>`,
  );
  const drawn: string[] = [];
  for (const figure of figures(record)) drawn.push(`<figure>${await figureToSvg(figure)}</figure>`);
  return [
    '<!DOCTYPE html>',
    '<html lang="en">',
    '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>${escapeText(title)}</title><style>${STYLE}</style></head>`,
    `<body><h1>${escapeText(title)}</h1>`,
    `<table>${rows.join('')}</table>`,
    ...drawn,
    '</body></html>',
    '',
  ].join('\n');
}
