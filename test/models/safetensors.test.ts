/** safetensors: what is written is read; what is hostile is refused with one clear line. */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fromFloat16, toFloat16 } from '../../src/models/half.js';
import { readSafetensors, writeSafetensors } from '../../src/models/safetensors.js';
import { temporaryFolder } from '../temporary-folder.js';

const folder = temporaryFolder();

function fileOf(header: unknown, data: Uint8Array = new Uint8Array(16), length?: bigint): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([size, json, data]);
}

test('tensors written are the tensors read, bit for bit', async () => {
  const path = join(folder, 'a.safetensors');
  const tensors = [
    ['x', { shape: [2, 2], data: Float32Array.of(1, -0, 1e-40, 3.4e38) }],
    ['empty', { shape: [0, 3], data: new Float32Array(0) }],
    ['scalar', { shape: [], data: Float32Array.of(7) }],
  ] as const;
  await writeSafetensors(path, tensors);
  const read = await readSafetensors(path);
  for (const [name, { shape, data }] of tensors) {
    assert.deepEqual(read.get(name)?.shape, shape);
    assert.deepEqual(Buffer.from(read.get(name)?.data.buffer as ArrayBuffer), Buffer.from(data.buffer));
  }
});

test('halves: every finite 16-bit value survives, ties go to even, BF16 is read', async () => {
  for (let half = 0; half < 0x10000; half++) {
    const value = fromFloat16(half);
    if (Number.isNaN(value)) continue;
    assert.equal(toFloat16(value), half, `${half}`);
  }
  assert.equal(fromFloat16(toFloat16(2049)), 2048);
  assert.equal(fromFloat16(toFloat16(2051)), 2052);
  assert.equal(fromFloat16(toFloat16(65519.99)), 65504);
  assert.equal(fromFloat16(toFloat16(65520)), Number.POSITIVE_INFINITY);
  const path = join(folder, 'bf16.safetensors');
  await writeFile(
    path,
    fileOf({ x: { dtype: 'BF16', shape: [2], data_offsets: [0, 4] } }, Uint8Array.of(0x80, 0x3f, 0x00, 0xc0)),
  );
  assert.deepEqual([...((await readSafetensors(path)).get('x')?.data ?? [])], [1, -2]);
});

const entry = { dtype: 'F32', shape: [4], data_offsets: [0, 16] };
const hostile: Record<string, [Uint8Array, RegExp]> = {
  'empty file': [new Uint8Array(0), /not a safetensors file: 0 bytes/],
  'a pickle': [Buffer.from('\x80\x02}q\x00(X\x05\x00\x00\x00weights and more'), /not a safetensors file/],
  'header longer than the file': [fileOf({}, new Uint8Array(0), 10_000n), /truncated: header of 10000 bytes/],
  'header of 2^63 bytes': [fileOf({}, new Uint8Array(0), 2n ** 63n), /header of 9223372036854776000 bytes/],
  'header that is not JSON': [fileOf('{"x": oops'), /header is not JSON/],
  'header that is an array': [fileOf('[1]'), /malformed/],
  'truncated data': [fileOf({ x: entry }, new Uint8Array(12)), /truncated: tensor 'x' ends at byte 16/],
  'offsets that disagree with the shape': [
    fileOf({ x: { ...entry, shape: [5] } }),
    /'x': \[5\] F32 takes 20 bytes/,
  ],
  'negative offsets': [fileOf({ x: { ...entry, data_offsets: [-16, 0] } }), /malformed/],
  'an unknown type': [fileOf({ x: { ...entry, dtype: 'Q4' } }), /type Q4/],
  'overlapping tensors': [fileOf({ x: entry, y: entry }), /'x' and 'y' overlap/],
  'a size that overflows': [fileOf({ x: { ...entry, shape: [2 ** 30, 2 ** 30, 4] } }), /'x'/],
};

for (const [name, [bytes, message]] of Object.entries(hostile)) {
  test(`refused: ${name}`, async () => {
    const path = join(folder, 'hostile.safetensors');
    await writeFile(path, bytes);
    await assert.rejects(readSafetensors(path), (error: Error) => {
      assert.equal(error.name, 'DataError');
      assert.match(error.message, message);
      assert.ok(error.message.includes(path) && !error.message.includes('\n'));
      return true;
    });
  });
}

test('a write that fails leaves nothing under the final name, nor a partial file', async () => {
  const target = temporaryFolder();
  const failing = {
    shape: [1],
    get data(): Float32Array {
      throw new Error('disk full');
    },
  };
  await assert.rejects(writeSafetensors(join(target, 'm.safetensors'), [['x', failing]]));
  assert.deepEqual(await readdir(target), []);
});

test('the format is what the reference library writes: 8-byte length, JSON header, data', async () => {
  const path = join(folder, 'layout.safetensors');
  await writeSafetensors(path, [['x', { shape: [1], data: Float32Array.of(1) }]]);
  const bytes = await readFile(path);
  const length = Number(bytes.readBigUInt64LE());
  assert.equal((8 + length) % 8, 0);
  assert.deepEqual(JSON.parse(bytes.subarray(8, 8 + length).toString()), {
    __metadata__: { format: 'pt' },
    x: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
  });
  assert.equal(bytes.readFloatLE(8 + length), 1);
});
