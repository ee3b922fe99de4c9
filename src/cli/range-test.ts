/** `finetune --find-learning-rate`: a learning-rate range test -> its curve and a suggestion. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { learningRateRange, type RangeTest, steepest } from '../experiments/learning-rate-range.js';
import type { RunSpec } from '../experiments/run-spec.js';
import { writeTextAtomically } from '../models/config-file.js';
import { lineChart } from '../report/line-chart.js';
import { canDraw, DRAWING_PACKAGES, figureToSvg } from '../report/svg.js';
import { textCurve } from '../report/text-curve.js';
import { type EngineFlags, withEngine } from './engine-options.js';
import { note } from './progress.js';

interface RangeFlags extends EngineFlags {
  readonly save?: string;
  readonly json?: boolean;
}

const rateText = (rate: number): string => Number(rate.toPrecision(2)).toExponential();

/** A range test as text: the smoothed loss over the rate, and the rate to try. */
export function rangeText({ points, suggestion }: RangeTest, spec: RunSpec): string {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return 'no step: the first loss is not a finite number';
  const curve = textCurve({
    x: points.map(({ learningRate }) => Math.log10(learningRate)),
    y: points.map(({ smoothed }) => smoothed),
    xLabels: [rateText(first.learningRate), rateText(last.learningRate)],
    marked: steepest(points),
  });
  const told =
    suggestion === null
      ? 'the loss nowhere falls: more rows, or another --batch-size'
      : `the loss falls fastest at ${rateText(suggestion)}: try --learning-rate ${rateText(suggestion)} (now ${rateText(spec.learningRate)})`;
  return [`loss, smoothed, over the learning rate: ${points.length} steps`, ...curve, told].join('\n');
}

const figureOf = ({ points, suggestion }: RangeTest, spec: RunSpec): ReturnType<typeof lineChart> => {
  const x = points.map(({ learningRate }) => Math.log10(learningRate));
  const mark = suggestion === null ? [] : [{ x: Math.log10(suggestion), label: rateText(suggestion) }];
  return lineChart({
    title:
      suggestion === null ? 'The loss nowhere falls' : `The loss falls fastest at ${rateText(suggestion)}`,
    caption: `Range test of ${points.length} steps: ${spec.task}, ${spec.method.kind}, batch ${spec.batchSize}, seed ${spec.seed}; model ${spec.model}.`,
    xTitle: 'learning rate (power of ten)',
    yTitle: 'training loss',
    series: [
      { name: 'smoothed', x, y: points.map(({ smoothed }) => smoothed) },
      { name: 'of each step', x, y: points.map(({ loss }) => loss) },
    ],
    boundaries: mark,
  });
};

export async function rangeTest(spec: RunSpec, flags: RangeFlags): Promise<void> {
  const { threads, device, profile, save, json } = flags;
  const engineFlags = { threads, device, ...(profile === undefined ? {} : { profile }) };
  const test = await withEngine(engineFlags, (engine) =>
    learningRateRange(spec, {
      ...engine,
      onEvent: (event) => {
        if (event.kind === 'warning') process.stderr.write(`${event.text}\n`);
      },
    }),
  );
  const value = { suggestion: test.suggestion, points: test.points };
  process.stdout.write(`${json ? JSON.stringify(value) : rangeText(test, spec)}\n`);
  if (save === undefined) return;
  await mkdir(save, { recursive: true });
  await writeTextAtomically(join(save, 'learning_rate_range.json'), `${JSON.stringify(value, null, 2)}\n`);
  if (!canDraw()) return note(`the curve is not drawn; to draw it: npm install ${DRAWING_PACKAGES}`);
  const svg = await figureToSvg(figureOf(test, spec));
  await writeTextAtomically(join(save, 'learning_rate_range.svg'), svg);
}
