/**
 * The rows of one of GLUE's TSV files, read as the hub's own script reads them: Python's universal newlines (a lone CR ends a line,
 * U+2028 does not), `csv.DictReader` with `QUOTE_NONE` (quotes are text; empty lines are skipped; fields beyond the header's are
 * ignored), and rows without a value in a column that is wanted are left out (`datasets`' glue.py: "Filter out corrupted rows").
 */
import { DataError } from '../errors.js';
import { type Column, hiddenSplit, type Task } from './task.js';

/** One row of a task: a text or two, and its label. */
export interface Example {
  readonly texts: readonly [string] | readonly [string, string];
  /** Class id or score; -1 where it is hidden (test splits), as on the hub. */
  readonly label: number;
}

/** Lines that are no ordinary rows, counted by what became of them. */
export interface RowReport {
  /** Left out: a text or the label is missing, or the row is a fragment of another. */
  readonly brokenRows: number;
  /** Skipped. */
  readonly blankLines: number;
  /** Rows with more fields than columns, read by the columns that have a name. */
  readonly longRows: number;
}

/** Of data without such lines. */
export const ORDINARY: RowReport = { brokenRows: 0, blankLines: 0, longRows: 0 };

/** The examples of a file, and what became of its lines. */
export interface Rows {
  readonly examples: readonly Example[];
  readonly report: RowReport;
  /** One line for the user; undefined where every line is an ordinary row. */
  readonly warning?: string | undefined;
}

/** How much of a file is read, and whether oddities are errors. */
export interface RowOptions {
  /** Takes the first ones. */
  readonly maxExamples?: number | undefined;
  /** Refuses a file that has any line that is no ordinary row. Default: counts them and goes on. */
  readonly strict?: boolean | undefined;
}

interface Layout {
  readonly text: readonly number[];
  /** Undefined: hidden. */
  readonly label: number | undefined;
  /** Columns of an ordinary row. */
  readonly width: number;
  /** Fields without which a row lacks a text or its label. */
  readonly needed: number;
}

function layoutOf(task: Task, split: string, header: readonly string[], path: string): Layout {
  const place = (column: Column): number => {
    if (typeof column === 'number') return column;
    const found = header.indexOf(column);
    if (found < 0)
      throw new DataError(`${path}:1: no column '${column}'; the header has: ${header.join(', ')}`);
    return found;
  };
  const hidden = hiddenSplit(task, split);
  const text = (hidden?.text ?? task.tsv.text).map(place);
  const label = hidden ? undefined : place(task.tsv.label);
  const width = hasHeader(task, split) ? header.length : (task.tsv.width as number);
  return { text, label, width, needed: Math.max(...text, label ?? 0) + 1 };
}

const hasHeader = (task: Task, split: string): boolean =>
  hiddenSplit(task, split) !== undefined || task.tsv.width === undefined;

/** A label as class id or score; undefined for a value that the task has not. */
function labelOf({ range, labels, tsv }: Task, value: string): number | undefined {
  const text = value.trim();
  if (range) {
    const score = text === '' ? Number.NaN : Number(text);
    return score >= range[0] && score <= range[1] ? score : undefined;
  }
  const id = tsv.named ? labels.indexOf(text) : labels.findIndex((_, i) => text === String(i));
  return id < 0 ? undefined : id;
}

/** What is wrong with a label that {@link labelOf} does not know. */
function wrongLabel({ name, range, labels, tsv }: Task, value: string): string {
  if (range) return `score '${value}' is not a number from ${range[0]} to ${range[1]} (${name})`;
  const allowed = tsv.named ? labels : labels.map((_, i) => i);
  return `label '${value}' is not one of ${name}'s: ${allowed.join(', ')}`;
}

type RowKind = keyof RowReport;

interface Oddity {
  readonly kind: RowKind;
  /** From 1. */
  readonly line: number;
  readonly what: string;
}

const count = (n: number, noun: string, nouns = `${noun}s`): string => `${n} ${n === 1 ? noun : nouns}`;

/**
 * Whether the row is broken although it has all its fields, as its label is no label: its fields are shifted, or it is what a line end
 * within a text left over. Any other unknown label is a mistake in the file that must not be passed over.
 */
const isFragment = ({ tsv }: Task, fields: readonly string[], { width }: Layout, label: string): boolean =>
  label.trim() === '' ||
  fields.length !== width ||
  (tsv.tornRows === true && !Number.isInteger(Number(label)));

/** One row: its example, or what is odd about it, or both (a long row). @throws DataError for a label outside the task */
function readRow(
  task: Task,
  fields: readonly string[],
  layout: Layout,
  where: string,
): { readonly example?: Example; readonly kind?: RowKind; readonly what?: string } {
  if (fields.length === 1 && fields[0] === '') return { kind: 'blankLines', what: 'empty' };
  if (fields.length < layout.needed) {
    const what = `${fields.length} columns, ${layout.needed} expected`;
    return { kind: 'brokenRows', what };
  }
  const value = layout.label === undefined ? undefined : (fields[layout.label] as string);
  const label = value === undefined ? -1 : labelOf(task, value);
  if (value !== undefined && label === undefined) {
    const what = wrongLabel(task, value);
    if (!isFragment(task, fields, layout, value)) throw new DataError(`${where}: ${what}`);
    return { kind: 'brokenRows', what };
  }
  const texts = layout.text.map((column) => fields[column] as string) as unknown as Example['texts'];
  const example = { texts, label: label as number };
  if (fields.length <= layout.width) return { example };
  return {
    example,
    kind: 'longRows',
    what: `${fields.length} columns, ${layout.width} expected`,
  };
}

