/** What is signed in a ledger: funds by those who give them, states by their trainers, seals by the mesh. */
import { ed25519, type KeyPair } from '../identity/ed25519.ts';
import { keyBytes, keyText } from '../identity/key-text.ts';
import { canonicalBytes } from '../wire/canonical.ts';
import { fromHex, hex } from '../wire/hash.ts';
import type { SignedFunds as Funds } from '../wire/messages.ts';
import { stateHolds } from '../wire/state-signature.ts';
import type { EntryOf, Seal } from './entry.ts';

/** @param mesh its key: an order for one mesh is worth nothing in another one */
export function signFunds(funds: Omit<Funds, 'by' | 'sig'>, mesh: string, keys: KeyPair): Funds {
  const by = keyText(keys.publicKey);
  return { ...funds, by, sig: signed(fundsText({ ...funds, by }, mesh), keys) };
}

export function fundsHold(funds: Funds, mesh: string): boolean {
  return holds(fundsText(funds, mesh), funds.sig, funds.by);
}

export function signSeal(seal: Omit<Seal, 'by' | 'sig'>, keys: KeyPair): Seal {
  const by = keyText(keys.publicKey);
  return { ...seal, by, sig: signed(sealText({ ...seal, by }), keys) };
}

export function sealHolds(seal: Seal): boolean {
  return holds(sealText(seal), seal.sig, seal.by);
}

/** Whether the trainer has signed the state behind its stretch. */
export function stretchHolds(entry: EntryOf<'pending'>): boolean {
  return stateHolds(entry, { calls: entry.to, hash: entry.hash, sig: entry.sig }, entry.trainer);
}

/** Of the mesh, that a key is excluded. */
export interface Exclusion {
  readonly key: string;
  readonly run: string;
  readonly reason: string;
  readonly at: number;
}

export function signExclusion(
  { key, run, reason, at }: Exclusion,
  keys: KeyPair,
): Exclusion & { readonly sig: string } {
  return { key, run, reason, at, sig: signed(exclusionText({ key, run, reason, at }), keys) };
}

/** @param mesh its key */
export function exclusionHolds(exclusion: Exclusion & { readonly sig: string }, mesh: string): boolean {
  return holds(exclusionText(exclusion), exclusion.sig, mesh);
}

function exclusionText({ key, run, reason, at }: Exclusion): Uint8Array {
  return canonicalBytes(['nmc/exclusion/1', key, run, reason, at]);
}

/** As entries have it. */
export function signed(text: Uint8Array, { secretKey }: KeyPair): string {
  return hex(ed25519.sign(text, secretKey));
}

export function holds(text: Uint8Array, sig: string, by: string): boolean {
  const [publicKey, signature] = [keyBytes(by), fromHex(sig, 64)];
  return publicKey !== undefined && signature !== undefined && ed25519.verify(text, signature, publicKey);
}

function fundsText({ type, run, tokens, by, id }: Omit<Funds, 'sig'>, mesh: string): Uint8Array {
  return canonicalBytes([`nmc/ledger/${type}/1`, mesh, run, tokens, by, id]);
}

function sealText({ from, sequence, head, records, root, by }: Omit<Seal, 'sig'>): Uint8Array {
  return canonicalBytes(['nmc/ledger/seal/1', by, from, sequence, head, records, root]);
}
