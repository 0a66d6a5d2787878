/** The calls of a border with packets that wait to be hashed, the oldest first. */
import type { CallPackets, Hashed } from './frame-chain.ts';

/** Two of each direction: of more the oldest is hashed at once. */
const MAX_CALLS = 4;

export class HashQueue {
  readonly #calls = new Set<CallPackets>();

  /** @param hashed called when it is: until then the packet has to stay as it is */
  add(call: CallPackets, packet: Uint8Array, hashed: Hashed): void {
    call.append(packet, hashed);
    this.#calls.add(call);
    const [oldest] = this.#calls;
    if (this.#calls.size <= MAX_CALLS || !oldest) return;
    oldest.settle();
    this.#calls.delete(oldest);
  }

  /** Hashes one packet. @returns whether there was one */
  settleOne(): boolean {
    for (const call of this.#calls) {
      if (call.settleOne()) return true;
      this.#calls.delete(call);
    }
    return false;
  }

  /** Packets that wait. */
  get pending(): number {
    let packets = 0;
    for (const call of this.#calls) packets += call.pending;
    return packets;
  }
}
