/**
 * A LLaMA in GGUF -> Hugging Face's: `config.json` from the fields, names and rows of the tensors. llama.cpp's converter reorders the rows of the
 * query and key maps for its own rotary positions; that is undone here.
 */
import { DataError } from '../errors.js';
import type { GgufHeader, GgufTensor, GgufValue } from './gguf-header.js';

/** What `config.json` says of it, by Hugging Face's names. */
export interface LlamaConfigJson {
  readonly architectures: readonly string[];
  readonly model_type: 'llama';
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly hidden_act: 'silu';
  readonly max_position_embeddings: number;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
  readonly rope_scaling: Readonly<Record<string, string | number>> | null;
  readonly attention_bias: boolean;
  readonly mlp_bias: boolean;
  readonly tie_word_embeddings: boolean;
  readonly initializer_range: number;
  readonly bos_token_id: number | null;
  readonly eos_token_id: number | null;
  readonly pad_token_id: number | null;
}

type Described = Pick<GgufHeader, 'fields' | 'tensors'> & { readonly path: string };

/** The shortest decimal that is the same float32: 0.00001, not 0.000009999999747378752. */
function shortest(value: number): number {
  for (let digits = 1; digits < 17; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/** A number of the fields. @throws DataError where it is not there or no number over 0 */
function numberOf({ fields, path }: Described, key: string, fallback?: number): number {
  const value = fields.get(key) ?? fallback;
  if (typeof value === 'number' && value > 0) return shortest(value);
  throw new DataError(
    `${path}: ${key}: wanted a number over 0, got ${value === undefined ? 'none' : JSON.stringify(value)}; the file lacks what config.json needs: convert the model again`,
  );
}

/** An id of a special token, if the file has one. @throws DataError where it is beyond the vocabulary */
function tokenId({ fields, path }: Described, key: string, vocabulary: number): number | null {
  const value: GgufValue | undefined = fields.get(`tokenizer.ggml.${key}`);
  if (value === undefined) return null;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < vocabulary) return value;
  throw new DataError(`${path}: tokenizer.ggml.${key}: wanted an id under ${vocabulary}, got ${value}`);
}

/** Fields of models that look like a LLaMA and are computed otherwise. */
const REFUSED: Readonly<Record<string, string>> = {
  'llama.expert_count': 'a mixture of experts',
  'llama.attention.sliding_window': 'attention in a sliding window',
  'llama.attention.chunk_size': 'attention in chunks',
  'llama.logit_scale': 'a scale of the logits',
};

function refuse({ fields, tensors, path }: Described): void {
  const architecture = fields.get('general.architecture');
  if (architecture !== 'llama')
    throw new DataError(
      `${path}: general.architecture is '${architecture ?? 'not there'}'; only llama is read`,
    );
  for (const [key, what] of Object.entries(REFUSED))
    if (Number(fields.get(key) ?? 0) !== 0)
      throw new DataError(`${path}: ${key} is ${fields.get(key)}: ${what} is not supported`);
  if (tensors.has('rope_freqs.weight'))
    throw new DataError(
      `${path}: has rope_freqs.weight: rotary positions scaled as in LLaMA 3.1 are not read from GGUF; get the model as safetensors`,
    );
}

/** `linear` and `yarn` in the file; Hugging Face's `rope_scaling`. */
function ropeScaling(of: Described): LlamaConfigJson['rope_scaling'] {
  const kind = of.fields.get('llama.rope.scaling.type') ?? 'none';
  if (kind === 'none') return null;
  if (kind !== 'linear')
    throw new DataError(
      `${of.path}: llama.rope.scaling.type is '${kind}'; read are none and linear: get the model as safetensors`,
    );
  return { rope_type: 'linear', factor: numberOf(of, 'llama.rope.scaling.factor') };
}

/**
 * `config.json` of a LLaMA, from a file's fields.
 * @throws DataError for another architecture, what makes a LLaMA another model (experts, sliding windows), and missing fields
 */
export function llamaConfig(of: Described): LlamaConfigJson {
  refuse(of);
  const { tensors, fields, path } = of;
  const tokens = fields.get('tokenizer.ggml.tokens');
  const vocabulary = numberOf(of, 'llama.vocab_size', Array.isArray(tokens) ? tokens.length : undefined);
  const [hidden, heads] = [
    numberOf(of, 'llama.embedding_length'),
    numberOf(of, 'llama.attention.head_count'),
  ];
  const headSize = numberOf(of, 'llama.attention.key_length', hidden / heads);
  const rotated = numberOf(of, 'llama.rope.dimension_count', headSize);
  if (rotated !== headSize)
    throw new DataError(
      `${path}: llama.rope.dimension_count is ${rotated} of ${headSize}: rotary positions on a part of a head are not supported`,
    );
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: vocabulary,
    hidden_size: hidden,
    intermediate_size: numberOf(of, 'llama.feed_forward_length'),
    num_hidden_layers: numberOf(of, 'llama.block_count'),
    num_attention_heads: heads,
    num_key_value_heads: numberOf(of, 'llama.attention.head_count_kv', heads),
    head_dim: headSize,
    hidden_act: 'silu',
    max_position_embeddings: numberOf(of, 'llama.context_length'),
    rms_norm_eps: numberOf(of, 'llama.attention.layer_norm_rms_epsilon'),
    rope_theta: numberOf(of, 'llama.rope.freq_base', 10000),
    rope_scaling: ropeScaling(of),
    attention_bias: tensors.has('blk.0.attn_q.bias'),
    mlp_bias: tensors.has('blk.0.ffn_gate.bias'),
    tie_word_embeddings: !tensors.has('output.weight'),
    initializer_range: 0.02,
    bos_token_id: tokenId(of, 'bos_token_id', vocabulary),
    eos_token_id: tokenId(of, 'eos_token_id', vocabulary),
    pad_token_id: tokenId(of, 'padding_token_id', vocabulary),
  };
}

