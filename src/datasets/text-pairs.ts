/** Pairs of texts -> features of an encoder-decoder: what it reads, and what it learns to write of it. */
import type { TextTokenizer } from '../tokenizers/tokenizer.js';
import type { Feature } from './batch.js';
import { idsOf } from './running-text.js';

/** How long pairs are, and how they end. */
export interface PairOptions {
  readonly tokenizer: TextTokenizer;
  /** Tokens of a source, the last one included; longer ones lose their end. */
  readonly maxLength: number;
  /** The same of a target. Default: as a source. */
  readonly maxTargetLength?: number | undefined;
  /** The id that ends a text. */
  readonly end: number;
}

/** A text between what the tokenizer puts around it, cut so that it still has its end. */
function framed(
  { single }: TextTokenizer,
  ids: readonly number[],
  { end, maxLength }: Pick<PairOptions, 'end' | 'maxLength'>,
): Int32Array {
  const suffix = single.suffix.at(-1) === end ? single.suffix : [...single.suffix, end];
  const room = Math.max(0, maxLength - single.prefix.length - suffix.length);
  return Int32Array.from([...single.prefix, ...ids.slice(0, room), ...suffix]);
}

/** What an encoder reads: each text as ids, with the token that ends it. */
export async function sourceIds(texts: readonly string[], options: PairOptions): Promise<Int32Array[]> {
  const ids = await idsOf(options.tokenizer, texts);
  return ids.map((source) => framed(options.tokenizer, source, options));
}

/**
 * A feature for each pair, in their order: what an encoder-decoder reads, and what it learns to write of it.
 * @param options tokenizer, lengths, the id that ends a text
 * @example
 * ```ts
 * import { datasets, tokenizers } from 'progtuning';
 *
 * const tokenizer = await tokenizers.loadTokenizer('models/from-gguf');
 * const options = { tokenizer, maxLength: 8, end: 0 };
 * const [feature] = await datasets.pairFeatures([['a fine film', 'fine']], options);
 * console.log(feature.inputIds.length, feature.target?.at(-1)); // 8 0
 * ```
 */
export async function pairFeatures(
  pairs: readonly (readonly [source: string, target: string])[],
  options: PairOptions,
): Promise<Feature[]> {
  const { tokenizer, end, maxLength, maxTargetLength = maxLength } = options;
  const sources = await sourceIds(
    pairs.map(([source]) => source),
    options,
  );
  const targets = await idsOf(
    tokenizer,
    pairs.map(([, target]) => target),
  );
  return sources.map((inputIds, i) => ({
    ...{ inputIds, tokenTypeIds: new Int32Array(inputIds.length) },
    target: framed(tokenizer, targets[i] as number[], { end, maxLength: maxTargetLength }),
  }));
}
