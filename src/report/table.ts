/** Rows, or a data frame as danfojs has them, as a table in text and in HTML. */
import { numberText, roundedText } from './number-text.js';
import { linksAsHtml, withoutLinks } from './record-links.js';

/** What a table shows; null and undefined: missing. */
export type Cell = string | number | boolean | null | undefined;

/** Cells by column. */
export type Row = Readonly<Record<string, Cell>>;

/** A data frame, as far as a table needs it: danfojs's `DataFrame` is one. */
export interface TableFrame {
  readonly columns: readonly string[];
  /** Row by row, the cells in the order of the columns. */
  readonly values: readonly unknown[];
}

/** Columns, numbers and caption of a table. */
export interface TableOptions {
  /** Which columns, in this order. Default: every key, in the order of first use. */
  readonly columns?: readonly string[];
  /** Shown instead of a column's key. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Digits behind the point, to which numbers are rounded: for all, or by column. Default: none for a column of whole numbers, else 4, and
   * numbers too small for them as `2e-5`.
   */
  readonly digits?: number | Readonly<Record<string, number>>;
  /** Shown for a missing value. Default `-`. */
  readonly missing?: string;
  /** Model, data, seeds, machine. */
  readonly caption?: string;
}

function rowsOf(table: readonly Row[] | TableFrame): readonly Row[] {
  if (!('columns' in table)) return table;
  const { columns, values } = table;
  return (values as readonly (readonly Cell[])[]).map((cells) =>
    Object.fromEntries(columns.map((column, i) => [column, cells[i]])),
  );
}

const columnsOf = (rows: readonly Row[]): string[] => [...new Set(rows.flatMap((row) => Object.keys(row)))];

interface Column {
  readonly header: string;
  readonly cells: readonly string[];
  readonly numeric: boolean;
}

/** Formats each column alike, so that the digits of its numbers stand below each other. */
function formatColumns(rows: readonly Row[], options: TableOptions): Column[] {
  return (options.columns ?? columnsOf(rows)).map((name) => {
    const column = rows.map((row) => row[name] ?? null);
    const text = numberFormat(
      column,
      typeof options.digits === 'object' ? options.digits[name] : options.digits,
    );
    return {
      header: options.headers?.[name] ?? name,
      cells: column.map((value) => formatCell(value, text, options.missing ?? '-')),
      numeric: column.every((value) => value === null || typeof value === 'number'),
    };
  });
}

/** How the numbers of a column are written. @param digits as asked for */
function numberFormat(column: readonly unknown[], digits: number | undefined): (value: number) => string {
  const isWhole = column.every((value) => typeof value !== 'number' || Number.isInteger(value));
  if (isWhole) return (value) => roundedText(value, 0);
  return digits === undefined ? (value) => numberText(value, 4) : (value) => roundedText(value, digits);
}

function formatCell(
  value: string | number | boolean | null,
  shown: (value: number) => string,
  missing: string,
): string {
  if (value === null) return missing;
  return typeof value === 'number' ? shown(value) : String(value);
}

/**
 * Rows as aligned text: numbers to the right with `,` between thousands, words to the left.
 * @example
 * ```ts
 * import { report } from 'progtuning';
 *
 * const text = report.tableText([{ task: 'cola', score: 57.123 }], { digits: 1 });
 * console.log(text.split('\n').at(-1)); // cola   57.1
 * ```
 */
export function tableText(table: readonly Row[] | TableFrame, options: TableOptions = {}): string {
  const rows = rowsOf(table);
  if (rows.length === 0) return 'no rows';
  const columns = formatColumns(rows, options).map((column) => ({
    ...column,
    cells: column.cells.map(withoutLinks),
  }));
  const widths = columns.map(({ header, cells }) =>
    Math.max(...[header, ...cells].map((cell) => cell.length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (columns[i]?.numeric ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  const body = rows.map((_, i) => line(columns.map(({ cells }) => cells[i] ?? '')));
  const lines = [line(columns.map(({ header }) => header)), rule, ...body];
  return [...lines, ...(options.caption ? ['', options.caption] : [])].join('\n');
}

/**
 * Rows as an HTML table without scripts or style sheets, as GitHub and nbconvert show it.
 * @example
 * ```ts
 * import { report } from 'progtuning';
 *
 * console.log(report.tableHtml([{ task: 'cola' }]).startsWith('<table>')); // true
 * ```
 */
export function tableHtml(table: readonly Row[] | TableFrame, options: TableOptions = {}): string {
  const rows = rowsOf(table);
  if (rows.length === 0) return '<p>no rows</p>';
  const columns = formatColumns(rows, options);
  const row = (tag: 'th' | 'td', cells: readonly string[]): string =>
    `<tr>${cells.map((cell, i) => `<${tag}${alignment(columns[i])}>${linksAsHtml(escapeHtml(cell))}</${tag}>`).join('')}</tr>`;
  const head = row(
    'th',
    columns.map(({ header }) => header),
  );
  const body = rows.map((_, i) =>
    row(
      'td',
      columns.map(({ cells }) => cells[i] ?? ''),
    ),
  );
  const caption = options.caption ? `\n<p><small>${escapeHtml(options.caption)}</small></p>` : '';
  return `<table>\n<thead>${head}</thead>\n<tbody>\n${body.join('\n')}\n</tbody>\n</table>${caption}`;
}

const alignment = (column: Column | undefined): string =>
  ` align="${column?.numeric ? 'right' : 'left'}" style="text-align: ${column?.numeric ? 'right' : 'left'}"`;

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
