/** Labelled rows -> features, a chunk at a time: text is never held but for the chunk. */
import { type EncodedText, encodeTexts, type TextTokenizer } from '../../tokenizers/tokenizer.js';
import type { Feature } from '../batch.js';
import { type LabelledRow, type LabelledTable, labelledRows } from './labelled.js';
import { idsOf } from './survey.js';

/** Rows that one call of the tokenizer takes. */
const CHUNK = 4096;

export interface Encoding {
  readonly tokenizer: TextTokenizer;
  readonly maxLength: number;
  /** Class names by id. */
  readonly labels: readonly string[];
}

type Target = Pick<Feature, 'label' | 'classes'>;

function targetOf(row: LabelledRow, kind: LabelledTable['kind'], ids: ReadonlyMap<string, number>): Target {
  if (typeof row.label === 'number') return { label: row.label };
  const found = idsOf(row, ids);
  if (kind === 'classification') return { label: found[0] as number };
  return { classes: [...ids.values()].map((id) => (found.includes(id) ? 1 : 0)) };
}

/** Features of a table in the order of its rows, as they are made. @throws DataError as `labelledRows` and `idsOf` */
export async function* encodeTable(
  table: LabelledTable,
  { tokenizer, maxLength, labels }: Encoding,
): AsyncGenerator<Feature> {
  const ids = new Map(labels.map((name, id) => [name, id]));
  let chunk: LabelledRow[] = [];
  async function* flush(): AsyncGenerator<Feature> {
    const texts = chunk.map((row) => row.texts);
    const encoded = await encodeTexts(tokenizer, texts, maxLength);
    for (const [i, row] of chunk.entries())
      yield { ...(encoded[i] as EncodedText), ...targetOf(row, table.kind, ids) };
    chunk = [];
  }
  for await (const row of labelledRows(table)) if (chunk.push(row) === CHUNK) yield* flush();
  if (chunk.length > 0) yield* flush();
}
