/**
 * SQuAD v1.1 and v2.0 (Rajpurkar et al. 2016, 2018): the official JSON files, or rows in the shape of the Hugging Face
 * hub's `rajpurkar/squad` and `rajpurkar/squad_v2`, as one list of questions. The unit of a character position is a UTF-16
 * index from here on, so that `context.slice` cuts what is meant; the files count Unicode code points.
 */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { readJson } from '../json.js';
import * as z from '../schema.js';
import { utf16Index, utf16Table } from './code-points.js';

/** Of SQuAD: 2.0 has questions without answer. */
export type SquadVersion = '1.1' | '2.0';

/** A reference answer; `start` is a UTF-16 index into the context. */
export interface SquadAnswer {
  readonly text: string;
  readonly start: number;
}

/** One question on one paragraph. No answers: the paragraph does not answer it (v2.0). */
export interface SquadExample {
  readonly id: string;
  readonly title: string;
  readonly context: string;
  readonly question: string;
  readonly answers: readonly SquadAnswer[];
}

/** The questions of a file. */
export interface SquadSplit {
  /** 2.0 where a question has no answer: what the data is, whatever file name, `version` or `is_impossible` say. */
  readonly version: SquadVersion;
  readonly examples: readonly SquadExample[];
  /** Ids of questions whose first answer does not stand at its `answer_start`: training leaves them out. */
  readonly misplaced: readonly string[];
}

/** A row as the hub's parquet files give it; `answer_start` counts code points. */
export interface SquadRow {
  readonly id: string;
  readonly title: string;
  readonly context: string;
  readonly question: string;
  readonly answers: { readonly text: readonly string[]; readonly answer_start: ArrayLike<number | bigint> };
}

const ANSWER = z.object({ text: z.string(), answer_start: z.number() });
const QUESTION = z.object({
  id: z.string(),
  question: z.string(),
  answers: z.array(ANSWER),
});
const PARAGRAPH = z.object({ context: z.string(), qas: z.array(QUESTION) });
const ARTICLE = z.object({ title: z.string().default(''), paragraphs: z.array(PARAGRAPH) });
const FILE = z.object({ data: z.array(ARTICLE) });
const ROW = z.object({
  id: z.string(),
  title: z.string(),
  context: z.string(),
  question: z.string(),
  answers: z.object({
    text: z.array(z.string()),
    answer_start: z.custom<ArrayLike<number | bigint>>(isArrayLike),
  }),
});

function isArrayLike(value: unknown): boolean {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value);
}

/** Whether the answer is the text at its place: training needs it, scoring does not. */
export function isInPlace(context: string, answer: SquadAnswer): boolean {
  return answer.start >= 0 && context.startsWith(answer.text, answer.start);
}

/** One line for the user, or undefined when every first answer is where the file says. @param done what becomes of the others */
export function describeMisplaced(
  { misplaced, examples }: SquadSplit,
  done = 'left out of training',
): string | undefined {
  if (misplaced.length === 0) return undefined;
  const shown = misplaced.slice(0, 3).join(', ') + (misplaced.length > 3 ? ', ...' : '');
  return `${misplaced.length} of ${examples.length} questions have an answer that is not in the context at its answer_start (${shown}); ${done}.`;
}

/**
 * Reads one split from a file in the official layout, or from a folder that holds it under its official name
 * (`train-v1.1.json`, `dev-v2.0.json` ...).
 * @throws DataError for a missing file, JSON that does not parse (line and column), a missing or wrong field (its path,
 * such as `data[3].paragraphs[2].qas[0].id`) and a split without questions
 */
export async function readSquad(
  path: string,
  { version, split }: { readonly version: SquadVersion; readonly split: 'train' | 'dev' },
): Promise<SquadSplit> {
  const name = `${split}-v${version}.json`;
  const isFolder = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  return readSquadFile(isFolder ? join(path, name) : path);
}

/** Reads a file in the official layout; the version is seen from its content. Errors as {@link readSquad}. */
export async function readSquadFile(path: string): Promise<SquadSplit> {
  return parseSquad(await readJson(path), path);
}

/** The same from a parsed JSON value; `source` names it in errors. */
export function parseSquad(json: unknown, source: string): SquadSplit {
  const file = check(FILE, json, source, '');
  const examples: SquadExample[] = [];
  for (const { title, paragraphs } of file.data)
    for (const { context, qas } of paragraphs) {
      const table = utf16Table(context);
      for (const { id, question, answers } of qas) {
        const placed = answers.map((a) => ({ text: a.text, start: utf16Index(table, a.answer_start) }));
        examples.push({ id, title, context, question, answers: placed });
      }
    }
  return toSplit(examples, source);
}

/**
 * A split from rows in the hub's shape, read from parquet by the caller.
 * @throws DataError as {@link readSquad}, the path being `[row].answers.text` and the like
 */
export function squadFromRows(rows: Iterable<unknown>, source: string): SquadSplit {
  const examples: SquadExample[] = [];
  let index = 0;
  for (const row of rows) examples.push(rowExample(check(ROW, row, source, `[${index++}]`), source));
  return toSplit(examples, source);
}

function rowExample({ id, title, context, question, answers }: SquadRow, source: string): SquadExample {
  const { text, answer_start: starts } = answers;
  if (text.length !== starts.length)
    throw new DataError(
      `${source}: question ${id}: ${text.length} answer texts but ${starts.length} answer_start values; expected as many.`,
    );
  const table = utf16Table(context);
  const placed = text.map((t, i) => ({ text: t, start: utf16Index(table, Number(starts[i])) }));
  return { id, title, context, question, answers: placed };
}

function toSplit(examples: SquadExample[], source: string): SquadSplit {
  if (examples.length === 0)
    throw new DataError(
      `${source}: no questions in it; expected a SQuAD split with at least one. Is it the right file?`,
    );
  const version = examples.some(({ answers }) => answers.length === 0) ? '2.0' : '1.1';
  const misplaced = examples.filter(({ context, answers: [first] }) => first && !isInPlace(context, first));
  return { version, examples, misplaced: misplaced.map((e) => e.id) };
}

function check<T>(schema: z.ZodType<T>, value: unknown, source: string, prefix: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = prefix + z.toDotPath(issue?.path ?? []);
  const place = path === '' ? 'the whole file' : path;
  throw new DataError(
    `${source}: ${place}: ${issue?.message ?? 'wrong value'}. Expected the SQuAD layout (data[].paragraphs[].qas[] in JSON, or id, title, context, question, answers in rows).`,
  );
}
