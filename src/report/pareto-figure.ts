/** Score against cost, with the front of what nothing beats in both. */
import { mean, sampleStandardDeviation } from 'simple-statistics';
import type { GridCell } from '../experiments/notebook-runs.js';
import type { RunSpec } from '../experiments/run-spec.js';
import { type Budget, costOf } from './budget.js';
import { COLOURS, escapeText, type Figure, frame, pick, QUIET, SYMBOLS, type Trace } from './frame.js';
import { countedScore } from './pairs.js';
import { groupRuns, provenance } from './run-table.js';
import { methodName } from './task-table.js';

/** A schedule with its mean cost and score over tasks and seeds. */
export interface ParetoPoint {
  readonly name: string;
  /** Schedules of one kind share mark and colour. */
  readonly family: string;
  readonly cost: number;
  /** Points. */
  readonly score: number;
  /** Standard deviation of the seeds' means over tasks; null of one seed. */
  readonly deviation: number | null;
  /** No other costs as little and scores as much, and better in one of both. */
  readonly isFront: boolean;
}

const FAMILIES: Readonly<Record<RunSpec['schedule']['kind'], string>> = {
  full: 'full fine-tuning',
  progressive: 'Progtuning',
  growing: 'growing order',
  random: 'random order',
  'only-block': 'one block',
  'top-blocks': 'top blocks only',
  lisa: 'LISA',
};

/** Full fine-tuning is run with several budgets. */
function nameOf({ spec }: GridCell): string {
  const { schedule, epochs, maxSteps } = spec;
  if (schedule.kind !== 'full') return methodName(spec);
  return `${methodName(spec)}, ${maxSteps === undefined ? `${epochs} epoch${epochs === 1 ? '' : 's'}` : `${maxSteps} steps`}`;
}

/**
 * One point for each schedule of which every task has a run with that cost; the cheapest first.
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('order');
 * console.log(comparison.paretoPoints(cells, 'updates').some(({ isFront }) => isFront)); // true
 * ```
 */
export function paretoPoints(cells: readonly GridCell[], budget: Budget): ParetoPoint[] {
  const points = groupRuns(cells, nameOf).flatMap(({ name, records }) => {
    const spent = records.map((record) => costOf(record, budget));
    const [first] = records;
    if (!first || spent.some((cost) => cost === undefined)) return [];
    const seeds = [...new Set(records.map(({ spec }) => spec.seed))];
    const scores = seeds.map((seed) =>
      mean(records.filter(({ spec }) => spec.seed === seed).map(countedScore)),
    );
    return [
      {
        name,
        family: FAMILIES[first.spec.schedule.kind],
        cost: mean(spent as number[]),
        score: mean(scores),
        deviation: scores.length > 1 ? sampleStandardDeviation(scores) : null,
      },
    ];
  });
  const beaten = (point: (typeof points)[number]): boolean =>
    points.some(
      ({ cost, score }) =>
        cost <= point.cost && score >= point.score && (cost < point.cost || score > point.score),
    );
  return points
    .map((point) => ({ ...point, isFront: !beaten(point) }))
    .sort((a, b) => a.cost - b.cost || a.score - b.score);
}

const AXES: Readonly<Record<Budget, string>> = {
  updates: 'scalar updates of a run, billions',
  seconds: 'training time of a run, s',
  memory: 'peak memory of a run, MiB',
};

/** What the picture says, for those who do not see it. */
function altText(points: readonly ParetoPoint[], budget: Budget): string {
  const front = points.filter(({ isFront }) => isFront);
  const said = front.map(
    ({ name, cost, score }) => `${name} (${Number(cost.toPrecision(4))}: ${score.toFixed(1)})`,
  );
  return `Mean score in points against ${AXES[budget]}, ${points.length} schedules. Nothing beats in both, from the cheapest up: ${said.join('; ')}.`;
}

/**
 * Points with their deviation over seeds; the front is a line, its points are filled.
 * @param cells of one or more grids @param budget what the score is drawn against
 * @example
 * ```ts
 * import { experiments, report } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('order');
 * const figure = report.paretoFigure(cells, 'updates', 'Order');
 * console.log(figure.alt.startsWith('Mean score in points against scalar updates')); // true
 * ```
 */
export function paretoFigure(
  cells: readonly GridCell[],
  budget: Budget,
  title: string,
): Figure & { readonly alt: string } {
  const points = paretoPoints(cells, budget);
  const families = [...new Set(points.map(({ family }) => family))];
  const front = points.filter(({ isFront }) => isFront);
  const data: Trace[] = [
    {
      ...{ type: 'scatter', mode: 'lines', name: 'nothing is better in both', hoverinfo: 'skip' },
      ...{ x: front.map(({ cost }) => cost), y: front.map(({ score }) => score) },
      line: { color: QUIET, width: 1, dash: 'dot', shape: 'hv' },
    },
    ...families.map((family, index): Trace => {
      const own = points.filter((point) => point.family === family);
      const colour = pick(COLOURS, index);
      return {
        ...{ type: 'scatter', mode: 'markers', name: escapeText(family) },
        ...{ x: own.map(({ cost }) => cost), y: own.map(({ score }) => score) },
        text: own.map(({ name }) => escapeText(name)),
        marker: {
          ...{ symbol: pick(SYMBOLS, index), size: 10 },
          color: own.map(({ isFront }) => (isFront ? colour : '#FFFFFF')),
          line: { color: colour, width: 1.6 },
        },
        error_y: {
          ...{ type: 'data', array: own.map(({ deviation }) => deviation), visible: true },
          ...{ color: colour, thickness: 1, width: 3 },
        },
      };
    }),
  ];
  const caption = `${provenance(cells)}. Bars: standard deviation over seeds; filled: nothing is cheaper and better.`;
  const legend = ['nothing is better in both', ...families];
  const layout = frame({ title, caption, xTitle: AXES[budget], yTitle: 'mean score, points', legend });
  return { data, layout, title, caption, alt: altText(points, budget) };
}
