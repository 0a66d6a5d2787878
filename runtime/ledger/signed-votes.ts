/** The signatures of those who propose and vote, and of the operator who gives a mesh its charter. */
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import { canonicalBytes } from '../wire/canonical.ts';
import type { Charter } from './charter.ts';
import type { EntryOf } from './entry.ts';
import { holds, signed } from './signed.ts';

type Unsigned<T extends 'charter' | 'proposed' | 'voted'> = Omit<EntryOf<T>, 'at' | 'sig'>;
type Signed<T extends 'charter' | 'proposed' | 'voted'> = Omit<EntryOf<T>, 'at'>;

/** @param mesh its key, in all of these: a word for one mesh is worth nothing in another one */
export function signCharter(charter: Charter, mesh: string, keys: KeyPair): Signed<'charter'> {
  const entry = { type: 'charter', charter, by: keyText(keys.publicKey) } as const;
  return { ...entry, sig: signed(textOf(entry, mesh), keys) };
}

export function signProposal(
  { id, setting, value }: Pick<EntryOf<'proposed'>, 'id' | 'setting' | 'value'>,
  mesh: string,
  keys: KeyPair,
): Signed<'proposed'> {
  const entry = { type: 'proposed', id, setting, value, by: keyText(keys.publicKey) } as const;
  return { ...entry, sig: signed(textOf(entry, mesh), keys) };
}

export function signVote(
  { proposal, vote }: Pick<EntryOf<'voted'>, 'proposal' | 'vote'>,
  mesh: string,
  keys: KeyPair,
): Signed<'voted'> {
  const entry = { type: 'voted', proposal, vote, by: keyText(keys.publicKey) } as const;
  return { ...entry, sig: signed(textOf(entry, mesh), keys) };
}

/** Whether the key that it names has signed it. */
export function voteHolds(entry: Signed<'charter'> | Signed<'proposed'> | Signed<'voted'>, mesh: string): boolean {
  return holds(textOf(entry, mesh), entry.sig, entry.by);
}

function textOf(entry: Unsigned<'charter'> | Unsigned<'proposed'> | Unsigned<'voted'>, mesh: string): Uint8Array {
  switch (entry.type) {
    case 'charter':
      return canonicalBytes(['nmc/ledger/charter/1', mesh, entry.charter, entry.by]);
    case 'proposed':
      return canonicalBytes(['nmc/ledger/proposed/1', mesh, entry.id, entry.setting, entry.value, entry.by]);
    case 'voted':
      return canonicalBytes(['nmc/ledger/voted/1', mesh, entry.proposal, entry.vote, entry.by]);
  }
}
