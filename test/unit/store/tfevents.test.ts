import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../runtime/store/crc32c.ts';
import { encodeFileHeader, encodeScalars, maskedCrc } from '../../../runtime/store/tfevents.ts';
import { parseEvents } from './parse-events.ts';

describe('crc32c', () => {
  it('gives the values of RFC 3720, appendix B.4, and of the usual check text', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113fdb5c);
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });

  it('is masked by rotation and a constant', () => {
    // 0xe3069283 rotated right by 15 is 0x2507c60d.
    expect(maskedCrc(Buffer.from('123456789'))).toBe((0x2507c60d + 0xa282ead8) >>> 0);
  });
});

describe('an event file', () => {
  it('parses back to what was written', () => {
    const bytes = Buffer.concat([
      encodeFileHeader(1_795_348_800),
      encodeScalars({ wallTime: 1_795_348_801.25, step: 1, scalars: { energy: 0.5, 'energyByNode/h1': -0.25 } }),
      encodeScalars({ wallTime: 1_795_348_802.5, step: 5_000_000_000, scalars: { accuracy: 0.75 } }),
    ]);
    expect(parseEvents(bytes)).toEqual([
      { wallTime: 1_795_348_800, step: 0, version: 'brain.Event:2', scalars: {} },
      { wallTime: 1_795_348_801.25, step: 1, version: '', scalars: { energy: 0.5, 'energyByNode/h1': -0.25 } },
      { wallTime: 1_795_348_802.5, step: 5_000_000_000, version: '', scalars: { accuracy: 0.75 } },
    ]);
  });

  it('starts with the framing that TensorBoard itself uses', () => {
    // The length of 24, its masked checksum as TensorBoard's own record writer computes it, then the message.
    const bytes = Buffer.from(encodeFileHeader(0));
    expect(bytes.subarray(0, 8).toString('hex')).toBe('1800000000000000');
    expect(bytes.subarray(8, 12).toString('hex')).toBe('a37f4b22');
    expect(bytes.subarray(12, 36).toString('hex')).toBe('0900000000000000001a0d627261696e2e4576656e743a32');
  });
});
