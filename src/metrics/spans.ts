/**
 * Start and end scores of SQuAD windows -> answers: the post-processing of Hugging Face's `run_qa`
 * (`postprocess_qa_predictions`). Equal scores: the later token first, as a stable ascending sort read backwards (numpy's
 * default sort, which `run_qa` reads backwards too, leaves the order of equal scores open).
 */

import { DataError } from '../errors.js';

/** A question by its id, and the text that answers it. */
export interface SpanQuestion {
  readonly id: string;
  readonly context: string;
}

/** What decoding needs of a window; a `SpanFeature` of datasets/windows.ts is one. */
export interface SpanWindow {
  /** Index of the question. */
  readonly example: number;
  /** Row position of the first context token. */
  readonly contextStart: number;
  /** `[tokens, 2]`: UTF-16 start and end in the context. */
  readonly offsets: Int32Array;
}

/** Scores of one window, [length] each; positions outside the context (padding too) take part in the n-best selection. */
export interface SpanLogits {
  readonly start: Float32Array;
  readonly end: Float32Array;
}

/** How answers are chosen, by the names of `run_qa`. */
export interface SpanOptions {
  /** Starts and ends tried in each window, and candidates kept. Default 20. */
  readonly nBest?: number;
  /** Tokens. Default 30. */
  readonly maxAnswerLength?: number;
  /** SQuAD v2.0: a question may have no answer. Default false. */
  readonly withNoAnswer?: boolean;
  /** v2.0: no answer when its score exceeds the best answer's by more than this. Default 0. */
  readonly nullScoreDiffThreshold?: number;
}

/** One entry of `nbest_predictions.json`. */
export interface SpanCandidate {
  readonly start_logit: number;
  readonly end_logit: number;
  readonly text: string;
  /** Softmax of the scores over the entries kept for the question. */
  readonly probability: number;
}

/** The answer given to a question. */
export interface SpanAnswer {
  readonly text: string;
  /** UTF-16 range: `context.slice(start, end)` is the text. None: no answer. */
  readonly range?: readonly [start: number, end: number];
  /** Softmax of the scores over the candidates kept for the question: the answer's share. */
  readonly probability: number;
}

/** By question id, in order: the three files of `run_qa`, and where the answers stand. */
export interface SpanPredictions {
  readonly answers: ReadonlyMap<string, SpanAnswer>;
  readonly predictions: ReadonlyMap<string, string>;
  readonly nbest: ReadonlyMap<string, readonly SpanCandidate[]>;
  /** Score of "no answer" less the best answer's; empty unless `withNoAnswer`. */
  readonly nullOdds: ReadonlyMap<string, number>;
}

interface Scored {
  readonly startLogit: number;
  readonly endLogit: number;
  readonly score: number;
  /** UTF-16 range in the context; 0, 0 is "no answer". */
  readonly start: number;
  readonly end: number;
}

type Texted = Scored & { readonly text: string };

const EMPTY: Texted = { startLogit: 0, endLogit: 0, score: 0, start: 0, end: 0, text: 'empty' };

/**
 * The answers of all questions. `logits[i]` belongs to `windows[i]`; sums are rounded to float32 as numpy's are.
 * @throws DataError for scores that are not finite
 * @example
 * ```ts
 * import { evaluation } from 'progtuning';
 *
 * const questions = [{ id: 'q1', context: 'Ada wrote it.' }];
 * const windows = [{ example: 0, contextStart: 1, offsets: Int32Array.of(0, 3, 4, 9, 10, 12) }];
 * const logits = [{ start: Float32Array.of(0, 9, 1, 1, 0), end: Float32Array.of(0, 9, 1, 1, 0) }];
 * console.log(evaluation.decodeSpans(questions, windows, logits).predictions.get('q1')); // Ada
 * ```
 */
export function decodeSpans(
  questions: readonly SpanQuestion[],
  windows: readonly SpanWindow[],
  logits: readonly SpanLogits[],
  options: SpanOptions = {},
): SpanPredictions {
  const settings = {
    nBest: 20,
    maxAnswerLength: 30,
    withNoAnswer: false,
    nullScoreDiffThreshold: 0,
    ...options,
  };
  const out = { answers: new Map(), predictions: new Map(), nbest: new Map(), nullOdds: new Map() };
  const indices = windowsByQuestion(questions.length, windows);
  for (const [index, question] of questions.entries()) {
    const mine = indices[index] as number[];
    const candidates = mine.flatMap((i) =>
      windowCandidates(windows[i]!, checked(logits[i], question), settings),
    );
    const nullCandidate = leastNull(mine.map((i) => logits[i]!));
    const kept = keepBest(candidates, settings.withNoAnswer ? nullCandidate : undefined, settings.nBest);
    const texted = withFallback(kept.map((c) => ({ ...c, text: question.context.slice(c.start, c.end) })));
    const { index: chosen, nullOdds } = choose(texted, nullCandidate, settings);
    const entries = probabilities(texted);
    const answer = answerOf(texted[chosen], entries[chosen]);
    out.answers.set(question.id, answer);
    out.predictions.set(question.id, answer.text);
    out.nbest.set(question.id, entries);
    if (nullOdds !== undefined) out.nullOdds.set(question.id, nullOdds);
  }
  return out;
}

