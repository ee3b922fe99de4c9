/** Questions of one's own: SQuAD's json, or rows with its columns (`id`, `context`, `question`, `answers`) in any table format. */
import { basename } from 'node:path';
import { DataError } from '../../errors.js';
import { didYouMean } from '../../nearest.js';
import * as z from '../../schema.js';
import { hashFile } from '../corpus.js';
import { parseSquad, type SquadSplit, squadFromRows } from '../squad.js';
import type { SquadSource } from '../squad-source.js';
import type { Table } from './labelled.js';
import { readJsonDocument, readRows, type TableRow } from './rows.js';

function parsed(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${where}: 'answers' is not JSON; wanted {"text": ["..."], "answer_start": [0]}`, {
      cause,
    });
  }
}

/** A row in the hub's shape: ids and titles may be left out, answers may be JSON in a cell. */
function squadRow({ values, where }: TableRow): Record<string, unknown> {
  const missing = ['question', 'context', 'answers'].find((name) => values[name] === undefined);
  if (missing !== undefined)
    throw new DataError(`${where}: no column '${missing}'; there are: ${Object.keys(values).join(', ')}`);
  const { answers } = values;
  const id = values.id === undefined || values.id === null ? basename(where) : String(values.id);
  return {
    ...values,
    id,
    title: String(values.title ?? ''),
    answers: typeof answers === 'string' ? parsed(answers, where) : answers,
  };
}

/** A question to answer. */
export interface OpenQuestion {
  readonly id: string;
  readonly question: string;
  readonly context: string;
}

/** @throws DataError that names the columns there are, for a column that is missing or empty */
export function openQuestion({ values, where }: TableRow): OpenQuestion {
  const [question = '', context = ''] = ['question', 'context'].map((name) => {
    const value = values[name];
    if (value === undefined)
      throw new DataError(
        `${where}: no column '${name}'${didYouMean(name, Object.keys(values))}; there are: ${Object.keys(values).join(', ')}. Questions want 'question' and 'context'`,
      );
    const text = value === null ? '' : String(value);
    if (text.trim() === '')
      throw new DataError(`${where}: '${name}' is empty; fill it in or leave the row out`);
    return text;
  });
  const { id } = values;
  return {
    id: id === undefined || id === null || id === '' ? basename(where) : String(id),
    question,
    context,
  };
}

const unansweredSchema = z.object({
  data: z.array(
    z.object({
      paragraphs: z.array(
        z.object({
          context: z.string(),
          qas: z.array(z.object({ id: z.string().optional(), question: z.string() })),
        }),
      ),
    }),
  ),
});

/**
 * Questions to answer, as they are read: SQuAD's json, whose answers may be missing, or rows with columns `question`, `context` and, where
 * there is one, `id`. @throws DataError with file and line
 */
export async function* readOpenQuestions({ path, delimiter }: Table): AsyncGenerator<OpenQuestion> {
  const squad = isJson(path) ? unansweredSchema.safeParse(await readJsonDocument(path)).data : undefined;
  if (!squad) {
    for await (const row of readRows(path, delimiter)) yield openQuestion(row);
    return;
  }
  let number = 0;
  for (const { paragraphs } of squad.data)
    for (const { context, qas } of paragraphs)
      for (const { id, question } of qas) {
        const where = `${path}, question ${number++}`;
        yield openQuestion({ values: { id, question, context }, where });
      }
}

const isJson = (path: string): boolean => /\.json(\.gz|\.xz)?$/i.test(path);

async function read({ path, delimiter }: Table): Promise<SquadSplit> {
  if (isJson(path)) {
    const value = (await readJsonDocument(path)) as { data?: { paragraphs?: unknown }[] } | undefined;
    if (Array.isArray(value?.data) && value.data[0]?.paragraphs !== undefined) return parseSquad(value, path);
  }
  const rows: Record<string, unknown>[] = [];
  const placeOf = new Map<unknown, string>();
  for await (const row of readRows(path, delimiter)) {
    const question = squadRow(row);
    const before = placeOf.get(question.id);
    if (before !== undefined)
      throw new DataError(
        `${row.where}: the id '${question.id}' is that of ${before} too; answers are told apart by it: give each its own`,
      );
    placeOf.set(question.id, row.where);
    rows.push(question);
  }
  return squadFromRows(rows, path);
}

/** @throws DataError as `readSquad`; for two questions of one id, or with an empty context or question */
export async function readQuestions(
  table: Table,
  maxExamples = Number.POSITIVE_INFINITY,
): Promise<SquadSource> {
  const { path } = table;
  const split = await read(table);
  const seen = new Set<string>();
  for (const { id, question, context } of split.examples) {
    if (seen.has(id))
      throw new DataError(
        `${path}: two questions have the id '${id}'; answers are told apart by it: give each its own`,
      );
    seen.add(id);
    if (question.trim() === '' || context.trim() === '')
      throw new DataError(
        `${path}: question ${id}: its question or context is empty; fill it in or leave it out`,
      );
  }
  const examples = split.examples.slice(0, maxExamples);
  const taken = new Set(examples.map(({ id }) => id));
  const misplaced = split.misplaced.filter((id) => taken.has(id));
  return { ...split, examples, misplaced, hash: (await hashFile(path)).sha256, path };
}
