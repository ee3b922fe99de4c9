/**
 * Logits -> scores that a token is chosen by: the processors of Hugging Face's `generate` (`generation/logits_process.py`), in its order.
 * All are pure; what is struck out is -Infinity.
 */
import type { Sampling } from './options.js';

/** Logits or log probabilities of the next token, [vocabulary]. */
export type Scores = Float32Array | Float64Array;

/** Place of the highest score; of equal ones the first. */
export function argmax(scores: Scores): number {
  let best = 0;
  for (let id = 1; id < scores.length; id++) if ((scores[id] as number) > (scores[best] as number)) best = id;
  return best;
}

/** log softmax(x) = x - max - log sum exp(x - max) */
export function logSoftmax(logits: Scores): Float64Array {
  const most = logits[argmax(logits)] as number;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  const shift = most + Math.log(sum);
  return Float64Array.from(logits, (logit) => logit - shift);
}

export const softmax = (logits: Scores): Float64Array => logSoftmax(logits).map(Math.exp);

/** Tokens that are there already lose: positive scores are divided by the penalty, negative ones multiplied (Keskar et al. 2019). */
export function penalised(scores: Float64Array, ids: readonly number[], penalty: number): Float64Array {
  if (penalty === 1) return scores;
  const out = scores.slice();
  for (const id of new Set(ids)) {
    const score = scores[id] as number;
    out[id] = score < 0 ? score * penalty : score / penalty;
  }
  return out;
}

/** Ids whose scores are still in play, lowest score first. */
function ascending(scores: Float64Array): number[] {
  const ids: number[] = [];
  for (let id = 0; id < scores.length; id++) if (scores[id] !== Number.NEGATIVE_INFINITY) ids.push(id);
  return ids.sort((a, b) => (scores[a] as number) - (scores[b] as number) || a - b);
}

function without(scores: Float64Array, ids: readonly number[]): Float64Array {
  const out = scores.slice();
  for (const id of ids) out[id] = Number.NEGATIVE_INFINITY;
  return out;
}

/** The k highest scores, and those equal to the lowest of them. */
function topK(scores: Float64Array, k: number): Float64Array {
  if (k >= scores.length) return scores;
  const least = scores.toSorted().at(-k) as number;
  return scores.map((score) => (score < least ? Number.NEGATIVE_INFINITY : score));
}

/** The fewest most probable tokens whose probabilities come to p (Holtzman et al. 2020). */
function topP(scores: Float64Array, p: number): Float64Array {
  if (p >= 1) return scores;
  const probabilities = softmax(scores);
  const order = ascending(scores);
  let below = 0;
  const count = order.slice(0, -1).findIndex((id) => {
    below += probabilities[id] as number;
    return below > 1 - p;
  });
  return without(scores, order.slice(0, count < 0 ? -1 : count));
}

/** Temperature, top-k, top-p. */
export function warped(scores: Float64Array, { temperature, topK: k, topP: p }: Sampling): Float64Array {
  const tempered = temperature === 1 ? scores : scores.map((score) => score / temperature);
  return topP(k === 0 ? tempered : topK(tempered, k), p);
}

/** The id at which the cumulated probabilities pass a draw from [0, 1). */
export function drawn(scores: Float64Array, draw: number): number {
  const probabilities = softmax(scores);
  let sum = 0;
  let last = 0;
  for (let id = 0; id < probabilities.length; id++) {
    const probability = probabilities[id] as number;
    if (probability === 0) continue;
    last = id;
    sum += probability;
    if (sum > draw) return id;
  }
  // Rounding may leave the sum a little under 1.
  return last;
}
