/** A BERT with random weights and a vocabulary learnt from given texts, as a Hugging Face folder. */
import { readdir } from 'node:fs/promises';
import { UsageError } from '../errors.js';
import { saveCheckpoint } from '../models/checkpoint.js';
import { type EncoderConfig, PRESETS, type T5Config } from '../models/config.js';
import { initialise } from '../models/initialise.js';
import { modelSpecs } from '../models/specs.js';
import { trainVocabulary, writeTokenizer } from '../tokenizers/train.js';
import { WEIGHTS } from './save-folder.js';

/** Characters that a vocabulary is learnt from: more change it little. */
export const VOCABULARY_CHARACTERS = 40e6;

/** The shape of a new BERT, and the texts that its vocabulary is learnt from. */
export interface NewModel {
  /** The folder that is made. */
  readonly out: string;
  /** Blocks. */
  readonly layers: number;
  /** Hidden size; the intermediate size is four times this. */
  readonly hidden: number;
  /** Default: one per 64 of hidden size. */
  readonly heads?: number;
  readonly vocabSize: number;
  readonly texts: readonly string[];
  readonly seed: number;
}

/** BERT's config at another size. @param heads default: one per 64 of hidden size @throws UsageError when they do not divide it */
export function newModelConfig(
  layers: number,
  hidden: number,
  heads: number | undefined,
  vocabSize: number,
): EncoderConfig {
  const numAttentionHeads = heads ?? Math.max(1, Math.round(hidden / 64));
  if (hidden % numAttentionHeads !== 0)
    throw new UsageError(`new model: hidden ${hidden} is not a multiple of heads ${numAttentionHeads}`);
  return {
    ...(PRESETS['bert-base-uncased'] as EncoderConfig),
    vocabSize,
    hiddenSize: hidden,
    numHiddenLayers: layers,
    numAttentionHeads,
    intermediateSize: 4 * hidden,
  };
}

/**
 * T5 v1.1's config at another size, its output embedding tied as in version 1.0: in a small model it would be a large part.
 * @param layers of each stack @param heads default: one per 64 of hidden size @throws UsageError when they do not divide it
 */
export function newTextToTextConfig(
  layers: number,
  hidden: number,
  heads: number | undefined,
  vocabSize: number,
): T5Config {
  const { numAttentionHeads } = newModelConfig(layers, hidden, heads, vocabSize);
  const { tieWordEmbeddings: _untied, ...v11 } = PRESETS['google/t5-v1_1-small'] as T5Config;
  return {
    ...v11,
    vocabSize,
    hiddenSize: hidden,
    numHiddenLayers: 2 * layers,
    numDecoderLayers: layers,
    numAttentionHeads,
    headSize: hidden / numAttentionHeads,
    intermediateSize: 2 * hidden,
    scaleDecoderOutputs: true,
  };
}

/**
 * @throws UsageError when the folder holds a model, DataError when the texts are too few for the vocabulary
 * @param model shape, texts, folder
 * @example
 * ```ts
 * import { datasets, models } from 'progtuning';
 *
 * const { examples } = await datasets.readSplit('embedded', datasets.findTask('sst2'), 'train');
 * const texts = examples.flatMap((example) => example.texts);
 * await models.createModel({ out: 'models/tiny', layers: 3, hidden: 32, heads: 2, vocabSize: 150, texts, seed: 1 });
 * ```
 */
export async function createModel({
  out,
  layers,
  hidden,
  vocabSize,
  texts,
  seed,
  heads,
}: NewModel): Promise<void> {
  if ((await readdir(out).catch((): string[] => [])).some((name) => WEIGHTS.test(name)))
    throw new UsageError(`${out}: holds a model already; choose another folder`);
  const vocabulary = trainVocabulary(texts, { vocabSize, lowercase: true });
  const config = newModelConfig(layers, hidden, heads, vocabulary.length);
  const head = { kind: 'classification', numLabels: 2 } as const;
  const specs = modelSpecs(config, head).filter(({ place }) => place.kind !== 'classifier');
  const parameters = new Map(specs.map((spec) => [spec.name, initialise(spec, config, seed)]));
  await writeTokenizer(out, vocabulary, { lowercase: true });
  await saveCheckpoint(out, { folder: undefined, config, head, specs, parameters, initialised: [] });
}
