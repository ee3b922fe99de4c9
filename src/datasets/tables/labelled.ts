/** Labelled rows of a table, checked as they stream: texts that are there, labels that can be read. */
import { createHash } from 'node:crypto';
import { DataError } from '../../errors.js';
import { didYouMean } from '../../nearest.js';
import type { Columns, TaskKind, TextColumns } from './columns.js';
import { classesOf, classOf, plainText, scoreOf } from './labels.js';
import { readRows, type TableRow } from './rows.js';

/** A text, or a pair of them. */
export type Texts = readonly [string] | readonly [string, string];

export interface LabelledRow {
  readonly texts: Texts;
  /** Class names: one, or any number (multi-label); a score. */
  readonly label: readonly string[] | number;
  /** Of a column named `id`, where there is one. */
  readonly id?: string;
  readonly where: string;
}

/** A table of one's own and how it is read. */
export interface Table {
  readonly path: string;
  readonly delimiter?: string | undefined;
}

export interface LabelledTable extends Table {
  readonly kind: Exclude<TaskKind, 'question-answering'>;
  readonly columns: Columns;
  /** Takes the first ones. */
  readonly maxExamples?: number | undefined;
}

/** @throws DataError that names the columns there are */
function cell({ values, where }: TableRow, column: string): unknown {
  if (Object.hasOwn(values, column)) return values[column];
  const names = Object.keys(values);
  throw new DataError(
    `${where}: no column '${column}'${didYouMean(column, names)}; there are: ${names.join(', ')}`,
  );
}

/** Neither space nor what is not seen, as a zero-width space: tokenizers leave nothing of a text without. */
const VISIBLE = /[^\s\p{Cc}\p{Cf}]/u;

function textOf(row: TableRow, column: string): string {
  const text = plainText(cell(row, column), `${row.where}: '${column}'`);
  if (!VISIBLE.test(text))
    throw new DataError(`${row.where}: '${column}' is empty; fill it in or leave the row out`);
  return text;
}

/** The text or the two texts of a row. @throws DataError for a column that is not there, or empty */
export function textsOf(row: TableRow, { text, textPair }: TextColumns): Texts {
  const first = textOf(row, text);
  return textPair === undefined ? [first] : [first, textOf(row, textPair)];
}

const LABEL: {
  readonly [K in LabelledTable['kind']]: (value: unknown, where: string) => LabelledRow['label'];
} = {
  classification: (value, where) => [classOf(value, where)],
  'multi-label': classesOf,
  regression: scoreOf,
};

/** The rows of a table. @throws DataError with file and line, as {@link readRows} and for a row without text or label */
export async function* labelledRows({
  path,
  delimiter,
  kind,
  columns,
  maxExamples = Number.POSITIVE_INFINITY,
}: LabelledTable): AsyncGenerator<LabelledRow> {
  let count = 0;
  for await (const row of readRows(path, delimiter)) {
    if (count++ >= maxExamples) return;
    const { where } = row;
    const { id } = row.values;
    yield {
      texts: textsOf(row, columns),
      label: LABEL[kind](cell(row, columns.label), where),
      ...(id === undefined || id === null || id === '' ? {} : { id: String(id) }),
      where,
    };
  }
}

/** Texts that have been seen, by 48 bits of their hash: 11 to 22 bytes each, the texts are not kept. */
export class Seen {
  #table = new Float64Array(1024);
  #size = 0;

  /** @returns whether the text is new */
  add(text: string): boolean {
    if (4 * this.#size >= 3 * this.#table.length) this.#grow();
    const key = keyOf(text);
    const place = this.#placeOf(key);
    if (this.#table[place] === key) return false;
    this.#table[place] = key;
    this.#size++;
    return true;
  }

  has(text: string): boolean {
    const key = keyOf(text);
    return this.#table[this.#placeOf(key)] === key;
  }

  /** Where a key is, or goes: the first free place after its own. */
  #placeOf(key: number): number {
    const mask = this.#table.length - 1;
    let place = key % this.#table.length;
    while (this.#table[place] !== 0 && this.#table[place] !== key) place = (place + 1) & mask;
    return place;
  }

  #grow(): void {
    const former = this.#table;
    this.#table = new Float64Array(2 * former.length);
    for (const key of former) if (key !== 0) this.#table[this.#placeOf(key)] = key;
  }
}

/** Never 0, which stands for a free place. */
const keyOf = (text: string): number => createHash('sha1').update(text).digest().readUIntBE(0, 6) + 1;

/** Whole numbers of which not all are known at once: 4 to 8 bytes each. */
export class Growing {
  #values = new Uint32Array(16);
  #length = 0;

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const wider = new Uint32Array(2 * this.#length);
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[this.#length++] = value;
  }

  get values(): Uint32Array {
    return this.#values.subarray(0, this.#length);
  }
}
