/** A part of a snapshot, signed by the shard's owner: what it has stored, and what it says of it. */
import { ed25519, type KeyPair } from '../identity/ed25519.ts';
import { keyBytes } from '../identity/key-text.ts';
import { canonicalBytes } from './canonical.ts';
import { fromHex, hex } from './hash.ts';
import type { Part } from './messages.ts';

type Place = Pick<Part, 'run' | 'term' | 'shard' | 'calls'>;
type Said = Pick<Part, 'blob' | 'hash' | 'totals'>;

export function signPart(place: Place, said: Said, keys: KeyPair): Said & Pick<Part, 'signature'> {
  return { ...said, signature: hex(ed25519.sign(signed(place, said), keys.secretKey)) };
}

/** @param owner its key */
export function partHolds(part: Omit<Part, 'type'>, owner: string): boolean {
  const [publicKey, signature] = [keyBytes(owner), fromHex(part.signature, 64)];
  return publicKey !== undefined && signature !== undefined && ed25519.verify(signed(part, part), signature, publicKey);
}

function signed({ run, term, shard, calls }: Place, { blob, hash, totals }: Said): Uint8Array {
  return canonicalBytes(['nmc/part/2', run, term, shard, calls, blob, hash, totals]);
}
