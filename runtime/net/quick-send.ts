/**
 * Sealed packets onto a WebSocket in one piece: the head of their frame (RFC 6455, 5.2) is written into the room that
 * they have in front, where `ws` makes another array for it and has two to write. All else goes out by `ws`, which holds
 * nothing back, so that frames follow each other as they were sent.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { FRAME_ROOM } from '../wire/packet-pool.ts';

export type SendPacket = (packet: Uint8Array, left?: () => void) => void;

const WHOLE_BINARY = 0x82;
const MASKED = 0x80;
const MASK_BYTES = 4;
const [SHORT, LONG] = [126, 127];

/** @param socket on which nothing is compressed, and masks are zeros */
export function quickSend(socket: WebSocket): SendPacket {
  const { _socket: stream, _isServer: isServer } = socket as unknown as {
    readonly _socket?: Duplex;
    readonly _isServer?: boolean;
  };
  if (!stream || isServer === undefined) throw new Error('ws keeps its stream elsewhere');
  return (packet, left) => {
    if (hasRoom(packet)) stream.write(framed(packet, !isServer), left);
    else socket.send(packet, left);
  };
}

/** All of its memory is its own. */
function hasRoom({ byteOffset, length, buffer }: Uint8Array): boolean {
  return byteOffset === FRAME_ROOM && buffer.byteLength === FRAME_ROOM + length;
}

function framed({ buffer, length }: Uint8Array, isMasked: boolean): Buffer {
  const lengthBytes = length < SHORT ? 0 : length < 65536 ? 2 : 8;
  const headBytes = 2 + lengthBytes + (isMasked ? MASK_BYTES : 0);
  const frame = Buffer.from(buffer, FRAME_ROOM - headBytes, headBytes + length);
  frame.fill(0, 0, headBytes);
  frame[0] = WHOLE_BINARY;
  frame[1] = (lengthBytes === 0 ? length : lengthBytes === 2 ? SHORT : LONG) | (isMasked ? MASKED : 0);
  if (lengthBytes === 2) frame.writeUInt16BE(length, 2);
  if (lengthBytes === 8) frame.writeUInt32BE(length, 6);
  return frame;
}
