/** WebSocket frames (RFC 6455, 5.2), as they should be and as they should not. */
import { encodeBlobChunk, encodeBorderHead } from '../../../../runtime/wire/routing.ts';
import type { Rng } from './rng.ts';

export const TEXT = 1;
export const BINARY = 2;

export interface FrameParts {
  readonly opcode: number;
  readonly payload: Uint8Array;
  readonly fin?: boolean;
  /** Three bits that nothing of ours uses. */
  readonly reserved?: number;
  /** Of clients always. */
  readonly masked?: boolean;
  /** Length that the head states, where it is not true. */
  readonly length?: number | bigint;
}

export function frameOf({ opcode, payload, fin = true, reserved = 0, masked = true, length }: FrameParts): Buffer {
  const size = BigInt(length ?? payload.length);
  const short = size < 126n ? Number(size) : size < 65_536n ? 126 : 127;
  const head = Buffer.alloc(2 + (short === 126 ? 2 : short === 127 ? 8 : 0));
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | short;
  if (short === 126) head.writeUInt16BE(Number(size), 2);
  if (short === 127) head.writeBigUInt64BE(BigInt.asUintN(64, size), 2);
  // A mask of zeros changes nothing.
  return Buffer.concat([head, masked ? Buffer.alloc(4) : Buffer.alloc(0), payload]);
}

/** Frames that break the rules, alone or one after the other. @param masked as this end has to be */
export function wrongFrames(rng: Rng, masked: boolean): Buffer {
  const frame = (parts: Partial<FrameParts>): Buffer =>
    frameOf({ opcode: TEXT, payload: rng.bytes(rng.below(200)), masked, ...parts });
  switch (rng.below(12)) {
    case 0:
      return frame({ opcode: rng.of([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) });
    case 1:
      return frame({ reserved: 1 + rng.below(7) });
    case 2:
      return frame({ masked: !masked });
    case 3:
      return frame({ length: rng.of([2n ** 31n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n, 2_000_000n, 70_000n]) });
    case 4:
      return Buffer.concat([frame({ fin: false }), frame({ opcode: TEXT })]);
    case 5:
      return Buffer.concat(Array.from({ length: 200 }, () => frame({ fin: false, opcode: 0, payload: rng.bytes(1) })));
    case 6:
      return Buffer.concat([
        frame({ fin: false }),
        ...Array.from({ length: rng.below(300) }, () => frame({ fin: false, opcode: 0, payload: new Uint8Array(0) })),
      ]);
    case 7:
      return frame({
        opcode: 8,
        payload: rng.of([rng.bytes(1), rng.bytes(2), rng.bytes(60), rng.bytes(126)]),
      });
    case 8:
      return frame({ opcode: rng.of([9, 10]), payload: rng.bytes(rng.of([0, 1, 125, 126, 500])) });
    case 9:
      return frame({ opcode: rng.of([8, 9, 10]), fin: false });
    case 10:
      return frame({ payload: Buffer.from([0xff, 0xfe, 0xc0, 0x80, 0xed, 0xa0, 0x80]) });
    default:
      return rng.bytes(rng.below(400));
  }
}

/** Border packets and pieces of blobs that nobody waits for, sound in part. */
export function wrongBinary(rng: Rng): Uint8Array {
  const number = (): number => rng.of([0, 1, 2, 65_535, 4_294_967_295]);
  const body = rng.bytes(rng.below(300));
  const made =
    rng.below(2) === 0
      ? Buffer.concat([
          encodeBorderHead({
            run: rng.bytes(16),
            term: number(),
            from: rng.below(4),
            to: rng.below(4),
            keys: number(),
            counter: rng.below(9),
          }),
          body,
        ])
      : Buffer.from(encodeBlobChunk(rng.bytes(32), number(), number(), body));
  for (let times = rng.below(4); times > 0; times--) made[rng.below(made.length)] = rng.of([0, 255, rng.below(256)]);
  return rng.below(4) === 0 ? made.subarray(0, rng.below(made.length)) : made;
}
