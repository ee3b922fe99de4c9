/**
 * TensorBoard's event file: TFRecords (length, its masked crc32c, data, theirs) of `tensorflow.Event` messages, written with `pbf`.
 * Fields: Event wall_time 1, step 2, file_version 3, summary 5; Summary value 1; Value tag 1, simple_value 2.
 */
import { PbfWriter } from 'pbf';

/** CRC-32C (Castagnoli), reflected. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** As TFRecord stores it: a checksum of data that holds checksums would be weak. */
function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function record(data: Uint8Array): Buffer {
  const out = Buffer.alloc(12 + data.length + 4);
  out.writeBigUInt64LE(BigInt(data.length), 0);
  out.writeUInt32LE(masked(out.subarray(0, 8)), 8);
  out.set(data, 12);
  out.writeUInt32LE(masked(data), 12 + data.length);
  return out;
}

export interface Scalars {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  /** By tag. */
  readonly values: Readonly<Record<string, number>>;
}

function writeValue([tag, value]: [string, number], pbf: PbfWriter): void {
  pbf.writeStringField(1, tag);
  pbf.writeFloatField(2, value);
}

function writeSummary(values: Scalars['values'], pbf: PbfWriter): void {
  for (const entry of Object.entries(values)) pbf.writeMessage(1, writeValue, entry);
}

/** One event with all scalars of a step. */
export function scalarEvent({ wallTime, step, values }: Scalars): Buffer {
  const pbf = new PbfWriter();
  pbf.writeDoubleField(1, wallTime);
  pbf.writeVarintField(2, step);
  pbf.writeMessage(5, writeSummary, values);
  return record(pbf.finish());
}

/** What a file begins with. */
export function versionEvent(wallTime: number): Buffer {
  const pbf = new PbfWriter();
  pbf.writeDoubleField(1, wallTime);
  pbf.writeStringField(3, 'brain.Event:2');
  return record(pbf.finish());
}
