/**
 * How ggml stores values (`ggml-common.h`, `ggml-quants.c`): blocks of 32 with a scale, and plain floats as blocks of one. Dequantised as
 * ggml does, in float32: a product of an 11-bit scale and a quant of 8 bits is exact, so one rounding is all there is.
 */
import { fromBfloat16, fromFloat16 } from './half.js';

/** A type that is read. */
export interface BlockFormat {
  readonly name: string;
  /** Values of a block. */
  readonly block: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** Writes the values of the block at `from` to `out` at `to`. */
  readonly read: (data: DataView, from: number, out: Float32Array, to: number) => void;
}

const float16 = (data: DataView, at: number): number => fromFloat16(data.getUint16(at, true));

/** 16 bytes of two quants each: the low halves are the first 16 values. */
function readNibbles(
  data: DataView,
  from: number,
  out: Float32Array,
  to: number,
  value: (quant: number) => number,
): void {
  for (let i = 0; i < 16; i++) {
    const byte = data.getUint8(from + i);
    out[to + i] = value(byte & 15);
    out[to + 16 + i] = value(byte >>> 4);
  }
}

const plain = (name: string, bytes: number, value: (data: DataView, at: number) => number): BlockFormat => ({
  name,
  block: 1,
  bytes,
  read: (data, from, out, to) => {
    out[to] = value(data, from);
  },
});

/** By ggml's number of the type. */
const FORMATS: Readonly<Record<number, BlockFormat>> = {
  0: plain('F32', 4, (data, at) => data.getFloat32(at, true)),
  1: plain('F16', 2, float16),
  30: plain('BF16', 2, (data, at) => fromBfloat16(data.getUint16(at, true))),
  // x = scale (q - 8)
  2: {
    ...{ name: 'Q4_0', block: 32, bytes: 18 },
    read: (data, from, out, to) => {
      const scale = float16(data, from);
      readNibbles(data, from + 2, out, to, (quant) => (quant - 8) * scale);
    },
  },
  // x = scale q + least
  3: {
    ...{ name: 'Q4_1', block: 32, bytes: 20 },
    read: (data, from, out, to) => {
      const [scale, least] = [float16(data, from), float16(data, from + 2)];
      readNibbles(data, from + 4, out, to, (quant) => quant * scale + least);
    },
  },
  // x = scale q
  8: {
    ...{ name: 'Q8_0', block: 32, bytes: 34 },
    read: (data, from, out, to) => {
      const scale = float16(data, from);
      for (let i = 0; i < 32; i++) out[to + i] = data.getInt8(from + 2 + i) * scale;
    },
  },
};

/** Types that are not read, by name: what a message says of them. */
const OTHERS: Readonly<Record<number, string>> = Object.fromEntries([
  ...[
    [6, 'Q5_0'],
    [7, 'Q5_1'],
    [9, 'Q8_1'],
    [10, 'Q2_K'],
    [11, 'Q3_K'],
    [12, 'Q4_K'],
    [13, 'Q5_K'],
  ],
  ...[
    [14, 'Q6_K'],
    [15, 'Q8_K'],
    [16, 'IQ2_XXS'],
    [17, 'IQ2_XS'],
    [18, 'IQ3_XXS'],
    [19, 'IQ1_S'],
  ],
  ...[
    [20, 'IQ4_NL'],
    [21, 'IQ3_S'],
    [22, 'IQ2_S'],
    [23, 'IQ4_XS'],
    [24, 'I8'],
    [25, 'I16'],
    [26, 'I32'],
  ],
  ...[
    [27, 'I64'],
    [28, 'F64'],
    [29, 'IQ1_M'],
    [34, 'TQ1_0'],
    [35, 'TQ2_0'],
    [39, 'MXFP4'],
  ],
] as [number, string][]);

/** @returns undefined for a type that is not read */
export const blockFormat = (type: number): BlockFormat | undefined => FORMATS[type];

/** ggml's name of a type. */
export const typeName = (type: number): string =>
  FORMATS[type]?.name ?? OTHERS[type] ?? `type ${type}, which ggml does not name`;

const BY_NAME: ReadonlyMap<string, BlockFormat> = new Map(
  Object.values(FORMATS).map((format) => [format.name, format]),
);

/** The float32 values of stored bytes. @param name of the type */
export function dequantised(bytes: Uint8Array, name: string): Float32Array {
  const format = BY_NAME.get(name);
  if (!format) throw new Error(`internal: ${name} is not read`);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks = bytes.byteLength / format.bytes;
  const out = new Float32Array(blocks * format.block);
  for (let i = 0; i < blocks; i++) format.read(data, i * format.bytes, out, i * format.block);
  return out;
}
