/**
 * Pre-training of a small BERT on text: masked words, and on request whether one segment follows the other.
 * @module
 */

export type { CorpusHeader, CorpusProgress } from '../datasets/corpus.js';
export type { ReadOptions } from '../datasets/text.js';
export { readDocuments, sampleDocuments } from '../datasets/text.js';
export { runPretraining } from '../experiments/pretrain-run.js';
export type {
  FormerRun,
  Initialisation,
  PretrainEvent,
  PretrainOptions,
  PretrainRecord,
  PretrainSpec,
} from '../experiments/pretrain-spec.js';
export { perplexity } from '../training/pretrain.js';
