/** Every parameter of a model with its head, in Hugging Face's order and names. Counting needs nothing else. */
import { UsageError } from '../errors.js';
import type { HeadSpec, ModelConfig } from './config.js';
import { familyOf } from './families.js';
import type { PlaceCounts } from './family.js';
import { type Module, specsOf } from './modules.js';
import type { ParameterSpec } from './parameters.js';

const HEAD_NAMES: Readonly<Record<HeadSpec['kind'], string>> = {
  classification: 'classification',
  span: 'answers as spans of a text',
  'masked-lm': 'masked tokens',
  'causal-lm': 'the next token',
  'seq2seq-lm': 'one text from another',
};

/** Everything with parameters, in the order of the model. @throws UsageError for a head that the family has not */
export function modelModules(config: ModelConfig, head: HeadSpec): Module[] {
  const family = familyOf(config);
  if (family.architecture(head) === undefined)
    throw new UsageError(`model type ${config.modelType} has no head for ${HEAD_NAMES[head.kind]}`);
  return family.modules(config, head);
}

/**
 * The parameters of `BertForSequenceClassification`, `BertForQuestionAnswering`, `GPT2LMHeadModel` or their counterparts in other families.
 * A span head has no pooler (HF `add_pooling_layer=False`); RoBERTa's and ELECTRA's dense layer before the output takes its place.
 * @throws UsageError for a head that the family has not
 * @example
 * ```ts
 * import { models } from 'progtuning';
 *
 * const head = { kind: 'classification', numLabels: 2 } as const;
 * const config = models.PRESETS['bert-base-uncased'];
 * const [first] = models.modelSpecs(config, head);
 * console.log(first.name, first.shape.join(' x ')); // bert.embeddings.word_embeddings.weight 30522 x 768
 * ```
 */
export const modelSpecs = (config: ModelConfig, head: HeadSpec): ParameterSpec[] =>
  modelModules(config, head).flatMap(specsOf);

/** Blocks of the encoder, where the model is an encoder and a decoder; else 0. */
export const encoderBlocks = (config: ModelConfig): number => familyOf(config).decoder?.first(config) ?? 0;

/** A model's parameters by place in closed form, from its shape alone: H hidden, E embedding, I intermediate, V vocabulary. */
export const placeCounts = (config: ModelConfig, head: HeadSpec): PlaceCounts =>
  familyOf(config).placeCounts(config, head);