/** A tensor of the file as Hugging Face has it. */
export interface LlamaTensor {
  /** In the file. */
  readonly stored: string;
  readonly name: string;
  readonly shape: readonly number[];
  /** Heads whose rows llama.cpp has reordered. */
  readonly heads?: number;
}

const OF_BLOCK: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

/** Every tensor that a LLaMA of this config has. */
export function llamaTensors(config: LlamaConfigJson): readonly LlamaTensor[] {
  const { hidden_size: hidden, intermediate_size: inner, head_dim, vocab_size } = config;
  const [queries, keys] = [config.num_attention_heads, config.num_key_value_heads];
  const shapes: Readonly<Record<string, readonly number[]>> = {
    attn_norm: [hidden],
    attn_q: [queries * head_dim, hidden],
    attn_k: [keys * head_dim, hidden],
    attn_v: [keys * head_dim, hidden],
    attn_output: [hidden, queries * head_dim],
    ffn_norm: [hidden],
    ffn_gate: [inner, hidden],
    ffn_up: [inner, hidden],
    ffn_down: [hidden, inner],
  };
  const reordered: Readonly<Record<string, number>> = { attn_q: queries, attn_k: keys };
  const biased = (part: string): boolean =>
    part.endsWith('norm') ? false : part.startsWith('attn') ? config.attention_bias : config.mlp_bias;
  const ofBlock = (block: number, part: string): LlamaTensor[] => {
    const shape = shapes[part] as readonly number[];
    const tensor = (kind: string, of: readonly number[]): LlamaTensor => ({
      stored: `blk.${block}.${part}.${kind}`,
      name: `model.layers.${block}.${OF_BLOCK[part]}.${kind}`,
      shape: of,
      ...(reordered[part] === undefined ? {} : { heads: reordered[part] }),
    });
    return [tensor('weight', shape), ...(biased(part) ? [tensor('bias', shape.slice(0, 1))] : [])];
  };
  return [
    { stored: 'token_embd.weight', name: 'model.embed_tokens.weight', shape: [vocab_size, hidden] },
    ...Array.from({ length: config.num_hidden_layers }, (_, block) =>
      Object.keys(OF_BLOCK).flatMap((part) => ofBlock(block, part)),
    ).flat(),
    { stored: 'output_norm.weight', name: 'model.norm.weight', shape: [hidden] },
    ...(config.tie_word_embeddings
      ? []
      : [{ stored: 'output.weight', name: 'lm_head.weight', shape: [vocab_size, hidden] }]),
  ];
}

/** @throws DataError for a tensor that is missing, of another shape, or unknown */
export function checkLlamaTensors(
  wanted: readonly LlamaTensor[],
  tensors: ReadonlyMap<string, GgufTensor>,
  path: string,
): void {
  for (const { stored, shape } of wanted) {
    const found = tensors.get(stored);
    if (!found)
      throw new DataError(
        `${path}: tensor '${stored}' [${shape}] is missing; the file is no whole LLaMA: download it again`,
      );
    if (found.shape.join() !== shape.join())
      throw new DataError(
        `${path}: tensor '${stored}': wanted [${shape}] by the file's fields, got [${found.shape}]`,
      );
  }
  const known = new Set(wanted.map(({ stored }) => stored));
  const unknown = [...tensors.keys()].find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new DataError(
      `${path}: tensor '${unknown}' is none of a LLaMA's; left out, the model would be another one`,
    );
}

/**
 * Rows as Hugging Face has them. llama.cpp turns neighbouring rows of a head, Hugging Face those half a head apart: row 2i + j of a head
 * is row i + j * half there.
 */
export function unpermuted(data: Float32Array, rows: number, heads: number): Float32Array {
  const width = data.length / rows;
  const size = rows / heads;
  const half = size / 2;
  const out = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    const [head, at] = [Math.floor(row / size), row % size];
    const to = head * size + Math.floor(at / 2) + (at % 2) * half;
    out.set(data.subarray(row * width, (row + 1) * width), to * width);
  }
  return out;
}
