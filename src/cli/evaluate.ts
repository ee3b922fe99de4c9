/** `progtuning evaluate`: a predictions file as the official SQuAD evaluators do, or a saved model on a task. */

import type { Command } from 'commander';
import { localFile } from '../datasets/hub-dataset.js';
import { resolveModel } from '../datasets/source.js';
import { readSquadFile } from '../datasets/squad.js';
import { firstRows, namesOf } from '../datasets/tables/columns.js';
import { DataError, UsageError } from '../errors.js';
import { type EvaluateRequest, evaluateRun } from '../experiments/evaluate-run.js';
import { OWN_KINDS, ownKind } from '../experiments/run-spec.js';
import { trainedWith, withTrained } from '../experiments/trained-with.js';
import { readJsonEntries } from '../json.js';
import {
  missingPredictions,
  type SquadPredictions,
  type SquadReference,
  scoreSquadV1,
  scoreSquadV2,
} from '../metrics/squad.js';
import { STRICT } from './data-options.js';
import { addEngineOptions, type EngineFlags, withEngine } from './engine-options.js';
import { wholeNumber } from './numbers.js';
import { addColumnOptions, type ColumnFlags, givenColumns, ownLayout } from './own-data-options.js';
import { runDisplay } from './run-display.js';
import { addSquadOptions, type SquadFlags, squadOf } from './squad-options.js';

export interface EvaluateSquadOptions {
  readonly data: string;
  readonly predictions: string;
  readonly naProb?: string;
  readonly naProbThresh?: number;
}

/** Scores by the official names (v1.1 has `exact` also as `exact_match`), and what to tell the user beside them. */
export interface SquadEvaluation {
  readonly scores: Readonly<Record<string, number>>;
  readonly warnings: readonly string[];
}

/** Warnings named one by one, before the rest is only counted. */
const NAMED_WARNINGS = 20;

/**
 * Reads data and predictions, and scores them by the version the data file is of.
 * @throws DataError for a file that is missing or malformed, a prediction that is no text, a no-answer probability that
 * is no number or is absent; UsageError for `naProb` with v1.1 data
 */
export async function evaluateSquad(options: EvaluateSquadOptions): Promise<SquadEvaluation> {
  const { version, examples } = await readSquadFile(options.data);
  const references = examples.map(({ id, answers }) => ({ id, answers: answers.map((a) => a.text) }));
  const predictions = await readMap(options.predictions, isText, 'a text ("" for no answer)');
  const warnings = describeMissing(references, predictions);
  if (version === '2.0') return { scores: await scoreV2(references, predictions, options), warnings };
  if (options.naProb !== undefined)
    throw new UsageError(
      `--na-prob is for SQuAD v2.0; every question of ${options.data} has an answer, so it is v1.1. Leave it out.`,
    );
  const scores = scoreSquadV1(references, predictions);
  return { scores: { exact_match: scores.exact, ...scores }, warnings };
}

async function scoreV2(
  references: readonly SquadReference[],
  predictions: SquadPredictions,
  { naProb, naProbThresh = 1 }: EvaluateSquadOptions,
): Promise<Record<string, number>> {
  if (naProb === undefined) return { ...scoreSquadV2(references, predictions) };
  const naProbs = await readMap(naProb, isNumber, 'a number');
  const absent = references.find(({ id }) => predictions.has(id) && !naProbs.has(id));
  if (absent)
    throw new DataError(
      `${naProb}: no probability for question ${absent.id}; expected one for every prediction.`,
    );
  return { ...scoreSquadV2(references, predictions, { naProbs, naProbThreshold: naProbThresh }) };
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number';

/** A JSON object from question id to `T`. The official scripts stop at a value of another type, and so do we. */
async function readMap<T>(
  path: string,
  accepts: (value: unknown) => value is T,
  expected: string,
): Promise<Map<string, T>> {
  const members = await readJsonEntries(path);
  if (members === undefined)
    throw new DataError(
      `${path}: expected one JSON object, question id -> ${expected}. Is it the n-best file?`,
    );
  const map = new Map<string, T>();
  for (const [id, value] of members) {
    if (!accepts(value))
      throw new DataError(`${path}: question ${id}: expected ${expected}, found ${show(value)}.`);
    map.set(id, value);
  }
  return map;
}

function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

function describeMissing(references: readonly SquadReference[], predictions: SquadPredictions): string[] {
  const missing = missingPredictions(references, predictions);
  const named = missing.slice(0, NAMED_WARNINGS).map((id) => `Missing prediction for ${id}: it scores 0.`);
  if (missing.length > named.length)
    named.push(`... ${missing.length} missing predictions in all, each scores 0.`);
  return named;
}

function parseThreshold(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value))
    throw new UsageError(`--na-prob-thresh: expected a number, found "${text}".`);
  return value;
}

interface EvaluateModelFlags
  extends Omit<EvaluateRequest, 'squad' | 'task' | 'columns'>,
    SquadFlags,
    ColumnFlags,
    EngineFlags {
  readonly strict?: boolean;
  readonly json?: boolean;
}

