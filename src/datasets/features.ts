/** Examples -> features: token ids and a label each. */
import { encodeTexts, type TextTokenizer } from '../tokenizers/tokenizer.js';
import type { Feature } from './batch.js';
import type { Example } from './glue-rows.js';

/** Examples that one call of the tokenizer takes: bounds memory, and lets a bar move. */
const CHUNK = 8192;

/**
 * Tokenises examples: a feature each, in their order.
 * @param maxLength tokens of a row, special tokens included; longer rows are cut, longest text first
 * @param onProgress called with examples done
 * @example
 * ```ts
 * import { datasets, tokenizers } from 'progtuning';
 *
 * const tokenizer = await tokenizers.loadTokenizer('models/tiny');
 * const features = await datasets.featuresOf([{ texts: ['a fine film'], label: 1 }], tokenizer, 32);
 * console.log(features.length, features[0].label); // 1 1
 * ```
 */
export async function featuresOf(
  examples: readonly Example[],
  tokenizer: TextTokenizer,
  maxLength: number,
  onProgress: (done: number) => void = () => undefined,
): Promise<Feature[]> {
  const features: Feature[] = [];
  for (let start = 0; start < examples.length; start += CHUNK) {
    const chunk = examples.slice(start, start + CHUNK);
    const rows = await encodeTexts(
      tokenizer,
      chunk.map(({ texts }) => texts),
      maxLength,
    );
    rows.forEach((row, i) => {
      features.push({ ...row, label: (chunk[i] as Example).label });
    });
    onProgress(features.length);
  }
  return features;
}
