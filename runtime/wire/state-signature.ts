/** A shard's state behind a call, signed by the shard's owner (spec/wire.md, 5). */
import { ed25519, type KeyPair } from '../identity/ed25519.ts';
import { keyBytes } from '../identity/key-text.ts';
import { canonicalBytes } from './canonical.ts';
import { fromHex, hex } from './hash.ts';
import type { Commit } from './messages.ts';

type Place = Pick<Commit, 'run' | 'term' | 'shard'>;
export type SignedState = Commit['states'][number];

export function signState(place: Place, state: Omit<SignedState, 'sig'>, keys: KeyPair): SignedState {
  return { ...state, sig: hex(ed25519.sign(textOf(place, state), keys.secretKey)) };
}

/** @param owner its key */
export function stateHolds(place: Place, state: SignedState, owner: string): boolean {
  const [publicKey, signature] = [keyBytes(owner), fromHex(state.sig, 64)];
  return (
    publicKey !== undefined && signature !== undefined && ed25519.verify(textOf(place, state), signature, publicKey)
  );
}

function textOf({ run, term, shard }: Place, { calls, hash }: Omit<SignedState, 'sig'>): Uint8Array {
  return canonicalBytes(['nmc/state/2', run, term, shard, calls, hash]);
}