/** A file with more broken rows than this share of its rows is damaged, or not the task's. */
const BROKEN_SHARE = 0.05;

/** Fragments of torn rows that are no sign of a wrong file, be it ever so small: about what QQP's own training file has. */
const TORN_ROWS = 32;

function checkBroken(task: Task, split: string, odd: readonly Oddity[], rows: number, path: string): void {
  const broken = odd.filter(({ kind }) => kind === 'brokenRows');
  const [first] = broken;
  if (!first) return;
  const where = `${path}:${first.line}: ${first.what}`;
  if (hiddenSplit(task, split))
    throw new DataError(
      `${where}; a test file must be whole, as predictions are numbered by its rows: download it again`,
    );
  const most = Math.max(Math.floor(BROKEN_SHARE * rows), task.tsv.tornRows ? TORN_ROWS : 0);
  if (broken.length > most)
    throw new DataError(
      `${where}; ${broken.length} of ${count(rows, 'row')} broken, too many to leave them out: mend or remove them, or is it another task's file?`,
    );
}

const NAMES: Readonly<Record<RowKind, readonly [one: string, many: string, done: string]>> = {
  brokenRows: ['broken row', 'broken rows', 'left out'],
  blankLines: ['blank line', 'blank lines', 'skipped'],
  longRows: ['row with too many columns', 'rows with too many columns', 'the rest ignored'],
};
const KINDS = Object.keys(NAMES) as RowKind[];

/** Lines named one by one. */
const NAMED_LINES = 10;

/** `2 broken rows, left out: lines 3, 4 (line 3: 4 columns, 6 expected)`. @param done whether to say what became of them */
function describe(odd: readonly Oddity[], done: boolean): string {
  const kinds = KINDS.flatMap((kind) => {
    const ofKind = odd.filter((oddity) => oddity.kind === kind);
    const [first] = ofKind;
    if (!first) return [];
    const lines = ofKind.slice(0, NAMED_LINES).map(({ line }) => line);
    const list = `${ofKind.length === 1 ? 'line' : 'lines'} ${lines.join(', ')}${ofKind.length > lines.length ? ', ...' : ''}`;
    const reason = kind === 'blankLines' ? '' : ` (line ${first.line}: ${first.what})`;
    const [one, many, end] = NAMES[kind];
    return [`${count(ofKind.length, one, many)}${done ? `, ${end}` : ''}: ${list}${reason}`];
  });
  return kinds.join('; ');
}

/** Lines as Python's text mode gives them; an end of line at the end of the file begins no further line. */
function linesOf(text: string): string[] {
  const lines = text.includes('\r') ? text.split(/\r\n|\n|\r/) : text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/**
 * The examples of a split's text; `path` names it in errors.
 * @throws DataError with file and line: a missing column, a label outside the task, more broken rows than a whole file has (any in a
 * test split), no rows; with `strict` for any line that is no ordinary row
 */
export function parseRows(
  task: Task,
  split: string,
  text: string,
  path: string,
  { maxExamples = Number.POSITIVE_INFINITY, strict = false }: RowOptions = {},
): Rows {
  const lines = linesOf(text);
  const start = hasHeader(task, split) ? 1 : 0;
  if (lines.length <= start) throw new DataError(`${path}: the split is empty`);
  const layout = layoutOf(task, split, start === 0 ? [] : (lines[0] as string).split('\t'), path);
  const examples: Example[] = [];
  const odd: Oddity[] = [];
  for (let i = start; i < lines.length && examples.length < maxExamples; i++) {
    const fields = (lines[i] as string).split('\t');
    const { example, kind, what } = readRow(task, fields, layout, `${path}:${i + 1}`);
    if (example) examples.push(example);
    if (kind !== undefined) odd.push({ kind, line: i + 1, what: what as string });
  }
  const counted = (kind: RowKind): number => odd.filter((oddity) => oddity.kind === kind).length;
  if (strict && odd.length > 0)
    throw new DataError(`${path}: --strict: ${describe(odd, false)}; mend the file, or leave --strict out`);
  checkBroken(task, split, odd, lines.length - start - counted('blankLines'), path);
  if (examples.length === 0) throw new DataError(`${path}: no whole row in it: ${describe(odd, false)}`);
  return {
    examples,
    report: {
      brokenRows: counted('brokenRows'),
      blankLines: counted('blankLines'),
      longRows: counted('longRows'),
    },
    warning: odd.length === 0 ? undefined : `${path}: ${describe(odd, true)}`,
  };
}
