/** `progtuning predict`: a saved model, rows of a file or lines of stdin -> json lines or csv, as they are made. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { type Command, Option } from 'commander';
import { localFile } from '../datasets/hub-dataset.js';
import { resolveModel } from '../datasets/source.js';
import { firstRows, namesOf, type TextColumns, textColumns } from '../datasets/tables/columns.js';
import { type Texts, textsOf } from '../datasets/tables/labelled.js';
import { openQuestion, readOpenQuestions } from '../datasets/tables/questions.js';
import { readRows, type TableRow } from '../datasets/tables/rows.js';
import { linesOfStream } from '../datasets/text.js';
import { DataError, UsageError } from '../errors.js';
import { savedHead } from '../experiments/open-saved.js';
import { type Answer, predictAnswers, type Question } from '../experiments/predict-answers.js';
import { type Prediction, type PredictRequest, predictTexts } from '../experiments/predict-run.js';
import { trainedWith, withTrained } from '../experiments/trained-with.js';
import { addEngineOptions, type EngineFlags, withEngine } from './engine-options.js';
import { wholeNumber } from './numbers.js';
import { addTextColumnOptions, type ColumnFlags, givenColumns } from './own-data-options.js';
import { LOG_INTERVAL } from './run-display.js';

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
    progtuning predict --model runs/reviews --format csv < new.txt
  What a LoRA on its base model says; one that Hugging Face PEFT saved too:
    progtuning predict --model bert-base-uncased/ --adapter runs/sst2-lora --input new.csv
  Answers to questions on texts of your own, each with its place in the text:
    progtuning predict --model runs/squad --input questions.csv --output answers.jsonl`;

/**
 * Lines of stdin: a text each or, where the first one is, json objects. A blank line is told, as the output has none for it.
 * @throws DataError with its line for what is no JSON or not UTF-8, and where there is no row
 */
async function* stdinRows(): AsyncGenerator<TableRow> {
  let number = 0;
  let [areObjects, isTold]: [boolean | undefined, boolean] = [undefined, false];
  for await (const line of linesOfStream(process.stdin, 'stdin')) {
    const where = `stdin:${++number}`;
    if (line.trim() === '') {
      if (!isTold) note(`${where}: a blank line; such lines have no prediction`);
      isTold = true;
      continue;
    }
    areObjects ??= line.trimStart().startsWith('{');
    yield { values: areObjects ? parsed(line, where) : { text: line }, where };
  }
  if (areObjects === undefined)
    throw new DataError('stdin: holds no row; write a text a line, or json objects, or give --input');
}

const note = (text: string): void => void process.stderr.write(`${text}\n`);

function parsed(line: string, where: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch (cause) {
    throw new DataError(`${where}: not JSON: ${(cause as Error).message}`, { cause });
  }
}

async function* textsIn(flags: PredictFlags): AsyncGenerator<Texts> {
  const { input, adapter, model } = flags;
  const given = givenColumns(flags);
  const trained = await trainedWith(adapter ?? (await resolveModel(model)));
  const columnsOf = (names: readonly string[], where: string): TextColumns =>
    textColumns(names, withTrained(given, trained.columns, names), where);
  let columns: TextColumns | undefined;
  if (input !== undefined) columns = columnsOf(namesOf(await firstRows(input, given.delimiter)), input);
  const rows = input === undefined ? stdinRows() : readRows(input, given.delimiter);
  for await (const row of rows) {
    columns ??= columnsOf(Object.keys(row.values), 'stdin');
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

/** Milliseconds that a line of stdin waits for others: who writes it may want its answer first. A file's rows come in full batches. */
const WAIT_MS = 50;

/** Rows come in so many at a time, or fewer: how far it is is told at the end of some. */
const TOLD_AFTER = 1024;

async function write(out: Writable, rows: AsyncIterable<Row>, format: PredictFlags['format']): Promise<void> {
  const start = performance.now();
  let [done, told] = [0, start];
  for await (const { json, columns, fields } of rows) {
    const header = done === 0 && format === 'csv' ? csvLine(columns) : '';
    const line = header + (format === 'csv' ? csvLine(fields) : `${JSON.stringify(json)}\n`);
    if (!out.write(line)) await once(out, 'drain');
    done++;
    const now = performance.now();
    if (done % TOLD_AFTER !== 0 || now - told < 1000 * LOG_INTERVAL) continue;
    told = now;
    note(`${done} rows | ${((1000 * done) / (now - start)).toFixed(0)}/s`);
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
      'tokens of a row; longer ones are cut, contexts of questions: into windows (default: as trained, else 128, questions: 384)',
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
          onNote: note,
          waitMs: input === undefined ? WAIT_MS : undefined,
        };
        const rows = questions
          ? mapped(predictAnswers(flags, questionsIn(flags), options), rowOfAnswer)
          : mapped(predictTexts(flags, textsIn(flags), options), rowOf);
        const fill = (out: Writable): Promise<void> => write(out, rows, format);
        const written = output === undefined ? fill(process.stdout) : writeFileWhole(output, fill);
        // A line that is waited for would keep a failed command from ending.
        return input === undefined ? written.finally(() => process.stdin.destroy()) : written;
      });
    });
  addEngineOptions(command);
}
