/**
 * A small BERT of text: by pre-training (masked words, and on request whether one segment follows the other) or from a teacher.
 * @module
 */

export type { CorpusHeader, CorpusProgress } from '../datasets/corpus.js';
export type { ReadOptions } from '../datasets/text.js';
export { readDocuments, sampleDocuments } from '../datasets/text.js';
export { runDistillation } from '../experiments/distil-run.js';
export type {
  DistilEvent,
  DistilLoss,
  DistilOptions,
  DistilRecord,
  DistilSettings,
  DistilSpec,
  StudentInitialisation,
} from '../experiments/distil-spec.js';
export { runPretraining } from '../experiments/pretrain-run.js';
export type {
  FormerRun,
  Initialisation,
  PretrainEvent,
  PretrainOptions,
  PretrainRecord,
  PretrainSpec,
} from '../experiments/pretrain-spec.js';
export type { TextRunOptions, TextRunSpec } from '../experiments/text-run-spec.js';
export type { DistillationMethod, DistillationSettings } from '../training/distillation-losses.js';
export { perplexity } from '../training/pretrain.js';
