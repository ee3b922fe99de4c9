/**
 * Text from a model: greedy, sampled and beam search over any function that gives the next token's logits.
 * @module
 */
export {
  type GeneratedCount,
  type GenerateTextRequest,
  generateText,
  type WriterOptions,
  type WriterRequest,
} from '../experiments/generate-text.js';
export { type WriteTextsRequest, writeTexts } from '../experiments/write-texts.js';
export { type Beam, beamSearch } from '../generation/beam-search.js';
export { decode } from '../generation/decode.js';
export type { NextLogits, Row } from '../generation/next-logits.js';
export type { BeamOptions, DecodeOptions, Ending, Sampling } from '../generation/options.js';
export { type Decode, stopsAt, textPieces } from '../generation/text.js';
