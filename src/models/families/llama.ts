/**
 * LLaMA (Touvron et al. 2023; HF `LlamaModel`): RMS norms before the sub-layers, rotary positions, fewer heads of keys than of queries,
 * SwiGLU, no biases. Qwen2 (HF `Qwen2Model`) is the same with biases of query, key and value; SmolLM2 is a LLaMA.
 */
import { attention } from '../../engine/fused.js';
import { rmsNorm, rotary, swiglu } from '../../engine/fused-decoder.js';
import * as tf from '../../engine/tfjs.js';
import { blockReads, dropoutMask } from '../attending.js';
import type { LlamaConfig, LlamaType } from '../config.js';
import { tokenRows } from '../embeddings.js';
import { type Family, likeBlocks } from '../family.js';
import type { ModelInputs, Reads } from '../inputs.js';
import { adapted, linear, type ModelContext, vector } from '../layers.js';
import { embedding, linearMap, type Module, norm } from '../modules.js';
import { withPast } from '../past.js';
import { decoderArchitecture, decoderHead, decoderHeadCounts, OUTPUT_MODULE } from './decoder.js';
import { llamaConfigJson, readLlamaConfig } from './llama-config.js';
import { rotaryAngles } from './rotary.js';

const blockName = (index: number): string => `model.layers.${index}`;
const FINAL = 'model.norm';

function blockModules(index: number, c: LlamaConfig): Module[] {
  const place = { kind: 'block', index } as const;
  const [module, h, i] = [blockName(index), c.hiddenSize, c.intermediateSize];
  const [wide, narrow] = [c.numAttentionHeads * c.headSize, c.numKeyValueHeads * c.headSize];
  const ofInputs = { bias: c.attentionBias !== 'none' };
  const ofMlp = { bias: c.mlpBias };
  return [
    linearMap(`${module}.self_attn.q_proj`, wide, h, place, ofInputs),
    linearMap(`${module}.self_attn.k_proj`, narrow, h, place, ofInputs),
    linearMap(`${module}.self_attn.v_proj`, narrow, h, place, ofInputs),
    linearMap(`${module}.self_attn.o_proj`, h, wide, place, { bias: c.attentionBias === 'all' }),
    linearMap(`${module}.mlp.gate_proj`, i, h, place, ofMlp),
    linearMap(`${module}.mlp.up_proj`, i, h, place, ofMlp),
    linearMap(`${module}.mlp.down_proj`, h, i, place, ofMlp),
    norm(`${module}.input_layernorm`, h, place, false),
    norm(`${module}.post_attention_layernorm`, h, place, false),
  ];
}

type Context = ModelContext<LlamaConfig>;

const normed = (context: Context, module: string, x: tf.Tensor2D): tf.Tensor2D =>
  rmsNorm(x, vector(context, `${module}.weight`), context.config.rmsNormEps);

function attend(
  context: Context,
  module: string,
  inputs: ModelInputs,
  x: tf.Tensor2D,
  reads: Reads,
): tf.Tensor2D {
  const { config } = context;
  const heads = config.numAttentionHeads;
  const { asking, asker, batch, dropout, bias } = blockReads(context, inputs, reads, true);
  const { cos, sin } = rotaryAngles(context, inputs);
  const queries = linear(asker(context), `${module}.q_proj`, asking(x));
  const q = rotary(queries, asking(cos), asking(sin));
  const k = rotary(linear(context, `${module}.k_proj`, x), cos, sin);
  const v = linear(context, `${module}.v_proj`, x);
  const mask = dropoutMask(context, { batch, dropout }, q, x);
  const [keys, values] = withPast(context, module, k, v);
  return attention(q, keys, values, bias(), mask, { batch, heads, keyHeads: config.numKeyValueHeads });
}

