/**
 * The numbers of the official SQuAD evaluators, v1.1 and v2.0 (Rajpurkar et al. 2016, 2018): the same to the last place
 * that floating-point addition allows.
 */

import { normalizeAnswer, tokenF1, tokenF1WithEmpty } from './answer-text.js';

/** A question as scoring needs it: the texts of its reference answers, none when it has no answer. */
export interface SquadReference {
  readonly id: string;
  readonly answers: readonly string[];
}

/** Per cent; `total` counts questions. */
export interface SquadScores {
  readonly exact: number;
  readonly f1: number;
  readonly total: number;
}

/** v2.0; the parts of the questions with and without an answer, and the best that a threshold on `naProbs` could reach. */
export interface SquadV2Scores extends SquadScores {
  readonly HasAns_exact?: number;
  readonly HasAns_f1?: number;
  readonly HasAns_total?: number;
  readonly NoAns_exact?: number;
  readonly NoAns_f1?: number;
  readonly NoAns_total?: number;
  readonly best_exact?: number;
  readonly best_exact_thresh?: number;
  readonly best_f1?: number;
  readonly best_f1_thresh?: number;
}

/** Predicted texts by question id; `''` means: no answer. */
export type SquadPredictions = ReadonlyMap<string, string>;

function bestExact(golds: readonly string[], predicted: string): number {
  const normal = normalizeAnswer(predicted);
  return Number(golds.some((gold) => normalizeAnswer(gold) === normal));
}

function bestOf(golds: readonly string[], predicted: string, f1: typeof tokenF1): number {
  return golds.reduce((best, gold) => Math.max(best, f1(gold, predicted)), 0);
}

/** Ids without a prediction: the evaluators warn about each and score it 0. Predictions for other ids are ignored. */
export function missingPredictions(
  references: readonly SquadReference[],
  predictions: SquadPredictions,
): string[] {
  return references.filter(({ id }) => !predictions.has(id)).map(({ id }) => id);
}

/**
 * Scores of the v1.1 evaluator. Every reference counts, also where an id comes twice.
 * A question without reference answers scores 0 (the official script fails on it).
 * @example
 * ```ts
 * import { evaluation } from 'progtuning';
 *
 * const references = [{ id: 'q1', answers: ['Ada Lovelace', 'Lovelace'] }];
 * const { exact, f1 } = evaluation.scoreSquadV1(references, new Map([['q1', 'the Lovelace']]));
 * console.log(exact, f1); // 100 100
 * ```
 */
export function scoreSquadV1(
  references: readonly SquadReference[],
  predictions: SquadPredictions,
): SquadScores {
  let exact = 0;
  let f1 = 0;
  for (const { id, answers } of references) {
    const predicted = predictions.get(id);
    if (predicted === undefined) continue;
    exact += bestExact(answers, predicted);
    f1 += bestOf(answers, predicted, tokenF1);
  }
  const total = references.length;
  return { exact: (100 * exact) / total, f1: (100 * f1) / total, total };
}

interface RawScore {
  readonly id: string;
  readonly hasAnswer: boolean;
  /** Undefined: missing. */
  readonly predicted: string | undefined;
  readonly exact: number;
  readonly f1: number;
}

function rawScore({ id, answers }: SquadReference, predictions: SquadPredictions): RawScore {
  const golds = answers.filter((text) => normalizeAnswer(text) !== '');
  if (golds.length === 0) golds.push('');
  const predicted = predictions.get(id);
  const base = { id, hasAnswer: answers.length > 0, predicted };
  if (predicted === undefined) return { ...base, exact: 0, f1: 0 };
  return { ...base, exact: bestExact(golds, predicted), f1: bestOf(golds, predicted, tokenF1WithEmpty) };
}

/** Of the v2.0 evaluator: when a question counts as predicted to have no answer. */
export interface SquadV2Options {
  /** Probability (or any score) that a question has no answer, by id; every predicted id must be in it. */
  readonly naProbs?: ReadonlyMap<string, number>;
  /** Above it, a question counts as predicted to have no answer. Default 1, as the official script. */
  readonly naProbThreshold?: number;
}

/**
 * Scores of the v2.0 evaluator. An id that comes twice counts once, the last time.
 * Deviation: a missing id is warned about by the caller and scores 0; the official script prints the warning and then
 * fails with a KeyError.
 * @param options probabilities that there is no answer, and their threshold
 * @example
 * ```ts
 * import { evaluation } from 'progtuning';
 *
 * const references = [{ id: 'q1', answers: [] }];
 * console.log(evaluation.scoreSquadV2(references, new Map([['q1', '']])).exact); // 100
 * ```
 */
export function scoreSquadV2(
  references: readonly SquadReference[],
  predictions: SquadPredictions,
  { naProbs, naProbThreshold = 1 }: SquadV2Options = {},
): SquadV2Scores {
  const byId = new Map(references.map((reference) => [reference.id, reference]));
  const raw = new Map([...byId].map(([id, reference]) => [id, rawScore(reference, predictions)]));
  const thresholded = [...raw.values()].map((score) =>
    score.predicted !== undefined && (naProbs?.get(score.id) ?? 0) > naProbThreshold ? abstain(score) : score,
  );
  const has = prefixed(
    'HasAns',
    thresholded.filter((s) => s.hasAnswer),
  );
  const none = prefixed(
    'NoAns',
    thresholded.filter((s) => !s.hasAnswer),
  );
  return { ...mean(thresholded), ...has, ...none, ...(naProbs ? bestThresholds(raw, naProbs) : {}) };
}

function abstain(score: RawScore): RawScore {
  const value = Number(!score.hasAnswer);
  return { ...score, exact: value, f1: value };
}

function mean(scores: readonly RawScore[]): SquadScores {
  const total = scores.length;
  const sum = (field: 'exact' | 'f1'): number => scores.reduce((s, score) => s + score[field], 0);
  return { exact: (100 * sum('exact')) / total, f1: (100 * sum('f1')) / total, total };
}

function prefixed(prefix: 'HasAns' | 'NoAns', scores: readonly RawScore[]): Partial<SquadV2Scores> {
  if (scores.length === 0) return {};
  return Object.fromEntries(Object.entries(mean(scores)).map(([key, value]) => [`${prefix}_${key}`, value]));
}

function bestThresholds(
  raw: ReadonlyMap<string, RawScore>,
  naProbs: ReadonlyMap<string, number>,
): Partial<SquadV2Scores> {
  const [best_exact, best_exact_thresh] = bestThreshold(raw, naProbs, 'exact');
  const [best_f1, best_f1_thresh] = bestThreshold(raw, naProbs, 'f1');
  return { best_exact, best_exact_thresh, best_f1, best_f1_thresh };
}

/** Answers questions in order of rising no-answer probability, and keeps the point with the highest score. */
function bestThreshold(
  raw: ReadonlyMap<string, RawScore>,
  naProbs: ReadonlyMap<string, number>,
  field: 'exact' | 'f1',
): [score: number, threshold: number] {
  let current = [...raw.values()].filter((score) => !score.hasAnswer).length;
  let best = current;
  let threshold = 0;
  for (const [id, probability] of [...naProbs].sort(([, a], [, b]) => (a < b ? -1 : Number(a > b)))) {
    const score = raw.get(id);
    if (score?.predicted === undefined) continue;
    if (score.hasAnswer) current += score[field];
    else if (score.predicted !== '') current -= 1;
    if (current > best) [best, threshold] = [current, probability];
  }
  return [(100 * best) / raw.size, threshold];
}
