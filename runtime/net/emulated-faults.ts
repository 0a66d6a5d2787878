/** Faults of an emulated way: packets of borders that do not arrive, or arrive with another bit than was sealed. */
import { BORDER_HEAD } from '../wire/routing.ts';

/** Chances of one packet. */
export interface BorderFaults {
  /** Not to arrive; only through the relay. */
  readonly loss?: number;
  /** To arrive with a bit that has changed, behind the head by which relays carry it. */
  readonly damage?: number;
}

export class EmulatedFaults {
  lost = 0;
  damaged = 0;
  readonly #faults: Required<BorderFaults>;
  readonly #uniform: () => number;
  readonly #note: () => void;

  /** @param uniform numbers in [0, 1) @param note hears of each packet that it has changed */
  constructor({ loss = 0, damage = 0 }: BorderFaults, uniform: () => number, note: () => void = () => undefined) {
    this.#faults = { loss, damage };
    this.#uniform = uniform;
    this.#note = note;
  }

  /** Through the relay. @returns the packet as it arrives; nothing: it does not */
  relayed(packet: Uint8Array): Uint8Array | undefined {
    if (!this.#happens(this.#faults.loss)) return this.direct(packet);
    this.lost++;
    return undefined;
  }

  /** @returns the packet as it arrives: itself, or a copy */
  direct(packet: Uint8Array): Uint8Array {
    return this.#happens(this.#faults.damage) ? this.#bent(packet) : packet;
  }

  #happens(chance: number): boolean {
    return chance > 0 && this.#uniform() < chance;
  }

  #bent(packet: Uint8Array): Uint8Array {
    this.damaged++;
    this.#note();
    const bent = packet.slice();
    const bit = Math.floor(this.#uniform() * 8 * (packet.length - BORDER_HEAD));
    const at = BORDER_HEAD + (bit >> 3);
    bent[at] = (bent[at] ?? 0) ^ (1 << (bit & 7));
    return bent;
  }
}
