/** The Merkle tree over all accounts, which each seal signs: a holder proves its own line with it, alone. */

import { count, list, object, oneOf, type TypeOf, text } from '../support/shape.ts';
import { canonicalBytes } from '../wire/canonical.ts';
import { fromHex, hex } from '../wire/hash.ts';
import { leafOf, pathOf, rootBehind, rootOf } from '../wire/merkle.ts';
import type { Seal } from './entry.ts';
import { sealHolds } from './signed.ts';
import type { Account, LedgerState } from './state.ts';

export const PROOF_FORMAT = 'nmc/ledger-proof/1';

/** Everything that shows what a key has behind the records that the seal covers. */
export const PROOF = object({
  format: oneOf(PROOF_FORMAT),
  key: text,
  /** Cumulative: all that it was ever granted; and what it may still give. Decimal digits. */
  earned: text,
  balance: text,
  index: count,
  accounts: count,
  path: list(text),
  seal: object({ from: count, sequence: count, head: text, records: text, root: text, by: text, sig: text }),
});
export type BalanceProof = TypeOf<typeof PROOF>;

type Line = Pick<Account, 'earned' | 'balance' | 'excluded'>;

export function rootOfAccounts(accounts: LedgerState['accounts']): string {
  return hex(rootOf(sorted(accounts).map(([key, account]) => leafOfAccount(key, account))));
}

/** @returns nothing where the seal is of other balances, or does not have the key */
export function proofOf(accounts: LedgerState['accounts'], seal: Seal, key: string): BalanceProof | undefined {
  const lines = sorted(accounts);
  const index = lines.findIndex(([other]) => other === key);
  const [, account] = lines[index] ?? [];
  if (!account) return undefined;
  const leaves = lines.map(([of, line]) => leafOfAccount(of, line));
  if (hex(rootOf(leaves)) !== seal.root) return undefined;
  return {
    ...{ format: PROOF_FORMAT, key, earned: String(account.earned), balance: spendableText(account) },
    ...{ index, accounts: lines.length, path: pathOf(leaves, index).map(hex), seal },
  };
}

/** @returns why it proves nothing, or nothing. Whose word it is, the seal says: `seal.by` is the mesh, or a stranger */
export function proofProblem(proof: BalanceProof): string | undefined {
  if (!/^\d+$/.test(proof.earned) || !/^\d+$/.test(proof.balance)) return 'its balance is not a number';
  const path = proof.path.map((hash) => fromHex(hash, 32));
  if (path.some((hash) => hash === undefined)) return 'its path is not made of hashes';
  const leaf = leafOf(lineBytes(proof.key, proof.earned, proof.balance));
  const root = rootBehind(leaf, proof.index, proof.accounts, path as Uint8Array[]);
  if (!root || hex(root) !== proof.seal.root) return 'the signed root is of other balances';
  return sealHolds(proof.seal) ? undefined : `${proof.seal.by} has not signed it`;
}

function sorted(accounts: LedgerState['accounts']): (readonly [string, Account])[] {
  return [...accounts].sort(([a], [b]) => (a < b ? -1 : 1));
}

const leaves = new WeakMap<Account, { readonly line: string; readonly leaf: Uint8Array }>();

/** Of an account that has not changed since the seal before, the leaf is the same. */
function leafOfAccount(key: string, account: Account): Uint8Array {
  const line = `${account.earned} ${spendableText(account)}`;
  const known = leaves.get(account);
  if (known?.line === line) return known.leaf;
  const leaf = leafOf(lineBytes(key, String(account.earned), spendableText(account)));
  leaves.set(account, { line, leaf });
  return leaf;
}

function spendableText({ balance, excluded }: Line): string {
  return excluded ? '0' : String(balance);
}

function lineBytes(key: string, earned: string, balance: string): Uint8Array {
  return canonicalBytes(['nmc/ledger/account/1', key, earned, balance]);
}