function block(
  context: Context,
  index: number,
  inputs: ModelInputs,
  x: tf.Tensor2D,
  reads: Reads,
): tf.Tensor2D {
  const module = blockName(index);
  const { asking, read, reader } = blockReads(context, inputs, reads, true);
  const rest = reader(context);
  const given = normed(context, `${module}.input_layernorm`, x);
  const attended = read(attend(context, `${module}.self_attn`, inputs, given, reads));
  const mixed = linear(rest, `${module}.self_attn.o_proj`, attended);
  const middle = tf.add(
    read(asking(x)),
    adapted(rest, `${module}.self_attn`, 'attention', mixed),
  ) as tf.Tensor2D;
  const inner = normed(rest, `${module}.post_attention_layernorm`, middle);
  const map = (name: string, of: tf.Tensor2D): tf.Tensor2D => linear(rest, `${module}.mlp.${name}`, of);
  const fed = map('down_proj', swiglu(map('gate_proj', inner), map('up_proj', inner)));
  return tf.add(middle, adapted(rest, `${module}.mlp`, 'feed-forward', fed));
}

const llamaFamily = (modelType: LlamaType, className: string): Family<LlamaConfig> => ({
  ...{ className, pooler: undefined, tokenTypes: false, causal: true },
  architecture: decoderArchitecture(className, 'ForCausalLM'),
  readConfig: (json, path) => readLlamaConfig(json, path, modelType),
  configJson: llamaConfigJson,
  longestRow: ({ maxPositionEmbeddings }) => maxPositionEmbeddings,
  withDropout: (config, rate) => ({ ...config, attentionProbsDropoutProb: rate }),
  modules: (config, head) => [
    embedding('model.embed_tokens', config.vocabSize, config.hiddenSize, { kind: 'embeddings' }),
    ...Array.from({ length: config.numHiddenLayers }, (_, index) => blockModules(index, config)).flat(),
    norm(FINAL, config.hiddenSize, { kind: 'final' }, false),
    ...decoderHead(config, head),
  ],
  plainModules: (config, head) => [
    'model.rotary_emb',
    ...Array.from({ length: config.numHiddenLayers }, (_, index) => `${blockName(index)}.mlp.act_fn`),
    ...(head.kind === 'causal-lm' ? [OUTPUT_MODULE] : []),
  ],
  blockName: (_, index) => blockName(index),
  subLayers: (_, index) => [
    { module: `${blockName(index)}.self_attn`, kind: 'attention', index },
    { module: `${blockName(index)}.mlp`, kind: 'feed-forward', index },
  ],
  placeCounts(config, head) {
    const { hiddenSize: h, intermediateSize: i, attentionBias, mlpBias } = config;
    const [wide, narrow] = [
      config.numAttentionHeads * config.headSize,
      config.numKeyValueHeads * config.headSize,
    ];
    const biases =
      (attentionBias === 'none' ? 0 : wide + 2 * narrow) +
      (attentionBias === 'all' ? h : 0) +
      (mlpBias ? 2 * i + h : 0);
    return {
      embeddings: config.vocabSize * h,
      blocks: likeBlocks(config, 2 * h * wide + 2 * h * narrow + 3 * h * i + 2 * h + biases),
      ...decoderHeadCounts(config, head, h),
    };
  },
  loraTargets: ['q_proj', 'v_proj'],
  queryAndIntermediate: undefined,
  prefix: 'model',
  bareNames: /^(?:embed_tokens|layers|norm)\./,
  canonicalName: (stored) => stored,
  buffers: /\.rotary_emb\.inv_freq$/,
  wordEmbedding: () => 'model.embed_tokens.weight',
  outputEmbedding: `${OUTPUT_MODULE}.weight`,
  embed: (context, inputs) => tokenRows(context, 'model.embed_tokens.weight', inputs),
  block,
  finish: (context, x) => normed(context, FINAL, x),
  classify: (context, last) => linear(context, 'score', last),
});

export const llama = llamaFamily('llama', 'Llama');
export const qwen2 = llamaFamily('qwen2', 'Qwen2');
