/**
 * One text, token by token: greedy or sampled, as Hugging Face's `generate` with `num_beams=1`. Ids come as they are chosen, so that text can
 * be shown while it grows.
 */
import { STREAM, uniform } from '../random.js';
import { argmax, drawn, penalised, warped } from './logits.js';
import type { NextLogits } from './next-logits.js';
import { checkEnding, checkPenalty, type DecodeOptions, samplingOf } from './options.js';

/**
 * Ids that continue a prompt, one at a time. The same seed gives the same ids.
 * @param prompt token ids, at least one
 * @throws UsageError for an empty prompt, or settings out of their range
 * @example
 * ```ts
 * import { generation } from 'progtuning';
 *
 * // A model that counts: after token n comes n + 1.
 * const counts: generation.NextLogits = (rows) =>
 *   rows.map(({ ids }) => new Float32Array(8).fill(-9).fill(9, (ids.at(-1) ?? 0) + 1, (ids.at(-1) ?? 0) + 2));
 * const ids: number[] = [];
 * for await (const id of generation.decode(counts, [2], { maxNewTokens: 9, eosTokenIds: [6] })) ids.push(id);
 * console.log(ids.join()); // 3,4,5,6
 * ```
 */
export async function* decode(
  nextLogits: NextLogits,
  prompt: readonly number[],
  { doSample, repetitionPenalty = 1, ...ending }: DecodeOptions,
): AsyncGenerator<number> {
  checkEnding(prompt, ending);
  const penalty = checkPenalty(repetitionPenalty);
  const sampling = samplingOf(doSample);
  const { maxNewTokens, eosTokenIds = [], stops } = ending;
  const ids = [...prompt];
  const added: number[] = [];
  while (added.length < maxNewTokens) {
    const row = { ids: [...ids], ...(added.length === 0 ? {} : { parent: 0 }) };
    const [logits] = await nextLogits([row]);
    const scores = penalised(Float64Array.from(logits as Float32Array), ids, penalty);
    const id = sampling
      ? drawn(warped(scores, sampling), drawAt(sampling.seed, added.length))
      : argmax(scores);
    ids.push(id);
    added.push(id);
    yield id;
    if (eosTokenIds.includes(id) || (await stops?.(added))) return;
  }
}

/** The draw of a place in the text. */
const drawAt = (seed: number, step: number): number =>
  uniform({ seed, stream: STREAM.decode, step }, 1)[0] as number;
