/**
 * What a reader sees: tables, figures, text and progress, in a notebook cell or as text on stdout.
 * @module
 */

export { answerMarkdown, type ShownAnswer } from '../report/answers.js';
export { blockFigure } from '../report/block-figure.js';
export { costFigure } from '../report/cost.js';
export {
  type BarSeries,
  type BoxPlotOptions,
  boxPlot,
  type GroupedBarsOptions,
  groupedBars,
} from '../report/figure.js';
export type { Figure, FigureText, Json, Layout, Trace } from '../report/frame.js';
export { type LineChartOptions, type LineSeries, lineChart } from '../report/line-chart.js';
export {
  inNotebook,
  type NotebookProgress,
  showFigure,
  showMarkdown,
  showProgress,
  showTable,
} from '../report/notebook.js';
export { paretoFigure } from '../report/pareto-figure.js';
export { runPage } from '../report/run-page.js';
export { type ScheduleGridOptions, type ScheduleRow, scheduleGrid } from '../report/schedule-grid.js';
export { figureToSvg } from '../report/svg.js';
export {
  type Cell,
  type Row,
  type TableFrame,
  type TableOptions,
  tableHtml,
  tableText,
} from '../report/table.js';
export { taskFigure } from '../report/task-figure.js';
