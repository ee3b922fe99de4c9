/** The metrics of generated texts together, by the names of e2e-metrics. */
import type { Metrics } from '../metrics.js';
import { bleu } from './bleu.js';
import { cider } from './cider.js';
import { nist } from './nist.js';
import { rougeL } from './rouge.js';

/**
 * What E2E NLG and WebNLG are scored by: `bleu` (0 to 100, in lower case as e2e-metrics has it), `nist`, `rouge_l`, `cider`.
 * Deviation: no METEOR, which needs WordNet and a Java program.
 * @param references of each prediction, at least one
 * @throws DataError as `bleu`
 * @example
 * ```ts
 * import { evaluation } from 'progtuning';
 *
 * const texts = ['Aromi is a pub in the city centre.', 'The Mill serves cheap French food.'];
 * const references = [['Aromi is a pub in the city centre.'], ['The Mill serves cheap French food.']];
 * const { bleu, rouge_l, cider } = evaluation.generationMetrics(texts, references);
 * console.log(bleu?.toFixed(1), rouge_l, cider?.toFixed(1)); // 100.0 1 10.0
 * ```
 */
export const generationMetrics = (
  predictions: readonly string[],
  references: readonly (readonly string[])[],
): Metrics => ({
  bleu: bleu(predictions, references, { lowercase: true }),
  nist: nist(predictions, references),
  rouge_l: rougeL(predictions, references),
  cider: cider(predictions, references),
});
