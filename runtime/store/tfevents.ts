/**
 * TensorBoard event files: a sequence of TFRecords (length, data, each followed by a masked CRC-32C), each the protobuf
 * message Event with a wall time, a step and scalars. Written by hand: three messages, six fields.
 */

import { crc32c } from './crc32c.ts';

export interface ScalarEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  /** Values are stored as 32-bit floats. */
  readonly scalars: Readonly<Record<string, number>>;
}

/** The record that every event file begins with. @param wallTime seconds since 1970 */
export function encodeFileHeader(wallTime: number): Uint8Array {
  return frameRecord(Buffer.concat([doubleField(1, wallTime), bytesField(3, Buffer.from('brain.Event:2'))]));
}

/** One record with all scalars of a step. */
export function encodeScalars({ wallTime, step, scalars }: ScalarEvent): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytesField(1, Buffer.concat([bytesField(1, Buffer.from(tag, 'utf8')), floatField(2, value)])),
  );
  const event = [doubleField(1, wallTime), integerField(2, step), bytesField(5, Buffer.concat(values))];
  return frameRecord(Buffer.concat(event));
}

/** TFRecord: u64 length, masked CRC of it, data, masked CRC of it; little-endian. */
export function frameRecord(data: Uint8Array): Uint8Array {
  const record = Buffer.alloc(16 + data.length);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskedCrc(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(maskedCrc(data), 12 + data.length);
  return record;
}

/** Rotated and shifted, because a CRC of data that holds its own CRC says little. */
export function maskedCrc(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

function bytesField(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([tag(field, LENGTH_DELIMITED), varint(bytes.length), bytes]);
}

function doubleField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([tag(field, FIXED64), bytes]);
}

function floatField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([tag(field, FIXED32), bytes]);
}

function integerField(field: number, value: number): Buffer {
  return Buffer.concat([tag(field, VARINT), varint(value)]);
}

function tag(field: number, wireType: number): Buffer {
  return varint(field * 8 + wireType);
}

/** @param value a whole number, zero or more, at most 2^53 */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}
