/** `progtuning predict`: a saved model, rows of a file or lines of stdin -> json lines or csv, as they are made. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { type Command, Option } from 'commander';
import { firstRows, type TextColumns, textColumns } from '../datasets/tables/columns.js';
import { type Texts, textsOf } from '../datasets/tables/labelled.js';
import { readRows, type TableRow } from '../datasets/tables/rows.js';
import { DataError } from '../errors.js';
import { type Prediction, type PredictRequest, predictTexts } from '../experiments/predict-run.js';
import { addEngineOptions, type EngineFlags, withEngine } from './engine-options.js';
import { wholeNumber } from './numbers.js';
import { addTextColumnOptions, type ColumnFlags, givenColumns } from './own-data-options.js';

interface PredictFlags extends PredictRequest, Omit<ColumnFlags, 'labelColumn'>, EngineFlags {
  readonly input?: string;
  readonly output?: string;
  readonly format: 'jsonl' | 'csv';
}

const EXAMPLES = `
Examples:
  A file's rows, as json lines:
    progtuning predict --model runs/reviews --input new.csv --output predictions.jsonl
  Lines of standard input (echo 'what a fine film' | ...), as csv:
    progtuning predict --model runs/reviews --format csv < new.csv`;

/** Lines of stdin: a text each, or json objects. */
async function* stdinRows(): AsyncGenerator<TableRow> {
  let number = 0;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    const where = `stdin:${++number}`;
    if (line.trim() === '') continue;
    yield { values: line.trimStart().startsWith('{') ? parsed(line, where) : { text: line }, where };
  }
}

function parsed(line: string, where: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch (cause) {
    throw new DataError(`${where}: not JSON: ${(cause as Error).message}`, { cause });
  }
}

async function* textsIn(flags: PredictFlags): AsyncGenerator<Texts> {
  const given = givenColumns(flags);
  let columns: TextColumns | undefined;
  if (flags.input !== undefined) {
    const names = Object.keys((await firstRows(flags.input, given.delimiter))[0]?.values ?? {});
    columns = textColumns(names, given, flags.input);
  }
  const rows = flags.input === undefined ? stdinRows() : readRows(flags.input, given.delimiter);
  for await (const row of rows) {
    columns ??= textColumns(Object.keys(row.values), given, 'stdin');
    yield textsOf(row, columns);
  }
}

/** RFC 4180. */
const csvField = (value: unknown): string => {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const csvLine = (fields: readonly unknown[]): string => `${fields.map(csvField).join(',')}\r\n`;

function* linesOf(
  prediction: Prediction,
  format: PredictFlags['format'],
  isFirst: boolean,
): Generator<string> {
  const { label, scores = {} } = prediction;
  if (format === 'jsonl') yield `${JSON.stringify(prediction)}\n`;
  else {
    if (isFirst) yield csvLine(['label', ...Object.keys(scores)]);
    yield csvLine([Array.isArray(label) ? label.join(';') : label, ...Object.values(scores)]);
  }
}

/** @returns rows predicted */
async function write(
  out: Writable,
  predictions: AsyncIterable<Prediction>,
  format: PredictFlags['format'],
): Promise<void> {
  let isFirst = true;
  for await (const prediction of predictions) {
    for (const line of linesOf(prediction, format, isFirst)) if (!out.write(line)) await once(out, 'drain');
    isFirst = false;
  }
}

/** The file is there when it is whole. */
async function writeFileWhole(path: string, fill: (out: Writable) => Promise<void>): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  const out = createWriteStream(partial);
  try {
    await once(out, 'open').catch((cause: Error) => {
      throw new DataError(`${path}: cannot be written: ${cause.message}`, { cause });
    });
    await fill(out);
    out.end();
    await once(out, 'close');
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
}

export function registerPredict(program: Command): void {
  const command = program
    .command('predict')
    .requiredOption(
      '--model <folder>',
      'a fine-tuned model, or the base model of --adapter; folder or hub id',
    )
    .option('--adapter <folder>', 'a saved LoRA, Adapter or BitFit')
    .option(
      '--input <file>',
      'table: .csv .tsv .jsonl .json .parquet (default: lines of stdin, texts or json)',
    )
    .option('--output <file>', 'default: stdout')
    .addOption(new Option('--format <kind>', 'of the output').choices(['jsonl', 'csv']).default('jsonl'))
    .option(
      '--max-length <tokens>',
      'tokens of a row; longer ones are cut (default: 128)',
      wholeNumber('max-length', 8),
    );
  addTextColumnOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: PredictFlags) => {
      const { output, format } = flags;
      await withEngine(flags, (engine) => {
        const onNote = (text: string): void => void process.stderr.write(`${text}\n`);
        const predictions = predictTexts(flags, textsIn(flags), { ...engine, onNote });
        const fill = (out: Writable): Promise<void> => write(out, predictions, format);
        return output === undefined ? fill(process.stdout) : writeFileWhole(output, fill);
      });
    });
  addEngineOptions(command);
}
