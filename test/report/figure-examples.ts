/** One figure of each kind, from made-up numbers: snapshots and a page for the eye are drawn from them. And the README's, from counts. */
import { type ModelConfig, PRESETS } from '../../src/models/config.js';
import { modelSpecs } from '../../src/models/specs.js';
import { trainedBlocks } from '../../src/progressive/schedule.js';
import { countedUpdates } from '../../src/progressive/updates.js';
import { boxPlot, groupedBars } from '../../src/report/figure.js';
import type { Figure } from '../../src/report/frame.js';
import { lineChart } from '../../src/report/line-chart.js';
import { paretoFigure } from '../../src/report/pareto-figure.js';
import { scheduleGrid } from '../../src/report/schedule-grid.js';
import { budgetCells } from './made-cells.js';

const caption =
  'BERT 4 x 256, random initialisation; made-up numbers for the tests; seeds 1-5; 2-core machine, no accelerator. Bars: mean, whiskers: 95 % interval.';

const losses = (floor: number) =>
  Array.from({ length: 90 }, (_, i) => floor + 0.6 * Math.exp(-i / 30) + 0.08 * Math.sin(i * 12.9898));

const blocks = ['embeddings', ...Array.from({ length: 12 }, (_, i) => `block ${i + 1}`), 'task head'];

export const EXAMPLES: Readonly<Record<string, Figure>> = {
  'line-chart': lineChart({
    title:
      'Both schedules reach the same loss, although the progressive one updates a quarter fewer parameters',
    caption,
    xTitle: 'Step',
    yTitle: 'Training loss (cross-entropy, nats)',
    series: [
      { name: 'Full fine-tuning', y: losses(0.2) },
      { name: 'Progtuning, T = 3', y: losses(0.23) },
    ],
    smoothing: 10,
    boundaries: [
      { x: 1, label: 'stage 1' },
      { x: 31, label: 'stage 2' },
      { x: 61, label: 'stage 3' },
    ],
  }),
  'grouped-bars': groupedBars({
    title: 'Progtuning updates fewer parameters in every method',
    caption,
    yTitle: 'Updated parameters over the run (millions)',
    categories: ['Full fine-tuning', 'Adapter (Houlsby, 64)', 'BitFit', 'LoRA r = 8'],
    series: [
      { name: 'all blocks, every epoch', values: [328.4, 7.1, 0.31, 0.88] },
      { name: 'progressive', values: [243.4, 4.8, 0.2, 0.6] },
    ],
    digits: 1,
  }),
  'grouped-bars-errors': groupedBars({
    title: 'Accuracy by schedule: the intervals overlap on every task',
    caption,
    yTitle: 'Accuracy on the development set (%)',
    categories: ['SST-2', 'MRPC', 'RTE', 'QNLI'],
    series: [
      { name: 'full', values: [91.2, 84.1, 65.3, null], errors: [0.4, 1.2, 2.2, null] },
      { name: 'progressive', values: [91, 84.6, 64.1, 88], errors: [0.5, 1, 2.5, 0.6] },
      { name: 'growing', values: [89.5, 82, 60.3, 85.5], errors: [0.6, 1.3, 2.1, 0.8] },
    ],
  }),
  pareto: paretoFigure(
    budgetCells(),
    'updates',
    'A quarter fewer updates than three epochs, and two points below them',
  ),
  points: groupedBars({
    title: 'The same numbers as points, on an axis that does not start at zero',
    caption,
    yTitle: 'Accuracy on the development set, mean of five seeds with its 95 % interval (%)',
    marks: 'points',
    categories: ['SST-2', 'MRPC'],
    series: [
      { name: 'full', values: [91.2, 84.1], errors: [0.4, 1.2] },
      { name: 'progressive', values: [91, 84.6], errors: [0.5, 1] },
    ],
  }),
  'box-plot': boxPlot({
    title: 'Five seeds a schedule <no outlier hidden>',
    caption,
    yTitle: 'Matthews correlation',
    groups: [
      { name: 'full', values: [0.51, 0.55, 0.53, 0.58, 0.49] },
      { name: 'progressive', values: [0.5, 0.56, 0.54, 0.57, 0.52] },
      { name: 'growing', values: [0.41, 0.44, 0.47, 0.4, 0.45] },
    ],
  }),
  'schedule-grid': scheduleGrid({
    title: 'Each epoch trains four blocks fewer, from the bottom up',
    caption,
    rows: blocks.map((label, row) => ({
      label,
      trained: [0, 1, 2].map((stage) => row === 0 || row > 12 || row > stage * 4),
    })),
    columns: ['epoch 1', 'epoch 2', 'epoch 3'],
    notes: ['100 % updated', '74.1 %', '48.2 %'],
  }),
};

const SCHEDULE = { kind: 'progressive', stages: 3, embeddings: 'always' } as const;
const bert = PRESETS['bert-base-uncased'] as ModelConfig;
const STAGES = [1, 2, 3];
const updated = countedUpdates(SCHEDULE, 3, bert, modelSpecs(bert, { kind: 'classification', numLabels: 2 }));

/** Progtuning of BERT-base at T = 3: `docs/figures/schedule.svg`. */
export const README_FIGURE: Figure = scheduleGrid({
  title: 'Each epoch trains fewer blocks, from the top down to the fewest',
  caption: 'BERT-base, T = 3, embeddings in every stage. On top: parameters updated in the epoch, counted.',
  rows: [
    { label: 'embeddings', trained: STAGES.map(() => true) },
    ...Array.from({ length: bert.numHiddenLayers }, (_, block) => ({
      label: `block ${block + 1}`,
      trained: STAGES.map((stage) => trainedBlocks(SCHEDULE, stage, bert).has(block)),
    })),
    { label: 'head', trained: STAGES.map(() => true) },
  ],
  columns: STAGES.map((stage) => `epoch ${stage}`),
  notes: updated.map((count) => `${(count / 1e6).toFixed(1)} M`),
});
