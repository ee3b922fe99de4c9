/** `progtuning predict`: a saved model, rows of a file or lines of stdin -> json lines or csv, as they are made. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { type Command, Option } from 'commander';
import { localFile } from '../datasets/hub-dataset.js';
import { firstRows, type TextColumns, textColumns } from '../datasets/tables/columns.js';
import { type Texts, textsOf } from '../datasets/tables/labelled.js';
import { openQuestion, readOpenQuestions } from '../datasets/tables/questions.js';
import { readRows, type TableRow } from '../datasets/tables/rows.js';
import { DataError, UsageError } from '../errors.js';
import { savedHead } from '../experiments/open-saved.js';
import { type Answer, predictAnswers, type Question } from '../experiments/predict-answers.js';
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
    progtuning predict --model runs/reviews --format csv < new.csv
  What a LoRA on its base model says; one that Hugging Face PEFT saved too:
    progtuning predict --model bert-base-uncased/ --adapter runs/sst2-lora --input new.csv
  Answers to questions on texts of your own, each with its place in the text:
    progtuning predict --model runs/squad --input questions.csv --output answers.jsonl`;

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

async function* questionsIn({ input, delimiter }: PredictFlags): AsyncGenerator<Question> {
  if (input !== undefined) yield* readOpenQuestions({ path: input, delimiter });
  else for await (const row of stdinRows()) yield openQuestion(row);
}

/** @throws UsageError for columns of another kind of task */
function checkNoColumns({ model, textColumn, textPairColumn }: PredictFlags): void {
  if (textColumn === undefined && textPairColumn === undefined) return;
  throw new UsageError(
    `${model} answers questions: its columns are named question and context; leave --text-column out`,
  );
}

/** A line of the output, whatever the model is: names of columns, and what stands under them in csv. */
interface Row {
  readonly json: unknown;
  readonly columns: readonly string[];
  readonly fields: readonly unknown[];
}

function rowOf(prediction: Prediction): Row {
  const { label, scores = {} } = prediction;
  return {
    json: prediction,
    columns: ['label', ...Object.keys(scores)],
    fields: [Array.isArray(label) ? label.join(';') : label, ...Object.values(scores)],
  };
}

const rowOfAnswer = (answer: Answer): Row => ({
  json: answer,
  columns: Object.keys(answer),
  fields: Object.values(answer),
});

async function* mapped<T>(items: AsyncIterable<T>, toRow: (item: T) => Row): AsyncGenerator<Row> {
  for await (const item of items) yield toRow(item);
}

/** RFC 4180. */
const csvField = (value: unknown): string => {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const csvLine = (fields: readonly unknown[]): string => `${fields.map(csvField).join(',')}\r\n`;

async function write(out: Writable, rows: AsyncIterable<Row>, format: PredictFlags['format']): Promise<void> {
  let isFirst = true;
  for await (const { json, columns, fields } of rows) {
    const header = isFirst && format === 'csv' ? csvLine(columns) : '';
    const line = header + (format === 'csv' ? csvLine(fields) : `${JSON.stringify(json)}\n`);
    if (!out.write(line)) await once(out, 'drain');
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
      "table: .csv .tsv .jsonl .json .parquet; questions: columns question and context, or SQuAD's json (default: lines of stdin, texts or json)",
    )
    .option('--output <file>', 'default: stdout')
    .addOption(new Option('--format <kind>', 'of the output').choices(['jsonl', 'csv']).default('jsonl'))
    .option(
      '--max-length <tokens>',
      'tokens of a row; longer ones are cut, contexts of questions: into windows (default: 128, questions: as trained)',
      wholeNumber('max-length', 8),
    );
  addTextColumnOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (given: PredictFlags) => {
      const { input, output, format } = given;
      const flags = input === undefined ? given : { ...given, input: await localFile(input) };
      const head = await savedHead(flags);
      const questions = head.kind === 'span';
      if (questions) checkNoColumns(flags);
      await withEngine(flags, (engine) => {
        const options = {
          ...engine,
          onNote: (text: string): void => void process.stderr.write(`${text}\n`),
        };
        const rows = questions
          ? mapped(predictAnswers(flags, questionsIn(flags), options), rowOfAnswer)
          : mapped(predictTexts(flags, textsIn(flags), options), rowOf);
        const fill = (out: Writable): Promise<void> => write(out, rows, format);
        return output === undefined ? fill(process.stdout) : writeFileWhole(output, fill);
      });
    });
  addEngineOptions(command);
}