const MODEL_EXAMPLE =
  '  progtuning evaluate model --task sst2 --data glue/ --model bert-base-uncased --adapter runs/sst2-lora';

const MODEL_EXAMPLES = `
Examples:
  progtuning evaluate model --task sst2 --data glue/ --model runs/sst2
${MODEL_EXAMPLE}
  progtuning evaluate model --task squad --data squad/ --model runs/squad --max-length 384 --doc-stride 128`;

const SQUAD_EXAMPLE =
  '  progtuning evaluate squad --data squad/dev-v1.1.json --predictions runs/squad/predictions.json';

/** The columns of own data, as said, as in training, or guessed. */
async function ownColumns(
  flags: ColumnFlags & Pick<EvaluateRequest, 'task' | 'data' | 'model' | 'adapter'>,
): Promise<Pick<EvaluateRequest, 'columns'>> {
  const kind = ownKind(flags.task);
  if (kind === undefined) return {};
  const path = await localFile(flags.data);
  const trained = await trainedWith(flags.adapter ?? (await resolveModel(flags.model)));
  const isTable = kind !== 'causal-lm' && kind !== 'question-answering';
  const names = isTable ? namesOf(await firstRows(path, flags.delimiter)) : [];
  const given = withTrained(givenColumns(flags), trained.columns, names);
  const { columns } = await ownLayout(path, given, kind);
  return columns ? { columns: { ...columns, delimiter: given.delimiter } } : {};
}

function registerEvaluateModel(evaluate: Command): void {
  const command = evaluate
    .command('model')
    .description(
      "a saved model, or an adapter on its base model, on a task's development set; length of rows, SQuAD's windows and answers as in its training, if not said otherwise",
    )
    .requiredOption(
      '--task <name>',
      `Hugging Face's name of a GLUE task, squad, squad_v2; of own data ${OWN_KINDS.join(', ')}`,
    )
    .requiredOption(
      '--data <source>',
      "folder with the task's files, hub, embedded or plain; own data: the file",
    )
    .requiredOption(
      '--model <folder>',
      'a fine-tuned model, or the base model of --adapter; folder or hub id',
    )
    .option('--adapter <folder>', 'a saved LoRA, Adapter or BitFit')
    .option(
      '--max-length <tokens>',
      'tokens of a row; longer ones are cut, SQuAD: into windows (default: as trained, else 128, SQuAD: 384, causal-lm and seq2seq-lm: 256)',
      wholeNumber('max-length', 8),
    )
    .option('--max-eval-examples <n>', 'use the first n', wholeNumber('max-eval-examples', 1))
    .option('--strict', STRICT);
  addColumnOptions(command);
  addSquadOptions(command)
    .option('--json', 'on one line, for programs')
    .addHelpText('after', MODEL_EXAMPLES)
    .action(async ({ json, strict, threads, device, profile, ...given }: EvaluateModelFlags) => {
      const { task, data, model, adapter, maxLength, maxEvalExamples } = given;
      const sizes = Object.fromEntries(
        Object.entries({ maxLength, maxEvalExamples }).filter(([, value]) => value !== undefined),
      );
      const request = { task, data, model, adapter, ...sizes, ...(await ownColumns(given)) };
      const squad = squadOf(given);
      const { onEvent, stop } = runDisplay();
      const flags = { threads, device, ...(profile === undefined ? {} : { profile }) };
      const metrics = await withEngine(flags, (engine) =>
        evaluateRun({ ...request, ...squad }, { ...engine, strict, onEvent }).finally(stop),
      );
      process.stdout.write(`${JSON.stringify(metrics, null, json ? 0 : 2)}\n`);
    });
  addEngineOptions(command);
}

/** Adds `evaluate squad` and `evaluate model` to the program. Scores go to its output as JSON, warnings to its error output. */
export function registerEvaluate(program: Command): void {
  const evaluate = program
    .command('evaluate')
    .addHelpText('after', `\nExamples:\n${MODEL_EXAMPLE}\n${SQUAD_EXAMPLE}`);
  registerEvaluateModel(evaluate);
  evaluate
    .command('squad')
    .description('SQuAD v1.1 or v2.0, whichever the data file is: exact match and F1 in per cent')
    .requiredOption('--data <file>', 'data set with reference answers, official JSON layout')
    .requiredOption('--predictions <file>', 'JSON object: question id -> answer text')
    .option(
      '--na-prob <file>',
      'v2.0: JSON object: question id -> probability of no answer; adds the best thresholds',
    )
    .option(
      '--na-prob-thresh <number>',
      'v2.0: above it, a question counts as unanswered (default: 1)',
      parseThreshold,
    )
    .option('--json', 'on one line, for programs')
    .addHelpText('after', `\nExample:\n${SQUAD_EXAMPLE}`)
    .action(async (options: EvaluateSquadOptions & { readonly json?: boolean }) => {
      const { scores, warnings } = await evaluateSquad(options);
      const { writeOut, writeErr } = program.configureOutput();
      for (const warning of warnings) writeErr?.(`${warning}\n`);
      writeOut?.(`${JSON.stringify(scores, null, options.json ? 0 : 2)}\n`);
    });
}
