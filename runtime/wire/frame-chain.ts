/**
 * What a sender signs of its frames (spec/wire.md, 5): a hash chain over the packets of one call in one direction. A
 * signature over its newest link is one over every packet before it, so a call has one, at its end.
 */
import { ed25519, type KeyPair } from '../identity/ed25519.ts';
import { canonicalList } from './canonical.ts';
import { sha256 } from './hash.ts';
import { leafOf } from './merkle.ts';

/** One direction of a border in one call. */
export interface Stretch {
  readonly run: string;
  readonly term: number;
  readonly from: number;
  readonly to: number;
  readonly call: number;
}

export const SIGNATURE_BYTES = 64;

export function chainStart({ run, term, from, to, call }: Stretch): Uint8Array {
  return sha256(canonicalList(['nmc/frames/2', run, term, from, to, call]));
}

export function chainNext(chain: Uint8Array, leaf: Uint8Array): Uint8Array {
  return sha256(chain, leaf);
}

/** @param start of the stretch: with it the signature is good for no other one */
export function signChain(start: Uint8Array, packets: number, chain: Uint8Array, keys: KeyPair): Uint8Array {
  return ed25519.sign(textOf(start, packets, chain), keys.secretKey);
}

/** @param sender its public key */
export function chainHolds(
  start: Uint8Array,
  packets: number,
  chain: Uint8Array,
  signature: Uint8Array,
  sender: Uint8Array,
): boolean {
  return ed25519.verify(textOf(start, packets, chain), signature, sender);
}

/** Told of a packet's leaf. */
export type Hashed = (leaf: Uint8Array) => void;

/** Packets that wait to be hashed hold their memory: no more than this many, a frame of 4 MiB. */
const MAX_PENDING = 16;

/** The data packets of one call in one direction, as an end has sent or taken them. */
export class CallPackets {
  readonly start: Uint8Array;
  readonly #leaves: Uint8Array[] = [];
  readonly #pending: { readonly packet: Uint8Array; readonly hashed: Hashed }[] = [];
  #chain: Uint8Array;
  #signed = 0;
  /** The sender's newest, over all packets before it. */
  signature: Uint8Array | undefined;

  constructor(stretch: Stretch) {
    this.start = chainStart(stretch);
    this.#chain = this.start;
  }

  /**
   * @param packet hashed before leaves or chain are asked for: it has to stay as it is
   * @param hashed called then
   */
  append(packet: Uint8Array, hashed: Hashed = () => undefined): void {
    this.#pending.push({ packet, hashed });
    if (this.#pending.length > MAX_PENDING) this.settleOne();
  }

  /** Hashes what was added: work for a moment in which nothing else waits. */
  settle(): void {
    while (this.settleOne());
  }

  /** Hashes one packet of what was added. @returns whether there was one */
  settleOne(): boolean {
    const next = this.#pending.shift();
    if (!next) return false;
    const leaf = leafOf(next.packet);
    this.#leaves.push(leaf);
    this.#chain = chainNext(this.#chain, leaf);
    next.hashed(leaf);
    return true;
  }

  /** Packets that wait to be hashed. */
  get pending(): number {
    return this.#pending.length;
  }

  get length(): number {
    return this.#leaves.length + this.#pending.length;
  }

  get leaves(): readonly Uint8Array[] {
    this.settle();
    return this.#leaves;
  }

  get chain(): Uint8Array {
    this.settle();
    return this.#chain;
  }

  /** The chain behind the first packets. */
  chainBehind(packets: number): Uint8Array {
    return this.leaves.slice(0, packets).reduce(chainNext, this.start);
  }

  /** Over all packets so far. @returns nothing where they are signed already */
  sign(keys: KeyPair): Uint8Array | undefined {
    if (this.#signed === this.length) return undefined;
    this.#signed = this.length;
    return signChain(this.start, this.length, this.chain, keys);
  }

  /** All packets so far. @param sender its public key */
  isSignedBy(sender: Uint8Array): boolean {
    const { start, length, chain, signature } = this;
    return signature !== undefined && chainHolds(start, length, chain, signature, sender);
  }
}

const DOMAIN = new TextEncoder().encode('nmc/frame/2\n');

function textOf(start: Uint8Array, packets: number, chain: Uint8Array): Uint8Array {
  const number = new Uint8Array(8);
  new DataView(number.buffer).setBigUint64(0, BigInt(packets));
  return Buffer.concat([DOMAIN, start, number, chain]);
}
