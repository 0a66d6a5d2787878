/** An independent reader of TensorBoard event files, for tests: records, checksums, the fields we write. */

import { crc32c } from '../../../runtime/store/crc32c.ts';

export interface ParsedEvent {
  wallTime: number;
  step: number;
  version: string;
  scalars: Record<string, number>;
}

export function parseEvents(bytes: Buffer): ParsedEvent[] {
  const events: ParsedEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    checkCrc(bytes.subarray(at, at + 8), bytes.readUInt32LE(at + 8));
    const data = bytes.subarray(at + 12, at + 12 + length);
    checkCrc(data, bytes.readUInt32LE(at + 12 + length));
    events.push(parseEvent(data));
    at += 16 + length;
  }
  return events;
}

function checkCrc(data: Uint8Array, masked: number): void {
  const rotated = (masked - 0xa282ead8) >>> 0;
  const crc = ((rotated >>> 17) | (rotated << 15)) >>> 0;
  if (crc !== crc32c(data)) throw new Error('checksum of a record is wrong');
}

function parseEvent(data: Buffer): ParsedEvent {
  const event: ParsedEvent = { wallTime: 0, step: 0, version: '', scalars: {} };
  for (const { field, value } of fields(data)) {
    if (field === 1) event.wallTime = value.readDoubleLE();
    else if (field === 2) event.step = readVarint(value, 0).value;
    else if (field === 3) event.version = value.toString('utf8');
    else if (field === 5) {
      for (const scalar of fields(value)) {
        const parts = new Map(fields(scalar.value).map((part) => [part.field, part.value]));
        event.scalars[String(parts.get(1))] = parts.get(2)?.readFloatLE() ?? Number.NaN;
      }
    } else throw new Error(`unknown field ${field}`);
  }
  return event;
}

function fields(data: Buffer): { field: number; value: Buffer }[] {
  const found: { field: number; value: Buffer }[] = [];
  for (let at = 0; at < data.length; ) {
    const tag = readVarint(data, at);
    const wireType = tag.value % 8;
    let start = tag.next;
    let end = start + (wireType === 1 ? 8 : 4);
    if (wireType === 0) end = readVarint(data, start).next;
    if (wireType === 2) {
      const length = readVarint(data, start);
      start = length.next;
      end = start + length.value;
    }
    found.push({ field: Math.floor(tag.value / 8), value: data.subarray(start, end) });
    at = end;
  }
  return found;
}

function readVarint(data: Buffer, start: number): { value: number; next: number } {
  let value = 0;
  for (let at = start, scale = 1; at < data.length; at += 1, scale *= 128) {
    const byte = data.readUInt8(at);
    value += (byte % 128) * scale;
    if (byte < 128) return { value, next: at + 1 };
  }
  throw new Error('a number without an end');
}
