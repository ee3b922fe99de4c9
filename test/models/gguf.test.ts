/** GGUF: values against Python's `gguf` package (test/golden/gguf.py), a whole LLaMA, and files that lie. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { openGguf } from '../../src/models/gguf.js';
import { dequantised } from '../../src/models/gguf-blocks.js';
import { convertGguf } from '../../src/models/gguf-folder.js';
import { unpermuted } from '../../src/models/gguf-llama.js';
import { openSafetensors, readSafetensors } from '../../src/models/safetensors.js';
import { chatTemplate } from '../../src/tokenizers/chat-template.js';
import { encodeTexts, loadTokenizer } from '../../src/tokenizers/tokenizer.js';
import { goldenJson } from '../golden/golden.js';
import {
  CHAT_TEMPLATE,
  type Field,
  ggufBytes,
  type Stored,
  TINY_FIELDS,
  tinyLlama,
  tinyTensors,
} from './gguf-file.js';

const home = await mkdtemp(join(tmpdir(), 'progtuning-gguf-'));
after(() => rm(home, { recursive: true }));
const path = join(home, 'model.gguf');

interface Golden {
  readonly types: readonly { readonly name: string; readonly bytes: string; readonly values: string }[];
  readonly permuted: {
    readonly heads: number;
    readonly rows: number;
    readonly given: number[];
    readonly back: number[];
  };
}
const golden = goldenJson<Golden>('gguf.json');

describe('values', () => {
  for (const { name, bytes, values } of golden.types)
    test(`${name}, bit for bit`, () => {
      const ours = dequantised(Buffer.from(bytes, 'base64'), name);
      assert.equal(Buffer.from(ours.buffer).toString('base64'), values);
    });

  test('rows of queries and keys are put back', () => {
    const { heads, rows, given, back } = golden.permuted;
    assert.deepEqual([...unpermuted(Float32Array.from(given), rows, heads)], back);
  });
});

test('a LLaMA becomes a Hugging Face folder', async () => {
  await writeFile(path, tinyLlama());
  const folder = join(home, 'folder');
  await convertGguf(path, folder);
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual(
    [
      'model_type',
      'rms_norm_eps',
      'num_key_value_heads',
      'head_dim',
      'tie_word_embeddings',
      'eos_token_id',
    ].map((key) => config[key]),
    ['llama', 1e-5, 2, 8, true, 2],
  );
  const [file, weights] = [await openGguf(path), await readSafetensors(join(folder, 'model.safetensors'))];
  assert.equal(weights.size, file.tensors.size);
  assert.deepEqual(weights.get('model.norm.weight')?.data, await file.read('output_norm.weight'));
  const queries = weights.get('model.layers.0.self_attn.q_proj.weight');
  assert.deepEqual(queries?.data, unpermuted(await file.read('blk.0.attn_q.weight'), 32, 4));
  await file.close();

  const tokenizer = await loadTokenizer(folder, config.vocab_size as number);
  const [row] = await encodeTexts(tokenizer, [['abc a 12<|im_end|>']], 16);
  const named = [...(row as { inputIds: Int32Array }).inputIds];
  assert.equal(await tokenizer.tokenizer.decode(named, false), 'abc a 12<|im_end|>');
  // abc and _a are merged; a blank and the digits stand alone, as SmolLM2 has them.
  assert.equal(named.length, 6);
  assert.deepEqual(tokenizer.warnings, []);
  assert.equal(tokenizer.modelMaxLength, 64);
  assert.equal(tokenizer.effective.chatTemplate?.text, CHAT_TEMPLATE);
  const render = await chatTemplate(tokenizer);
  assert.equal(
    render([{ role: 'user', content: 'Hi' }], { addGenerationPrompt: true }),
    '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
  );
  await assert.rejects(convertGguf(path, folder), /holds a model already/);
});

test('an output layer of its own, and biases, are kept', async () => {
  const norm = tinyTensors().at(-1) as Stored;
  const output: Stored = ['output.weight', [264, 32], 0, new Uint8Array(264 * 32 * 4)];
  const biases = ['q', 'k', 'v', 'output'].map((part): Stored => {
    const rows = part === 'k' || part === 'v' ? 16 : 32;
    return [
      `blk.0.attn_${part}.bias`,
      [rows],
      0,
      new Uint8Array(Float32Array.from({ length: rows }, (_, i) => i).buffer),
    ];
  });
  await writeFile(path, ggufBytes(TINY_FIELDS, [...tinyTensors(), output, ...biases]));
  const folder = join(home, 'untied');
  await convertGguf(path, folder);
  const weights = await openSafetensors(join(folder, 'model.safetensors'));
  assert.ok(weights.tensors.has('lm_head.weight'));
  const bias = await weights.read('model.layers.0.self_attn.k_proj.bias');
  assert.deepEqual([...bias.subarray(0, 8)], [0, 2, 4, 6, 1, 3, 5, 7]);
  await weights.close();
  assert.equal(norm[0], 'output_norm.weight');
});

describe('one line says what is wrong', () => {
  const bytes = tinyLlama();
  const field = (key: string, ...value: [Field[1], unknown]): Buffer =>
    ggufBytes([...TINY_FIELDS.filter(([name]) => name !== key), [key, ...value]], tinyTensors());
  const tensor = (name: string, ...rest: [number[], number, Uint8Array]): Buffer =>
    ggufBytes(TINY_FIELDS, [...tinyTensors().filter(([of]) => of !== name), [name, ...rest]]);
  const at = (offset: number, value: bigint): Buffer => {
    const changed = Buffer.from(bytes);
    changed.writeBigUInt64LE(value, offset);
    return changed;
  };
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['an empty file', Buffer.alloc(0), /not a GGUF file/],
    [
      'a page that says it failed',
      Buffer.from('<html><body>404: not found</body></html>'),
      /not a GGUF file/,
    ],
    ['a header cut off', bytes.subarray(0, 3000), /truncated/],
    ['data cut off', bytes.subarray(0, bytes.length - 400), /truncated: tensor '.*' ends at byte/],
    ['version 1', ggufBytes([], [], 1), /GGUF version 1; versions 2 and 3/],
    ['big-endian', ggufBytes([], [], 3 * 2 ** 24), /big-endian/],
    ['more tensors than bytes', at(8, 2n ** 40n), /are announced in/],
    ['a count beyond any', at(16, 2n ** 63n), /more than can be/],
    ['a key longer than the file', at(24, 2n ** 50n), /over the 67108864 that are read/],
    ['a key that ends beyond the file', at(24, 2n ** 25n), /wants 33554432 bytes/],
    [
      'a quantisation that is not read',
      tensor('blk.0.ffn_up.weight', [64, 32], 12, new Uint8Array(1152)),
      /stored as Q4_K, which is not read; read are F32/,
    ],
    ['a type that there is not', tensor('blk.0.ffn_up.weight', [64, 32], 99, new Uint8Array(8)), /type 99/],
    [
      'rows that are no blocks',
      tensor('blk.0.attn_norm.weight', [30], 8, new Uint8Array(34)),
      /no multiple of the 32 values/,
    ],
    [
      'a shape beyond any',
      tensor('output_norm.weight', [2 ** 40, 2 ** 40], 0, new Uint8Array(8)),
      /the file is damaged/,
    ],
    [
      'a value that is no number',
      tensor(
        'output_norm.weight',
        [32],
        0,
        new Uint8Array(Float32Array.from({ length: 32 }, () => Number.NaN).buffer),
      ),
      /not finite/,
    ],
    [
      'another architecture',
      field('general.architecture', 'string', 'mamba'),
      /general.architecture is 'mamba'; only llama/,
    ],
    ['experts', field('llama.expert_count', 'uint32', 8), /llama.expert_count is 8: a mixture of experts/],
    [
      'a sliding window',
      field('llama.attention.sliding_window', 'uint32', 4096),
      /sliding window is not supported/,
    ],
    [
      'a field of another type',
      field('llama.block_count', 'string', 'one'),
      /llama.block_count: wanted a number over 0, got "one"/,
    ],
    [
      'another shape than the fields say',
      field('llama.feed_forward_length', 'uint32', 96),
      /wanted \[96,32\] by the file's fields, got \[64,32\]/,
    ],
    [
      'a tensor without a place',
      tensor('blk.0.attn_q_norm.weight', [8], 0, new Uint8Array(32)),
      /none of a LLaMA's/,
    ],
    [
      'another tokenizer',
      field('tokenizer.ggml.model', 'string', 'llama'),
      /tokenizer.ggml.model is 'llama'; only gpt2/,
    ],
    [
      'unknown rules',
      field('tokenizer.ggml.pre', 'string', 'tekken'),
      /tokenizer.ggml.pre is 'tekken'; known: gpt-2/,
    ],
    [
      'a merge of no token',
      field('tokenizer.ggml.merges', 'strings', ['a b', 'q x']),
      /merges\[1\]: wanted two tokens/,
    ],
    [
      'an id beyond',
      field('tokenizer.ggml.eos_token_id', 'uint32', 999),
      /eos_token_id: wanted an id under 264, got 999/,
    ],
  ];
  for (const [name, content, message] of cases)
    test(name, async () => {
      await writeFile(path, content);
      const folder = join(home, 'refused');
      await assert.rejects(convertGguf(path, folder), (error: Error) => {
        assert.equal(error.name, 'DataError', error.stack);
        assert.match(error.message, message);
        assert.ok(error.message.startsWith(path) && !error.message.includes('\n'), error.message);
        return true;
      });
      await assert.rejects(readdir(folder).then((names) => assert.ok(names.includes('model.safetensors'))));
    });
});
