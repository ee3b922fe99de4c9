/** Every parameter of an encoder with its head, in Hugging Face's order and names. Counting needs nothing else. */
import { embeddingSize, type HeadSpec, type ModelConfig } from './config.js';
import type { Initialiser, ParameterSpec, Place } from './parameters.js';

const normal: Initialiser = { kind: 'normal' };
const zeros: Initialiser = { kind: 'zeros' };
const ones: Initialiser = { kind: 'ones' };

const weight = (name: string, shape: readonly number[], place: Place): ParameterSpec => ({
  name,
  shape,
  place,
  initialiser: normal,
  decay: true,
  origin: 'base',
});

/** `module.weight` [out, in] and `module.bias` [out] (HF `nn.Linear`). */
export const linearSpecs = (
  module: string,
  outputs: number,
  inputs: number,
  place: Place,
): ParameterSpec[] => [
  weight(`${module}.weight`, [outputs, inputs], place),
  { ...weight(`${module}.bias`, [outputs], place), initialiser: zeros, decay: false },
];

const layerNormSpecs = (module: string, size: number, place: Place): ParameterSpec[] => [
  { ...weight(`${module}.weight`, [size], place), initialiser: ones, decay: false },
  { ...weight(`${module}.bias`, [size], place), initialiser: zeros, decay: false },
];

function embeddingSpecs(prefix: string, c: ModelConfig): ParameterSpec[] {
  const place: Place = { kind: 'embeddings' };
  const module = `${prefix}.embeddings`;
  const size = embeddingSize(c);
  return [
    weight(`${module}.word_embeddings.weight`, [c.vocabSize, size], place),
    weight(`${module}.position_embeddings.weight`, [c.maxPositionEmbeddings, size], place),
    weight(`${module}.token_type_embeddings.weight`, [c.typeVocabSize, size], place),
    ...layerNormSpecs(`${module}.LayerNorm`, size, place),
    ...(size === c.hiddenSize ? [] : linearSpecs(`${prefix}.embeddings_project`, c.hiddenSize, size, place)),
  ];
}

function blockSpecs(prefix: string, index: number, c: ModelConfig): ParameterSpec[] {
  const place: Place = { kind: 'block', index };
  const module = `${prefix}.encoder.layer.${index}`;
  const h = c.hiddenSize;
  return [
    ...linearSpecs(`${module}.attention.self.query`, h, h, place),
    ...linearSpecs(`${module}.attention.self.key`, h, h, place),
    ...linearSpecs(`${module}.attention.self.value`, h, h, place),
    ...linearSpecs(`${module}.attention.output.dense`, h, h, place),
    ...layerNormSpecs(`${module}.attention.output.LayerNorm`, h, place),
    ...linearSpecs(`${module}.intermediate.dense`, c.intermediateSize, h, place),
    ...linearSpecs(`${module}.output.dense`, h, c.intermediateSize, place),
    ...layerNormSpecs(`${module}.output.LayerNorm`, h, place),
  ];
}

/** Of masked tokens, where it is not the word embedding itself. */
export const OUTPUT_EMBEDDING = 'cls.predictions.decoder.weight';

/** HF `BertOnlyMLMHead`; the output embedding is the word embedding itself (tied), unless the config says otherwise. */
function maskedLmSpecs(c: ModelConfig, place: Place): ParameterSpec[] {
  const module = 'cls.predictions';
  return [
    { ...weight(`${module}.bias`, [c.vocabSize], place), initialiser: zeros, decay: false },
    ...linearSpecs(`${module}.transform.dense`, c.hiddenSize, c.hiddenSize, place),
    ...layerNormSpecs(`${module}.transform.LayerNorm`, c.hiddenSize, place),
    ...(c.tieWordEmbeddings === false ? [weight(OUTPUT_EMBEDDING, [c.vocabSize, c.hiddenSize], place)] : []),
  ];
}

function headSpecs(c: ModelConfig, head: HeadSpec): ParameterSpec[] {
  const pooler: Place = { kind: 'pooler' };
  const classifier: Place = { kind: 'classifier' };
  if (head.kind === 'masked-lm') {
    const next = head.nextSentence
      ? [
          ...linearSpecs('bert.pooler.dense', c.hiddenSize, c.hiddenSize, pooler),
          ...linearSpecs('cls.seq_relationship', 2, c.hiddenSize, classifier),
        ]
      : [];
    return [...maskedLmSpecs(c, classifier), ...next];
  }
  if (head.kind === 'span') return linearSpecs('qa_outputs', 2, c.hiddenSize, classifier);
  if (c.modelType !== 'bert') {
    return [
      ...linearSpecs('classifier.dense', c.hiddenSize, c.hiddenSize, pooler),
      ...linearSpecs('classifier.out_proj', head.numLabels, c.hiddenSize, classifier),
    ];
  }
  return [
    ...linearSpecs('bert.pooler.dense', c.hiddenSize, c.hiddenSize, pooler),
    ...linearSpecs('classifier', head.numLabels, c.hiddenSize, classifier),
  ];
}

/**
 * The parameters of `BertForSequenceClassification`, `BertForQuestionAnswering` or their RoBERTa and ELECTRA counterparts.
 * A span head has no pooler (HF `add_pooling_layer=False`); RoBERTa's and ELECTRA's dense layer before the output takes its place.
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
export function modelSpecs(config: ModelConfig, head: HeadSpec): ParameterSpec[] {
  const blocks = Array.from({ length: config.numHiddenLayers }, (_, l) =>
    blockSpecs(config.modelType, l, config),
  );
  return [...embeddingSpecs(config.modelType, config), ...blocks.flat(), ...headSpecs(config, head)];
}
