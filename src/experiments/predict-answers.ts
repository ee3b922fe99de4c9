/** A saved question-answering model on questions as they come: where in its context each answer stands, in order. */
import { resolveModel } from '../datasets/source.js';
import { buildWindows } from '../datasets/windows.js';
import { DataError, UsageError } from '../errors.js';
import type { SpanPredictions } from '../metrics/spans.js';
import { featureLogits } from '../training/evaluate.js';
import { chunksOf } from './chunks.js';
import { openSaved, type SavedRequest, type StreamOptions, savedHead } from './open-saved.js';
import { SQUAD_DEFAULTS, type SquadSettings } from './run-spec.js';
import { savedSquadSettings } from './squad-settings.js';
import { decodeAnswers } from './squad-task.js';

export interface AnswerRequest extends SavedRequest {
  /** Tokens of a window. Default: what the model was trained with, 384 where its folder does not say. */
  readonly maxLength?: number | undefined;
  /** Windows and answers; default: what the model was trained with. */
  readonly squad?: Partial<SquadSettings> | undefined;
  /** Whether "no answer" is one. Default: whether the training data had questions without. */
  readonly withNoAnswer?: boolean | undefined;
}

/** A question on a text. */
export interface Question {
  readonly question: string;
  readonly context: string;
  /** Default: its place, from 0. */
  readonly id?: string;
}

/** What the model answers. */
export interface Answer {
  readonly id: string;
  /** As it stands in the context; empty: no answer. */
  readonly answer: string;
  /** UTF-16 range, so that `context.slice(start, end)` is the answer; null where there is none. */
  readonly start: number | null;
  readonly end: number | null;
  /** The answer's share among the candidates kept for the question, as `probability` in `nbest_predictions.json`. */
  readonly score: number;
}

/** Questions that are tokenised and answered at once. */
const CHUNK = 256;

function answerOf(id: string, key: string, { answers }: SpanPredictions): Answer {
  const found = answers.get(key);
  const [start, end] = found?.range ?? [null, null];
  return { id, answer: found?.text ?? '', start, end, score: found?.probability ?? 0 };
}

/** @throws DataError for a question or a context without text */
function checkTexts({ question, context }: Question, id: string): void {
  if (question.trim() === '' || context.trim() === '')
    throw new DataError(`question ${id}: its question or context is empty; fill it in or leave it out`);
}

/**
 * Answers in the order of the questions, made as they come: 256 at a time, or those that are there after `waitMs`. Long contexts are cut into windows as in training, so
 * the answers are those that `evaluate` scores.
 * @throws UsageError for a model that does not answer questions; DataError for an empty text, or a question that leaves no room for its context
 * @example
 * ```ts
 * import { evaluation } from 'progtuning';
 *
 * const questions = [{ question: 'Who keeps the key?', context: 'The key is with the porter.' }];
 * const answers = async () => {
 *   for await (const { answer, start, end } of evaluation.predictAnswers({ model: 'runs/questions' }, questions))
 *     console.log(answer, start, end);
 * };
 * await answers().catch((error: Error) => console.log(error.name)); // DataError
 * ```
 */
export async function* predictAnswers(
  request: AnswerRequest,
  questions: AsyncIterable<Question> | Iterable<Question>,
  options: StreamOptions = {},
): AsyncGenerator<Answer> {
  const head = await savedHead(request);
  if (head.kind !== 'span') throw new UsageError(`${request.model}: is a classifier; use predictTexts`);
  const saved = await savedSquadSettings(request.adapter ?? (await resolveModel(request.model)));
  const settings = { ...SQUAD_DEFAULTS, ...saved.squad, ...request.squad };
  const maxLength = request.maxLength ?? saved.maxLength ?? 384;
  const version = (request.withNoAnswer ?? saved.withNoAnswer) ? '2.0' : '1.1';
  const { model, tokenizer, program } = await openSaved(request, head, maxLength, options);
  let done = 0;
  try {
    for await (const chunk of chunksOf(questions, CHUNK, options.waitMs)) {
      const from = done;
      done += chunk.length;
      const ids = chunk.map(({ id }, i) => id ?? String(from + i));
      for (const [i, each] of chunk.entries()) checkTexts(each, ids[i] as string);
      const examples = chunk.map(({ question, context }, i) => ({
        ...{ id: String(i), title: '', question, context, answers: [] },
      }));
      const size = { maxLength, docStride: settings.docStride };
      const windows = await buildWindows(examples, tokenizer.tokenizer, { purpose: 'evaluate', ...size });
      const logits = await featureLogits(program, model, windows.features, { ...options, maxLength });
      const found = decodeAnswers(settings, version, examples, windows, logits);
      for (const [i, id] of ids.entries()) yield answerOf(id, String(i), found);
    }
  } finally {
    await program.close();
  }
}
