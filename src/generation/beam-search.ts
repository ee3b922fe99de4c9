/**
 * Beam search as Hugging Face's `generate` does it (transformers 5, `GenerationMixin._beam_search`) for one prompt: open texts are ranked by
 * log probability, ended ones by log probability over length to the power of the length penalty.
 */
import { logSoftmax, penalised } from './logits.js';
import type { NextLogits, Row } from './next-logits.js';
import { type BeamOptions, beamSettings, checkEnding, checkPenalty } from './options.js';

/** A text that has ended, and how good it is. */
export interface Beam {
  /** Added ids, without the prompt's. */
  readonly ids: readonly number[];
  /** Log probability / length ** lengthPenalty. */
  readonly score: number;
}

interface Open {
  readonly ids: readonly number[];
  /** Place of the row that it continues. */
  readonly parent: number;
  readonly logProbability: number;
}

/** The best so many, of equal ones the first: places in the list. */
function best(values: ArrayLike<number>, count: number): number[] {
  const kept: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (kept.length === count && value <= (values[kept.at(-1) as number] as number)) continue;
    let at = kept.length;
    while (at > 0 && (values[kept[at - 1] as number] as number) < value) at--;
    kept.splice(at, 0, i);
    if (kept.length > count) kept.pop();
  }
  return kept;
}

/** The best continuations of all open texts, best first. */
function continuations(open: readonly Open[], logs: readonly Float64Array[], count: number): Open[] {
  const candidates = open.flatMap(({ ids, logProbability }, parent) => {
    const scores = logs[parent] as Float64Array;
    return best(scores, count).map((id) => ({
      ids: [...ids, id],
      parent,
      logProbability: logProbability + (scores[id] as number),
    }));
  });
  const order = best(
    candidates.map(({ logProbability }) => logProbability),
    count,
  );
  return order.map((place) => candidates[place] as Open);
}

/** The better of two lists, best first. */
function merged(former: readonly Beam[], fresh: readonly Beam[], count: number): Beam[] {
  return [...former, ...fresh].sort((a, b) => b.score - a.score).slice(0, count);
}

/**
 * The best texts that continue a prompt, best first; at most `numBeams`.
 * @param prompt token ids, at least one
 * @throws UsageError for an empty prompt, or settings out of their range
 * @example
 * ```ts
 * import { generation } from 'progtuning';
 *
 * // After 0 comes 1 or 2, 2 a little less often; but 2 is always followed by 3, the end, and 1 by anything.
 * const table = [[-9, 1, 0.9, -9], [0, 0, 0, 0], [-9, -9, -9, 9], [0, 0, 0, 0]];
 * const model: generation.NextLogits = (rows) => rows.map(({ ids }) => Float32Array.from(table[ids.at(-1) ?? 0]));
 * const options = { maxNewTokens: 4, eosTokenIds: [3], numBeams: 2 };
 * const [beam] = await generation.beamSearch(model, [0], options);
 * console.log(beam.ids.join()); // 2,3
 * ```
 */
export async function beamSearch(
  nextLogits: NextLogits,
  prompt: readonly number[],
  options: BeamOptions,
): Promise<readonly Beam[]> {
  checkEnding(prompt, options);
  const { numBeams, lengthPenalty, earlyStopping } = beamSettings(options);
  const penalty = checkPenalty(options.repetitionPenalty ?? 1);
  const { maxNewTokens, eosTokenIds = [], stops } = options;
  const ends = async ({ ids }: Open): Promise<boolean> =>
    ids.length >= maxNewTokens || eosTokenIds.includes(ids.at(-1) as number) || (await stops?.(ids)) === true;
  // So many that numBeams stay open even where each of the best ends with one of the ends of text.
  const width = Math.max(2, 1 + eosTokenIds.length) * numBeams;

  let open: readonly Open[] = [{ ids: [], parent: 0, logProbability: 0 }];
  let done: readonly Beam[] = [];
  for (;;) {
    const rows = open.map(({ ids, parent }): Row => {
      const all = [...prompt, ...ids];
      return ids.length === 0 ? { ids: all } : { ids: all, parent };
    });
    const logits = await nextLogits(rows);
    const logs = rows.map(({ ids }, i) => penalised(logSoftmax(logits[i] as Float32Array), ids, penalty));
    const next = continuations(open, logs, width);
    const ended = await Promise.all(next.map(ends));
    const fresh = next
      .filter((_, place) => place < numBeams && ended[place])
      .map(({ ids, logProbability }) => ({ ids, score: logProbability / ids.length ** lengthPenalty }));
    done = merged(done, fresh, numBeams);
    open = next.filter((_, place) => !ended[place]).slice(0, numBeams);

    const [first] = open;
    if (first === undefined) return done;
    if (done.length < numBeams) continue;
    if (earlyStopping === true) return done;
    const length = earlyStopping === 'never' && lengthPenalty > 0 ? maxNewTokens : first.ids.length;
    if (first.logProbability / length ** lengthPenalty <= (done.at(-1) as Beam).score) return done;
  }
}
