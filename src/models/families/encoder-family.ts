/** A family of encoders: what BERT, RoBERTa and ELECTRA have in common, around what each says of itself. */
import type { Tensor2D } from '../../engine/tfjs.js';
import { type EncoderConfig, type EncoderType, embeddingSize, type HeadSpec } from '../config.js';
import { embedTokens, encoderBlock } from '../encoder.js';
import { type Family, likeBlocks, type PlaceCounts } from '../family.js';
import type { ModelContext } from '../layers.js';
import { embedding, linearMap, type Module, norm } from '../modules.js';

import { encoderConfigJson, readEncoderConfig } from './encoder-config.js';

/** Of masked tokens, where it is not the word embedding itself. */
const OUTPUT_EMBEDDING = 'cls.predictions.decoder';

/** What tells the encoders apart, beside their config. */
export interface EncoderKind {
  readonly modelType: EncoderType;
  readonly className: string;
  readonly pooler: string | undefined;
  readonly tokenTypes: boolean;
  /** Position embeddings that no token has. */
  readonly unusedPositions: (config: EncoderConfig) => number;
  readonly classifier: (config: EncoderConfig, numLabels: number) => Module[];
  readonly plainClassifier: readonly string[];
  readonly classify: (context: ModelContext<EncoderConfig>, first: Tensor2D) => Tensor2D;
}

/** Of the masked-language model of all three, under BERT's names. */
function maskedLmModules(c: EncoderConfig): Module[] {
  const module = 'cls.predictions';
  const place = { kind: 'classifier' } as const;
  return [
    { kind: 'bias', module, size: c.vocabSize, place },
    linearMap(`${module}.transform.dense`, c.hiddenSize, c.hiddenSize, place),
    norm(`${module}.transform.LayerNorm`, c.hiddenSize, place),
    ...(c.tieWordEmbeddings === false ? [embedding(OUTPUT_EMBEDDING, c.vocabSize, c.hiddenSize, place)] : []),
  ];
}

function headModules(kind: EncoderKind, c: EncoderConfig, head: HeadSpec): Module[] {
  const place = { kind: 'classifier' } as const;
  switch (head.kind) {
    case 'masked-lm':
      return [
        ...maskedLmModules(c),
        ...(head.nextSentence
          ? [
              linearMap('bert.pooler.dense', c.hiddenSize, c.hiddenSize, { kind: 'pooler' }),
              linearMap('cls.seq_relationship', 2, c.hiddenSize, place),
            ]
          : []),
      ];
    case 'span':
      return [linearMap('qa_outputs', 2, c.hiddenSize, place)];
    case 'classification':
      return kind.classifier(c, head.numLabels);
    default:
      return [];
  }
}

function embeddingModules(prefix: string, c: EncoderConfig): Module[] {
  const place = { kind: 'embeddings' } as const;
  const module = `${prefix}.embeddings`;
  const size = embeddingSize(c);
  return [
    embedding(`${module}.word_embeddings`, c.vocabSize, size, place),
    embedding(`${module}.position_embeddings`, c.maxPositionEmbeddings, size, place),
    embedding(`${module}.token_type_embeddings`, c.typeVocabSize, size, place),
    norm(`${module}.LayerNorm`, size, place),
    ...(size === c.hiddenSize ? [] : [linearMap(`${prefix}.embeddings_project`, c.hiddenSize, size, place)]),
  ];
}

function blockModules(module: string, index: number, c: EncoderConfig): Module[] {
  const place = { kind: 'block', index } as const;
  const h = c.hiddenSize;
  return [
    linearMap(`${module}.attention.self.query`, h, h, place),
    linearMap(`${module}.attention.self.key`, h, h, place),
    linearMap(`${module}.attention.self.value`, h, h, place),
    linearMap(`${module}.attention.output.dense`, h, h, place),
    norm(`${module}.attention.output.LayerNorm`, h, place),
    linearMap(`${module}.intermediate.dense`, c.intermediateSize, h, place),
    linearMap(`${module}.output.dense`, h, c.intermediateSize, place),
    norm(`${module}.output.LayerNorm`, h, place),
  ];
}

const PLAIN = [
  'attention.self.dropout',
  'attention.output.dropout',
  'intermediate.intermediate_act_fn',
  'output.dropout',
];

