/** What is signed of withdrawals: by ed25519 keys of the mesh, and by the wallets that are paid or sign roots. */
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import { canonicalBytes } from '../wire/canonical.ts';
import type { EntryOf } from './entry.ts';
import { holds, signed } from './signed.ts';
import { walletOf } from './wallet.ts';

type Signed<T extends 'settler' | 'bound' | 'withdrawn'> = Omit<EntryOf<T>, 'at'>;
type Binding = Pick<EntryOf<'bound'>, 'by' | 'address' | 'number'>;

/** What the wallet signs, for a person to read: the same that the key signs. @param mesh its key */
export function bindingText({ by, address, number }: Binding, mesh: string): string {
  return `NeuroMesh: what the key ${by} withdraws from the mesh ${mesh} is paid to ${address}. Order ${number}.`;
}

export function settlerText(address: string, mesh: string): string {
  return `NeuroMesh: ${address} signs roots of what was withdrawn from the mesh ${mesh}.`;
}

export function signBinding(
  binding: Pick<EntryOf<'bound'>, 'address' | 'number' | 'wallet'>,
  mesh: string,
  keys: KeyPair,
): Signed<'bound'> {
  const by = keyText(keys.publicKey);
  const { address, number, wallet } = binding;
  const sig = signed(boundText(bindingText({ by, address, number }, mesh)), keys);
  return { type: 'bound', by, address, number, wallet, sig };
}

export function bindingHolds(entry: Signed<'bound'>, mesh: string): boolean {
  const text = bindingText(entry, mesh);
  return holds(boundText(text), entry.sig, entry.by) && walletOf(text, entry.wallet) === entry.address;
}

/** @param keys of the mesh */
export function signSettler(
  { address, wallet }: Pick<EntryOf<'settler'>, 'address' | 'wallet'>,
  keys: KeyPair,
): Signed<'settler'> {
  const text = settlerText(address, keyText(keys.publicKey));
  return { type: 'settler', address, wallet, sig: signed(namedText(text), keys) };
}

export function settlerHolds({ address, wallet, sig }: Signed<'settler'>, mesh: string): boolean {
  const text = settlerText(address, mesh);
  return holds(namedText(text), sig, mesh) && walletOf(text, wallet) === address;
}

export function signWithdrawal(
  { tokens, number }: Pick<EntryOf<'withdrawn'>, 'tokens' | 'number'>,
  mesh: string,
  keys: KeyPair,
): Signed<'withdrawn'> {
  const by = keyText(keys.publicKey);
  return {
    type: 'withdrawn',
    by,
    tokens,
    number,
    sig: signed(withdrawnText({ by, tokens, number }, mesh), keys),
  };
}

export function withdrawalHolds(entry: Signed<'withdrawn'>, mesh: string): boolean {
  return holds(withdrawnText(entry, mesh), entry.sig, entry.by);
}

function boundText(text: string): Uint8Array {
  return canonicalBytes(['nmc/ledger/bound/1', text]);
}

function namedText(text: string): Uint8Array {
  return canonicalBytes(['nmc/ledger/settler/1', text]);
}

function withdrawnText(
  { by, tokens, number }: Pick<EntryOf<'withdrawn'>, 'by' | 'tokens' | 'number'>,
  mesh: string,
): Uint8Array {
  return canonicalBytes(['nmc/ledger/withdrawn/1', mesh, by, tokens, number]);
}
