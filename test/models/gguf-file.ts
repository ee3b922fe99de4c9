/** GGUF files written byte by byte, and a LLaMA of one block in one. */
import { toFloat16 } from '../../src/models/half.js';
import { uniform } from '../../src/random.js';

/** A field: key, GGUF's number of its type, value. */
export type Field = readonly [string, FieldType, unknown];
export type FieldType = 'uint32' | 'float32' | 'bool' | 'string' | 'strings' | 'int32s' | 'uint64';

/** A tensor: name, shape as PyTorch writes it, ggml's number of the type, bytes. */
export type Stored = readonly [string, readonly number[], number, Uint8Array];

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const uint64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint64(bytes.length), bytes]);
};
const list = (type: number, values: readonly Buffer[]): Buffer =>
  Buffer.concat([uint32(9), uint32(type), uint64(values.length), ...values]);

function valueBytes(type: FieldType, value: unknown): Buffer {
  switch (type) {
    case 'uint32':
      return Buffer.concat([uint32(4), uint32(value as number)]);
    case 'uint64':
      return Buffer.concat([uint32(10), uint64(value as bigint)]);
    case 'float32':
      return Buffer.concat([uint32(6), Buffer.from(Float32Array.of(value as number).buffer)]);
    case 'bool':
      return Buffer.concat([uint32(7), Buffer.of(value ? 1 : 0)]);
    case 'string':
      return Buffer.concat([uint32(8), text(value as string)]);
    case 'strings':
      return list(8, (value as string[]).map(text));
    case 'int32s':
      return list(5, (value as number[]).map(uint32));
  }
}

const padded = (bytes: Uint8Array): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32)]);

/** @param version of the format */
export function ggufBytes(fields: readonly Field[], tensors: readonly Stored[], version = 3): Buffer {
  let offset = 0;
  const entries = tensors.map(([name, shape, type, bytes]) => {
    const entry = [text(name), uint32(shape.length), ...[...shape].reverse().map(uint64), uint32(type)];
    const place = uint64(offset);
    offset += padded(bytes).length;
    return Buffer.concat([...entry, place]);
  });
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    ...[uint32(version), uint64(tensors.length), uint64(fields.length)],
    ...fields.flatMap(([key, type, value]) => [text(key), valueBytes(type, value)]),
    ...entries,
  ]);
  return Buffer.concat([padded(header), ...tensors.map(([, , , bytes]) => padded(bytes))]);
}

const half = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(toFloat16(value));
  return bytes;
};

const random = (step: number, count: number): Float32Array =>
  uniform({ seed: 7, stream: 0, step }, count).map((value) => value - 0.5);

const F32 = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer);
const F16 = (values: Float32Array): Uint8Array => Buffer.concat(Array.from(values, half));

/** Blocks of 32: a scale that takes the largest value to 127. */
function Q8_0(values: Float32Array): Uint8Array {
  const blocks: Buffer[] = [];
  for (let at = 0; at < values.length; at += 32) {
    const block = values.subarray(at, at + 32);
    const scale = Math.max(...block.map(Math.abs)) / 127;
    blocks.push(half(scale), Buffer.from(Int8Array.from(block, (value) => Math.round(value / scale)).buffer));
  }
  return Buffer.concat(blocks);
}

/** Characters that stand for bytes in byte-level BPE, by byte. */
export function byteCharacters(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

export const CHAT_TEMPLATE =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const SPECIAL = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'];
const MERGES = ['a b', 'ab c', 'Ġ a', 'Ġ -', 'Ġ- >'];

/** Tokens of the tiny LLaMA, by id. */
export const TINY_TOKENS = [
  ...SPECIAL,
  ...byteCharacters(),
  ...MERGES.map((merge) => merge.replace(' ', '')),
];

const [VOCABULARY, HIDDEN, INNER, HEADS, KEY_HEADS] = [TINY_TOKENS.length, 32, 64, 4, 2];

export const TINY_FIELDS: readonly Field[] = [
  ['general.architecture', 'string', 'llama'],
  ['llama.block_count', 'uint32', 1],
  ['llama.context_length', 'uint32', 64],
  ['llama.embedding_length', 'uint32', HIDDEN],
  ['llama.feed_forward_length', 'uint32', INNER],
  ['llama.attention.head_count', 'uint32', HEADS],
  ['llama.attention.head_count_kv', 'uint32', KEY_HEADS],
  ['llama.attention.layer_norm_rms_epsilon', 'float32', 1e-5],
  ['llama.rope.freq_base', 'float32', 10000],
  ['tokenizer.ggml.model', 'string', 'gpt2'],
  ['tokenizer.ggml.pre', 'string', 'smollm'],
  ['tokenizer.ggml.tokens', 'strings', TINY_TOKENS],
  ['tokenizer.ggml.token_type', 'int32s', TINY_TOKENS.map((_, id) => (id < SPECIAL.length ? 3 : 1))],
  ['tokenizer.ggml.merges', 'strings', MERGES],
  ['tokenizer.ggml.bos_token_id', 'uint32', 1],
  ['tokenizer.ggml.eos_token_id', 'uint32', 2],
  ['tokenizer.ggml.padding_token_id', 'uint32', 2],
  ['tokenizer.ggml.add_bos_token', 'bool', false],
  ['tokenizer.chat_template', 'string', CHAT_TEMPLATE],
];

const SHAPES: readonly (readonly [string, readonly number[], 'F32' | 'F16' | 'Q8_0'])[] = [
  ['token_embd.weight', [VOCABULARY, HIDDEN], 'Q8_0'],
  ['blk.0.attn_norm.weight', [HIDDEN], 'F32'],
  ['blk.0.attn_q.weight', [HIDDEN, HIDDEN], 'F32'],
  ['blk.0.attn_k.weight', [(HIDDEN * KEY_HEADS) / HEADS, HIDDEN], 'Q8_0'],
  ['blk.0.attn_v.weight', [(HIDDEN * KEY_HEADS) / HEADS, HIDDEN], 'F16'],
  ['blk.0.attn_output.weight', [HIDDEN, HIDDEN], 'F32'],
  ['blk.0.ffn_norm.weight', [HIDDEN], 'F32'],
  ['blk.0.ffn_gate.weight', [INNER, HIDDEN], 'F16'],
  ['blk.0.ffn_up.weight', [INNER, HIDDEN], 'F16'],
  ['blk.0.ffn_down.weight', [HIDDEN, INNER], 'F16'],
  ['output_norm.weight', [HIDDEN], 'F32'],
];

const STORE = { F32: [0, F32], F16: [1, F16], Q8_0: [8, Q8_0] } as const;

/** Tensors of the tiny LLaMA. */
export const tinyTensors = (): Stored[] =>
  SHAPES.map(([name, shape, dtype], step) => {
    const [type, encode] = STORE[dtype];
    return [
      name,
      shape,
      type,
      encode(
        random(
          step,
          shape.reduce((size, length) => size * length, 1),
        ),
      ),
    ];
  });

/** A LLaMA of one block, 32 wide, with a byte-level tokenizer and a chat template. */
export const tinyLlama = (): Buffer => ggufBytes(TINY_FIELDS, tinyTensors());