/** H hidden, E embedding, I intermediate, V vocabulary. */
function headCounts(c: EncoderConfig, head: HeadSpec): Pick<PlaceCounts, 'pooler' | 'classifier'> {
  const h = c.hiddenSize;
  const dense = h * h + h;
  switch (head.kind) {
    case 'span':
      return { pooler: 0, classifier: 2 * h + 2 };
    case 'masked-lm': {
      const output = c.tieWordEmbeddings === false ? c.vocabSize * h : 0;
      const masked = c.vocabSize + dense + 2 * h + output;
      return head.nextSentence
        ? { pooler: dense, classifier: masked + 2 * h + 2 }
        : { pooler: 0, classifier: masked };
    }
    case 'classification':
      return { pooler: dense, classifier: head.numLabels * h + head.numLabels };
    default:
      return { pooler: 0, classifier: 0 };
  }
}

const HEAD_CLASSES: Readonly<Record<HeadSpec['kind'], string | undefined>> = {
  classification: 'ForSequenceClassification',
  span: 'ForQuestionAnswering',
  'masked-lm': 'ForMaskedLM',
  'causal-lm': undefined,
  'seq2seq-lm': undefined,
};

export function encoderFamily(kind: EncoderKind): Family<EncoderConfig> {
  const { modelType, className, pooler, tokenTypes } = kind;
  const blockName = (index: number): string => `${modelType}.encoder.layer.${index}`;
  const blocks = <T>({ numHiddenLayers }: EncoderConfig, of: (index: number) => T): T[] =>
    Array.from({ length: numHiddenLayers }, (_, index) => of(index));
  return {
    ...{ className, pooler, tokenTypes, causal: false },
    architecture(head) {
      const end = head.kind === 'masked-lm' && head.nextSentence ? 'ForPreTraining' : HEAD_CLASSES[head.kind];
      return end && `${className}${end}`;
    },
    readConfig: (json, path) => readEncoderConfig(json, path, modelType),
    configJson: encoderConfigJson,
    longestRow: (config) => config.maxPositionEmbeddings - kind.unusedPositions(config),
    withDropout({ classifierDropout: _likeTheOthers, ...config }, rate) {
      return { ...config, hiddenDropoutProb: rate, attentionProbsDropoutProb: rate };
    },
    modules: (config, head) => [
      ...embeddingModules(modelType, config),
      ...blocks(config, (index) => blockModules(blockName(index), index, config)).flat(),
      ...headModules(kind, config, head),
    ],
    plainModules: (config, head) => [
      `${modelType}.embeddings.dropout`,
      ...blocks(config, (index) => PLAIN.map((name) => `${blockName(index)}.${name}`)).flat(),
      ...(head.kind === 'classification' ? kind.plainClassifier : []),
    ],
    blockName: (_, index) => blockName(index),
    subLayers: (_, index) => [
      { module: `${blockName(index)}.attention.output`, kind: 'attention', index },
      { module: `${blockName(index)}.output`, kind: 'feed-forward', index },
    ],
    placeCounts(config, head) {
      const { hiddenSize: h, intermediateSize: i, vocabSize: v } = config;
      const e = embeddingSize(config);
      const rows = v + config.maxPositionEmbeddings + config.typeVocabSize;
      return {
        embeddings: rows * e + 2 * e + (e === h ? 0 : h * e + h),
        blocks: likeBlocks(config, 4 * (h * h + h) + 2 * h + (i * h + i) + (h * i + h) + 2 * h),
        final: 0,
        ...headCounts(config, head),
      };
    },
    loraTargets: ['query', 'value'],
    queryAndIntermediate: ['attention.self.query', 'intermediate.dense'],
    prefix: modelType,
    bareNames: /^(?:embeddings|embeddings_project|encoder|pooler)\./,
    canonicalName: (stored) =>
      stored
        .replace(/^model\./, '')
        .replace(/LayerNorm\.gamma$/, 'LayerNorm.weight')
        .replace(/LayerNorm\.beta$/, 'LayerNorm.bias'),
    buffers: undefined,
    wordEmbedding: () => `${modelType}.embeddings.word_embeddings.weight`,
    outputEmbedding: `${OUTPUT_EMBEDDING}.weight`,
    embed: embedTokens,
    block: (context, index, inputs, x, reads) => encoderBlock(context, blockName(index), inputs, x, reads),
    finish: (_, x) => x,
    classify: kind.classify,
  };
}
