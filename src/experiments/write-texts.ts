/** A text for each row of a file, and where the file has references what the metrics of generated texts say of them. */
import { type DataToTextTask, readDataToText } from '../datasets/data-to-text/read.js';
import { localFile } from '../datasets/hub-dataset.js';
import { readRows, textOf } from '../datasets/tables/rows.js';
import { DataError, UsageError } from '../errors.js';
import { generationMetrics } from '../metrics/generation/generation.js';
import type { Metrics } from '../metrics/metrics.js';
import { writeTextAtomically } from '../models/config-file.js';
import { openWriter, type WriterOptions, type WriterRequest } from './generate-text.js';

/** What is read, and where what is written goes. */
export interface WriteTextsRequest extends WriterRequest {
  /** A table; or the folder of a data set. */
  readonly input: string;
  /** Of a table. */
  readonly columns?:
    | {
        /** What is gone on from, or read. */
        readonly text: string;
        /** References: rows of one text are its references. */
        readonly label?: string | undefined;
        readonly prefix?: string | undefined;
        readonly delimiter?: string | undefined;
      }
    | undefined;
  /** The data set whose test part is written, with its references. */
  readonly task?: DataToTextTask | undefined;
  /** Takes the first so many distinct texts. */
  readonly maxExamples?: number | undefined;
  /** A `.jsonl` file. */
  readonly out: string;
}

/** A line of what is written. */
export interface WrittenText {
  readonly input: string;
  readonly output: string;
  readonly references?: readonly string[];
}

/** Distinct texts in the order of the file, with the references of all their rows. @throws DataError for a field that is no text */
async function inputsOf({
  input,
  columns,
  task,
  maxExamples = Number.POSITIVE_INFINITY,
}: WriteTextsRequest): Promise<Map<string, readonly string[]>> {
  if (task) {
    const { examples } = await readDataToText(input, task, 'test', { maxExamples });
    return new Map(examples.map((example) => [example.input, example.references]));
  }
  if (!columns) throw new UsageError('columns: which column of the table is the text?');
  const found = new Map<string, string[]>();
  const path = await localFile(input);
  for await (const row of readRows(path, columns.delimiter)) {
    const text = textOf(row, columns.text);
    const references = found.get(text) ?? [];
    if (references.length === 0 && found.size >= maxExamples) break;
    if (columns.label !== undefined) references.push(textOf(row, columns.label));
    found.set(text, references);
  }
  if (found.size === 0) throw new DataError(`${path}: holds no row`);
  return found;
}

/**
 * Writes `out`, a line for each distinct text: whole or not at all.
 * @param options device, threads, what is told
 * @returns metrics against the references, where there are any @throws UsageError, DataError
 * @example
 * ```ts
 * import { generation } from 'progtuning';
 * import { readFile, writeFile } from 'node:fs/promises';
 *
 * await writeFile('inputs.csv', 'text\na fine\na poor\n');
 * const how = { model: 'models/from-gguf', maxNewTokens: 2 };
 * await generation.writeTexts({ ...how, input: 'inputs.csv', columns: { text: 'text' }, out: 'written.jsonl' });
 * console.log((await readFile('written.jsonl', 'utf8')).trim().split('\n').length); // 2
 * ```
 */
export async function writeTexts(
  request: WriteTextsRequest,
  options: WriterOptions = {},
): Promise<Metrics | undefined> {
  const { columns, out, input: _input, maxExamples: _most, task: _task, ...how } = request;
  const inputs = await inputsOf(request);
  const hasReferences = request.task !== undefined || columns?.label !== undefined;
  const lines: WrittenText[] = [];
  const writer = await openWriter(how, options);
  try {
    for (const [input, references] of inputs) {
      let output = '';
      for await (const piece of writer.write(`${columns?.prefix ?? ''}${input}`)) output += piece;
      lines.push({ input, output: output.trim(), ...(hasReferences ? { references } : {}) });
    }
  } finally {
    await writer.close();
  }
  await writeTextAtomically(out, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  if (!hasReferences) return undefined;
  return generationMetrics(
    lines.map(({ output }) => output),
    lines.map(({ references = [] }) => references),
  );
}
