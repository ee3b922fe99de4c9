/**
 * Features as plain numbers: 2 bytes a token (4 where ids go beyond 65535), one more for each where two texts are told apart by token types,
 * and 12 for each row. An object a row would take several times what is in it.
 */
import type { Feature, FeatureList } from './batch.js';

/** Rows that are laid together. */
const ROWS = 4096;

/** Rows of a classifier or a regression. */
type Row = Omit<Feature, 'span'>;

interface Block {
  /** [tokens] */
  readonly inputIds: Uint16Array | Int32Array;
  /** [tokens]; undefined: all are 0 */
  readonly tokenTypeIds: Uint8Array | undefined;
  /** [rows], index of the token after each row's last */
  readonly ends: Uint32Array;
  /** [rows] */
  readonly labels: Float64Array | undefined;
  /** [rows, classes] */
  readonly classes: Uint8Array | undefined;
}

function blockOf(rows: readonly Row[]): Block {
  let tokens = 0;
  const ends = Uint32Array.from(rows, ({ inputIds }) => {
    tokens += inputIds.length;
    return tokens;
  });
  const inputIds = new Int32Array(tokens);
  const tokenTypeIds = new Uint8Array(tokens);
  rows.forEach((row, i) => {
    const start = (ends[i] as number) - row.inputIds.length;
    inputIds.set(row.inputIds, start);
    tokenTypeIds.set(row.tokenTypeIds, start);
  });
  const isMultiLabel = rows[0]?.classes !== undefined;
  return {
    inputIds: inputIds.every((id) => id < 2 ** 16) ? new Uint16Array(inputIds) : inputIds,
    tokenTypeIds: tokenTypeIds.some((type) => type !== 0) ? tokenTypeIds : undefined,
    ends,
    labels: isMultiLabel ? undefined : Float64Array.from(rows, ({ label = 0 }) => label),
    classes: isMultiLabel ? Uint8Array.from(rows.flatMap(({ classes = [] }) => classes)) : undefined,
  };
}

function rowOf({ inputIds, tokenTypeIds, ends, labels, classes }: Block, row: number): Row {
  const [start, end] = [row === 0 ? 0 : (ends[row - 1] as number), ends[row] as number];
  const width = (classes?.length ?? 0) / ends.length;
  return {
    inputIds: new Int32Array(inputIds.subarray(start, end)),
    tokenTypeIds: tokenTypeIds
      ? new Int32Array(tokenTypeIds.subarray(start, end))
      : new Int32Array(end - start),
    ...(labels ? { label: labels[row] as number } : {}),
    ...(classes ? { classes: [...classes.subarray(row * width, (row + 1) * width)] } : {}),
  };
}

/** Grows a row at a time; each is made anew when it is asked for. */
export class CompactFeatures implements FeatureList {
  readonly #blocks: Block[] = [];
  /** Those that are not laid together yet: fewer than {@link ROWS}. */
  #last: Row[] = [];

  add(row: Row): void {
    this.#last.push(row);
    if (this.#last.length < ROWS) return;
    this.#blocks.push(blockOf(this.#last));
    this.#last = [];
  }

  get length(): number {
    return this.#blocks.length * ROWS + this.#last.length;
  }

  at(index: number): Feature | undefined {
    const block = this.#blocks[Math.floor(index / ROWS)];
    return block ? rowOf(block, index % ROWS) : this.#last[index - this.#blocks.length * ROWS];
  }

  *[Symbol.iterator](): Generator<Feature> {
    for (const block of this.#blocks) for (let row = 0; row < ROWS; row++) yield rowOf(block, row);
    yield* this.#last;
  }
}
