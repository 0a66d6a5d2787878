/** Memory of packets that is used again: the frames of a border have few sizes, and come for ever. */
import { ofPresent, zeroedBytes } from '../support/bounded.ts';

/** Smaller ones are made anew: they cost nothing. */
const MIN_BYTES = 1024;
/** Of one size that lie here unused: as many as a frame of 4 MiB has. */
const MAX_FREE = 16;
const MAX_SIZES = 64;
/** In front of a packet, for what a socket says of it: the head of a WebSocket's frame. */
export const FRAME_ROOM = 14;

export class PacketPool {
  readonly #free = new Map<number, Uint8Array[]>();
  readonly #room: number;

  /** @param room bytes in front of each packet, in its own memory */
  constructor(room = 0) {
    this.#room = room;
  }

  /** What stands in it is of a packet before: all of it has to be written. @param length of what lies in memory already */
  take(length: number): Uint8Array {
    return this.#free.get(length)?.pop() ?? zeroedBytes(ofPresent(this.#room + length)).subarray(this.#room);
  }

  /** It is not read from now on. */
  give(packet: Uint8Array): void {
    const { length } = packet;
    if (length < MIN_BYTES || packet.buffer.byteLength !== this.#room + length) return;
    const free = this.#free.get(length);
    if (free) {
      if (free.length < MAX_FREE) free.push(packet);
    } else if (this.#free.size < MAX_SIZES) this.#free.set(length, [packet]);
  }
}
