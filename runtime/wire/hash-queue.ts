/** The calls of a border with packets that wait to be hashed, the oldest first. */
import type { TickTimes } from '../support/tick-times.ts';
import type { CallPackets, Hashed } from './frame-chain.ts';

/** Two of each direction: of more the oldest is hashed at once. */
const MAX_CALLS = 4;

export class HashQueue {
  readonly #calls = new Set<CallPackets>();
  readonly #times: TickTimes;

  constructor(times: TickTimes) {
    this.#times = times;
  }

  /** @param hashed called when it is: until then the packet has to stay as it is */
  add(call: CallPackets, packet: Uint8Array, hashed: Hashed): void {
    // Where too many wait, the oldest is hashed here.
    const before = this.#times.enter('hashing');
    call.append(packet, hashed);
    this.#calls.add(call);
    const [oldest] = this.#calls;
    if (this.#calls.size > MAX_CALLS && oldest) {
      oldest.settle();
      this.#calls.delete(oldest);
    }
    this.#times.leave(before);
  }

  /** Hashes one packet. @returns whether there was one */
  settleOne(): boolean {
    const before = this.#times.enter('hashing');
    const isOne = this.#hashOne();
    this.#times.leave(before);
    return isOne;
  }

  #hashOne(): boolean {
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
