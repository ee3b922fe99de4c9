/** What T5 is built of, by Hugging Face's names, and how many scalars that is. */
import type { HeadSpec, T5Config } from '../config.js';
import type { PlaceCounts } from '../family.js';
import { embedding, linearMap, type Module, norm } from '../modules.js';
import type { Place } from '../parameters.js';

export const OUTPUT_MODULE = 'lm_head';

export const encoderLayers = ({ numHiddenLayers, numDecoderLayers }: T5Config): number =>
  numHiddenLayers - numDecoderLayers;

/** Blocks are counted through both stacks; in names each stack counts its own. */
export function blockName(config: T5Config, index: number): string {
  const encoder = encoderLayers(config);
  return index < encoder ? `encoder.block.${index}` : `decoder.block.${index - encoder}`;
}

const isLowest = (config: T5Config, index: number): boolean => index === 0 || index === encoderLayers(config);

const plain = { bias: false } as const;

/** HF `_init_weights`: drawn so that scores need no scaling. */
function attentionModules(module: string, c: T5Config, place: Place): Module[] {
  const [h, wide, factor] = [c.hiddenSize, c.numAttentionHeads * c.headSize, c.initializerRange];
  const [drawn, query] = [factor * h ** -0.5, factor * (h * c.headSize) ** -0.5];
  return [
    linearMap(`${module}.q`, wide, h, place, { ...plain, deviation: query }),
    linearMap(`${module}.k`, wide, h, place, { ...plain, deviation: drawn }),
    linearMap(`${module}.v`, wide, h, place, { ...plain, deviation: drawn }),
    linearMap(`${module}.o`, h, wide, place, { ...plain, deviation: factor * wide ** -0.5 }),
  ];
}

function feedForwardModules(module: string, c: T5Config, place: Place): Module[] {
  const [h, i, factor] = [c.hiddenSize, c.intermediateSize, c.initializerRange];
  return [
    ...(c.gated ? ['wi_0', 'wi_1'] : ['wi']).map((map) =>
      linearMap(`${module}.${map}`, i, h, place, { ...plain, deviation: factor * h ** -0.5 }),
    ),
    linearMap(`${module}.wo`, h, i, place, { ...plain, deviation: factor * i ** -0.5 }),
  ];
}

function blockModules(c: T5Config, index: number): Module[] {
  const place = { kind: 'block', index } as const;
  const block = blockName(c, index);
  const h = c.hiddenSize;
  const isDecoder = index >= encoderLayers(c);
  const layerNorm = (layer: number): Module => norm(`${block}.layer.${layer}.layer_norm`, h, place, false);
  const self = `${block}.layer.0.SelfAttention`;
  const last = isDecoder ? 2 : 1;
  return [
    ...attentionModules(self, c, place),
    ...(isLowest(c, index)
      ? [
          embedding(
            `${self}.relative_attention_bias`,
            c.relativeAttentionNumBuckets,
            c.numAttentionHeads,
            place,
            { deviation: c.initializerRange * h ** -0.5 },
          ),
        ]
      : []),
    layerNorm(0),
    ...(isDecoder ? [...attentionModules(`${block}.layer.1.EncDecAttention`, c, place), layerNorm(1)] : []),
    ...feedForwardModules(`${block}.layer.${last}.DenseReluDense`, c, place),
    layerNorm(last),
    ...(index === encoderLayers(c) - 1 ? [norm('encoder.final_layer_norm', h, place, false)] : []),
  ];
}

export const t5Modules = (c: T5Config, _head: HeadSpec): Module[] => [
  embedding('shared', c.vocabSize, c.hiddenSize, { kind: 'embeddings' }),
  ...Array.from({ length: c.numHiddenLayers }, (_, index) => blockModules(c, index)).flat(),
  norm('decoder.final_layer_norm', c.hiddenSize, { kind: 'final' }, false),
  ...(c.tieWordEmbeddings === false
    ? [embedding(OUTPUT_MODULE, c.vocabSize, c.hiddenSize, { kind: 'final' })]
    : []),
];

export const t5PlainModules = (c: T5Config, _head: HeadSpec): string[] => [
  ...['encoder', 'decoder'].flatMap((stack) => [`${stack}.embed_tokens`, `${stack}.dropout`]),
  ...Array.from({ length: c.numHiddenLayers }, (_, index) => {
    const block = blockName(c, index);
    const last = index < encoderLayers(c) ? 1 : 2;
    const layers = Array.from({ length: last + 1 }, (_, layer) => `${block}.layer.${layer}.dropout`);
    const fed = `${block}.layer.${last}.DenseReluDense`;
    return [...layers, `${fed}.dropout`, `${fed}.act`];
  }).flat(),
  ...(c.tieWordEmbeddings === false ? [] : [OUTPUT_MODULE]),
];

/** H hidden, W heads x width of a head, I intermediate, V vocabulary. */
export function t5PlaceCounts(c: T5Config, _head: HeadSpec): PlaceCounts {
  const [h, wide, i] = [c.hiddenSize, c.numAttentionHeads * c.headSize, c.intermediateSize];
  const [encoder, attention] = [encoderLayers(c), 4 * h * wide];
  const fed = (c.gated ? 3 : 2) * h * i;
  const positions = c.relativeAttentionNumBuckets * c.numAttentionHeads;
  return {
    embeddings: c.vocabSize * h,
    blocks: Array.from({ length: c.numHiddenLayers }, (_, index) => {
      const shared = isLowest(c, index) ? positions : 0;
      if (index >= encoder) return 2 * attention + fed + 3 * h + shared;
      return attention + fed + 2 * h + shared + (index === encoder - 1 ? h : 0);
    }),
    final: h + (c.tieWordEmbeddings === false ? c.vocabSize * h : 0),
    pooler: 0,
    classifier: 0,
  };
}
