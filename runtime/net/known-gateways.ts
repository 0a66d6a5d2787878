/** The gateways of a mesh, as a trainer knows them: the one that it was sent to, and those that the mesh has told it of. */
import { isLoopback } from '../support/loopback.ts';
import { type Address, addressText, parseAddress } from './address.ts';

/** Of a mesh that tells more the rest is not remembered. */
const MAX_KNOWN = 16;

export class KnownGateways {
  readonly #first: Address;
  readonly #all: Address[];
  #at = 0;

  constructor(first: Address) {
    this.#first = first;
    this.#all = [first];
  }

  get current(): Address {
    return this.#all[this.#at] ?? this.#first;
  }

  get count(): number {
    return this.#all.length;
  }

  /** @param told by the mesh, on a connection that its key has signed */
  learn(told: readonly string[]): void {
    const known = new Set(this.#all.map(addressText));
    for (const text of told) {
      const address = addressOf(text);
      if (!address || known.has(addressText(address)) || this.#all.length >= MAX_KNOWN) continue;
      if (!isAsPrivate(address, this.#first)) continue;
      known.add(addressText(address));
      this.#all.push(address);
    }
  }

  /** The one of now is away. */
  next(): void {
    this.#at = (this.#at + 1) % this.#all.length;
  }
}

function addressOf(text: string): Address | undefined {
  try {
    return parseAddress(text);
  } catch {
    return undefined;
  }
}

/** What the owner of the trainer has agreed to: nothing goes unencrypted to a place that it does not go to already. */
function isAsPrivate(address: Address, first: Address): boolean {
  if (address.secure) return true;
  return !first.secure && (isLoopback(address.host) || !isLoopback(first.host));
}
