/** Records in the layout of the paper's tables: a row for each method, a column for each task, mean and deviation over seeds. */
import type { GridCell } from '../experiments/notebook-runs.js';
import { publishedRange } from '../experiments/published.js';
import type { RunSpec } from '../experiments/run-spec.js';
import { scheduleText } from '../progressive/schedule-text.js';
import { meanAndSpread } from './comparison.js';
import { collapsed, countedScore } from './pairs.js';
import { recordLinks } from './record-links.js';
import { groupRuns, metricName, type RunGroup } from './run-table.js';
import { OUTSIDE, sanity } from './sanity.js';
import type { Row } from './table.js';
import { taskName } from './task-name.js';

const METHODS = { full: 'full fine-tuning', lora: 'LoRA', adapter: 'adapters', bitfit: 'BitFit' } as const;

const SCHEDULES: Readonly<Record<RunSpec['schedule']['kind'], string>> = {
  full: '',
  progressive: 'Progtuning',
  growing: 'growing order',
  random: 'random order',
  'only-block': 'one block',
  'top-blocks': 'top blocks',
  lisa: 'LISA',
};

/** `Progtuning`, `Progtuning by contribution fisher`, `LISA 2 every 20`. Blocks that train alone are one row. */
const orderName = (schedule: RunSpec['schedule']): string =>
  schedule.kind === 'only-block'
    ? SCHEDULES[schedule.kind]
    : scheduleText(schedule).replace(schedule.kind, SCHEDULES[schedule.kind]);

/**
 * `full fine-tuning`, `Progtuning`, `LoRA + Progtuning`, `Progtuning, T = 2`, `Progtuning, embeddings never`.
 * @example
 * ```ts
 * import { comparison, runSpec } from 'progtuning';
 *
 * console.log(comparison.methodName(runSpec({ task: 'rte', data: 'embedded', model: 'm' }))); // Progtuning
 * ```
 */
export function methodName({ method, schedule, epochs }: RunSpec): string {
  const order = orderName(schedule);
  const parts = [
    ...(method.kind === 'full' && order !== '' ? [] : [METHODS[method.kind]]),
    ...(order === '' ? [] : [order]),
  ];
  const hasStages = order !== '' && schedule.kind !== 'top-blocks' && schedule.kind !== 'lisa';
  const stages = hasStages && schedule.stages !== epochs ? `, T = ${schedule.stages}` : '';
  const embeddings = schedule.embeddings === 'always' ? '' : `, embeddings ${schedule.embeddings}`;
  return `${parts.join(' + ')}${stages}${embeddings}`;
}

/** `66.4 ± 1.2 (1 of 5 collapsed; 4 of 5 seeds)`, with a link to each record. */
function scoreCell(group: RunGroup): string {
  const { records, cells } = group;
  if (records.length === 0) return 'not made';
  const failed = records.filter(collapsed).length;
  const isFull = cells[0]?.spec.method.kind === 'full' && cells[0].spec.schedule.kind === 'full';
  const notes = [
    ...(failed > 0 ? [`${failed} of ${records.length} collapsed`] : []),
    ...(records.length < cells.length ? [`${records.length} of ${cells.length} seeds`] : []),
    ...(isFull && sanity(group) === OUTSIDE ? [OUTSIDE] : []),
  ];
  const text = meanAndSpread(records.map(countedScore), 1);
  return `${text}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}${recordLinks(records)}`;
}

const METRICS: Readonly<Record<string, string>> = {
  matthews_correlation: 'Matthews',
  pearson: 'Pearson',
  f1: 'F1',
};

const column = (spec: RunSpec): string => {
  const metric = metricName(spec.task);
  return `${taskName(spec)}, ${METRICS[metric] ?? metric}`;
};

/**
 * A run that two grids share counts once; what was not made says so. The last row is what is published of full fine-tuning, of
 * BERT-base where that is of the same metric.
 * @example
 * ```ts
 * import { comparison, experiments } from 'progtuning';
 *
 * const cells = await experiments.ledgerRuns('order');
 * console.log(comparison.taskTable(cells)[0]?.method); // Progtuning
 * ```
 */
export function taskTable(cells: readonly GridCell[]): Row[] {
  const once = [...new Map(cells.map((cell) => [JSON.stringify(cell.spec), cell])).values()];
  const columns = [...new Map(once.map(({ spec }) => [column(spec), spec])).entries()];
  const rows = groupRuns(once, ({ spec }) => methodName(spec)).map(({ name, cells: ofMethod }): Row => {
    const groups = new Map(
      groupRuns(ofMethod, ({ spec }) => column(spec)).map((group) => [group.name, group]),
    );
    const scores = columns.map(([title]): [string, string] => {
      const group = groups.get(title);
      return [title, group ? scoreCell(group) : '-'];
    });
    return { method: name, ...Object.fromEntries(scores) };
  });
  const published = columns.map(([title, spec]): [string, string] => {
    const range = publishedRange(spec);
    const same = range?.metric === metricName(spec.task);
    return [title, range && same ? `${range.low} to ${range.high}` : '-'];
  });
  if (published.every(([, range]) => range === '-')) return rows;
  return [...rows, { method: 'published, full fine-tuning', ...Object.fromEntries(published) }];
}

/**
 * What {@link taskTable} holds, for a caption.
 * @example
 * ```ts
 * import { comparison } from 'progtuning';
 *
 * console.log(comparison.TASK_TABLE_NOTE.slice(0, 5)); // x 100
 * ```
 */
export const TASK_TABLE_NOTE =
  "x 100, development sets; mean and sample standard deviation over seeds, a collapsed run included; a raised number leads to that seed's record. The paper's own tables could not be read here, so no figure of theirs stands beside ours";
