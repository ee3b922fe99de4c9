/** Examples -> features: token ids and a label each. */
import { encodeTexts, type TextTokenizer } from '../tokenizers/tokenizer.js';
import type { Feature } from './batch.js';
import type { Example } from './glue-rows.js';

/** Examples that one call of the tokenizer takes: bounds memory, and lets a bar move. */
const CHUNK = 8192;

/** @param maxLength tokens of a row, special tokens included; longer rows are cut, longest text first */
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