function windowsByQuestion(questions: number, windows: readonly SpanWindow[]): number[][] {
  const indices: number[][] = Array.from({ length: questions }, () => []);
  for (const [i, { example }] of windows.entries()) indices[example]?.push(i);
  return indices;
}

function checked(logits: SpanLogits | undefined, { id }: SpanQuestion): SpanLogits {
  if (!logits) throw new Error(`internal: a window of question ${id} has no scores`);
  if (logits.start.every(Number.isFinite) && logits.end.every(Number.isFinite)) return logits;
  throw new DataError(
    `question ${id}: the model's scores are not finite numbers. Did training diverge? Lower the learning rate.`,
  );
}

/** Row positions of the `count` highest scores, highest first; of equal ones the later first. */
export function topPositions(scores: Float32Array, count: number): number[] {
  const best: number[] = [];
  for (let i = 0; i < scores.length; i++) {
    let at = best.length;
    while (at > 0 && scores[best[at - 1]!]! <= scores[i]!) at--;
    if (at >= count) continue;
    best.splice(at, 0, i);
    if (best.length > count) best.pop();
  }
  return best;
}

function windowCandidates(
  { contextStart, offsets }: SpanWindow,
  { start, end }: SpanLogits,
  { nBest, maxAnswerLength }: Required<SpanOptions>,
): Scored[] {
  const candidates: Scored[] = [];
  const ends = topPositions(end, nBest);
  for (const first of topPositions(start, nBest))
    for (const last of ends) {
      if (last < first || last - first + 1 > maxAnswerLength) continue;
      const from = offsets[2 * (first - contextStart)];
      const to = offsets[2 * (last - contextStart) + 1];
      if (from === undefined || to === undefined) continue;
      candidates.push(scored(start[first]!, end[last]!, from, to));
    }
  return candidates;
}

function scored(startLogit: number, endLogit: number, start: number, end: number): Scored {
  return { startLogit, endLogit, score: Math.fround(startLogit + endLogit), start, end };
}

/** "No answer" is scored by position 0, and by the window that believes in it least; of equal ones the first. */
function leastNull(logits: readonly SpanLogits[]): Scored | undefined {
  const nulls = logits.map(({ start, end }) => scored(start[0]!, end[0]!, 0, 0));
  return nulls.reduce<Scored | undefined>(
    (least, c) => (least && least.score <= c.score ? least : c),
    undefined,
  );
}

/** The `count` best in order of score (equal ones in order of appearance), and "no answer" in any case. */
function keepBest(candidates: readonly Scored[], nullCandidate: Scored | undefined, count: number): Scored[] {
  const all = nullCandidate ? [...candidates, nullCandidate] : [...candidates];
  const kept = all.sort((a, b) => b.score - a.score).slice(0, count);
  if (nullCandidate && !kept.some(({ start, end }) => start === 0 && end === 0)) kept.push(nullCandidate);
  return kept;
}

/** Without any answer with a text, `run_qa` answers "empty". */
function withFallback(candidates: readonly Texted[]): Texted[] {
  const isBare = candidates.length === 0 || (candidates.length === 1 && candidates[0]!.text === '');
  return isBare ? [EMPTY, ...candidates] : [...candidates];
}

/**
 * The index of the best candidate, or of "no answer"; in v2.0 the best with a text, unless "no answer" is better by more than the threshold.
 * Deviation: where no candidate has a text, `run_qa` fails with an IndexError; here that is no answer.
 */
function choose(
  candidates: readonly Texted[],
  nullCandidate: Scored | undefined,
  { withNoAnswer, nullScoreDiffThreshold }: Required<SpanOptions>,
): { readonly index: number; readonly nullOdds?: number } {
  if (!withNoAnswer || !nullCandidate) return { index: 0 };
  const none = candidates.findIndex(({ text }) => text === '');
  const index = candidates.findIndex(({ text }) => text !== '');
  const best = candidates[index];
  if (!best) return { index: none, nullOdds: nullCandidate.score };
  const nullOdds = Math.fround(Math.fround(nullCandidate.score - best.startLogit) - best.endLogit);
  return { index: nullOdds > nullScoreDiffThreshold ? none : index, nullOdds };
}

/** "No answer", and the "empty" that stands in for one, are at no place of the context. */
function answerOf(chosen: Texted | undefined, entry: SpanCandidate | undefined): SpanAnswer {
  const { text = '', start = 0, end = 0 } = chosen ?? {};
  const probability = entry?.probability ?? 0;
  return end > start ? { text, range: [start, end], probability } : { text, probability };
}

function probabilities(candidates: readonly Texted[]): SpanCandidate[] {
  const highest = Math.max(...candidates.map(({ score }) => score));
  const weights = candidates.map(({ score }) => Math.exp(score - highest));
  const sum = weights.reduce((a, b) => a + b, 0);
  return candidates.map(({ startLogit, endLogit, text }, i) => {
    return { start_logit: startLogit, end_logit: endLogit, text, probability: weights[i]! / sum };
  });
}
