/** Withdrawals for tests: keys that have earned something, wallets, settlers. */

import type { Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { KeyPair } from '../../runtime/identity/ed25519.ts';
import type { NewEntry } from '../../runtime/ledger/entry.ts';
import { type Settlement, settlementOf } from '../../runtime/ledger/settlement.ts';
import {
  bindingText,
  settlerText,
  signBinding,
  signSettler,
  signWithdrawal,
} from '../../runtime/ledger/signed-settlement.ts';
import { keyOf, keysOf, MESH, WrittenLedger } from './ledger.ts';

export const [ANN, BOB, CIM] = [keysOf(11), keysOf(12), keysOf(13)];
export const wallet = (n: number) => privateKeyToAccount(`0x${n.toString(16).padStart(64, '0')}`);
export const addressOf = (n: number): Hex => wallet(n).address.toLowerCase() as Hex;
export const SETTLERS = [101, 102, 103];

export async function binding(by: KeyPair, n: number, number: number): Promise<NewEntry & { readonly type: 'bound' }> {
  const address = addressOf(n);
  const signature = await wallet(n).signMessage({
    message: bindingText({ by: keyOf(by), address, number }, keyOf(MESH)),
  });
  return signBinding({ address, number, wallet: signature }, keyOf(MESH), by);
}

export async function settler(n: number): Promise<NewEntry> {
  const address = addressOf(n);
  const signature = await wallet(n).signMessage({ message: settlerText(address, keyOf(MESH)) });
  return signSettler({ address, wallet: signature }, MESH);
}

export const withdrawal = (by: KeyPair, tokens: number, number: number): NewEntry =>
  signWithdrawal({ tokens, number }, keyOf(MESH), by);

/** Ann has earned 600 tokens, Bob 300, Cim 100; Ann and Bob are bound to wallets 1 and 2. */
export async function settling(): Promise<WrittenLedger> {
  const ledger = new WrittenLedger(2);
  ledger.earnedBy([
    [ANN, 600],
    [BOB, 300],
    [CIM, 100],
  ]);
  for (const n of SETTLERS) ledger.add(await settler(n));
  ledger.add(await binding(ANN, 1, 1));
  ledger.add(await binding(BOB, 2, 1));
  return ledger;
}

export function settlement(ledger: WrittenLedger): Settlement {
  const found = settlementOf(ledger.state);
  if (!found) throw new Error('nothing was withdrawn');
  return found;
}
