/** Tokens that leave the mesh: who may take how many out, and where to. */
import { recoverMessageAddress } from 'viem';
import { describe, expect, it } from 'vitest';
import type { KeyPair } from '../../../runtime/identity/ed25519.ts';
import type { NewEntry } from '../../../runtime/ledger/entry.ts';
import { signPayment } from '../../../runtime/ledger/signed-payments.ts';
import { spendable } from '../../../runtime/ledger/state.ts';
import { verifyRecords } from '../../../runtime/ledger/verify.ts';
import { weightOf } from '../../../runtime/ledger/votes.ts';
import { walletOf } from '../../../runtime/ledger/wallet.ts';
import { keyOf, MESH, WrittenLedger } from '../../support/ledger.ts';
import {
  ANN,
  addressOf,
  BOB,
  binding,
  CIM,
  settlement,
  settler,
  settling,
  wallet,
  withdrawal,
} from '../../support/settlement.ts';

const has = (ledger: WrittenLedger, keys: KeyPair): bigint => spendable(ledger.state.accounts.get(keyOf(keys)));

describe('a withdrawal', () => {
  it('takes tokens for good, up to what the key has, and adds up for its address', async () => {
    const ledger = await settling();
    ledger.add(withdrawal(ANN, 250, 2));
    expect(ledger.problemOf(withdrawal(ANN, 351, 3))).toBe(`${keyOf(ANN)} has 350 tokens`);
    ledger.add(withdrawal(ANN, 50, 3));
    expect([has(ledger, ANN), ledger.earned(ANN)]).toEqual([300n, 600n]);
    expect(settlement(ledger)).toMatchObject({
      total: '300',
      claims: [{ address: addressOf(1), cumulative: '300', proof: [] }],
    });
    // Votes weigh what was earned and is still in the mesh.
    expect([...ledger.state.accounts.values()].map(weightOf)).toEqual([300n, 300n, 100n]);
    ledger.seal();
    const { state, problems } = verifyRecords(ledger.records);
    expect([problems, state.withdrawn]).toEqual([[], ledger.state.withdrawn]);
  });

  it('is refused before the mesh has named a settler, without an address, twice, and under another signature', async () => {
    const bare = new WrittenLedger(2);
    bare.earnedBy([[ANN, 10]]);
    expect(bare.problemOf(await binding(ANN, 1, 1))).toBe('withdrawals are off: the mesh has named no settler');
    const ledger = await settling();
    expect(ledger.problemOf(withdrawal(CIM, 1, 1))).toBe(`${keyOf(CIM)} is bound to no address`);
    ledger.add(withdrawal(ANN, 5, 2));
    expect(ledger.problemOf(withdrawal(ANN, 5, 2))).toBe(`order 2 of ${keyOf(ANN)} was taken before`);
    expect(ledger.problemOf({ ...withdrawal(ANN, 5, 3), by: keyOf(BOB) } as NewEntry)).toMatch(/has not signed it/);
    expect(ledger.problemOf({ ...withdrawal(ANN, 5, 3), tokens: 6 } as NewEntry)).toMatch(/has not signed it/);
    ledger.add(signPayment({ to: keyOf(BOB), tokens: 595, number: 3 }, keyOf(MESH), ANN));
    expect(ledger.problemOf(withdrawal(ANN, 1, 4))).toBe(`${keyOf(ANN)} has 0 tokens`);
  });

  it('goes to the address that its key is bound to then, by both signatures', async () => {
    const ledger = await settling();
    ledger.add(withdrawal(ANN, 10, 2));
    const next = await binding(ANN, 3, 3);
    for (const forged of [
      { address: addressOf(4) },
      { wallet: (await binding(ANN, 4, 3)).wallet },
      { by: keyOf(BOB) },
      { number: 4 },
    ])
      expect(ledger.problemOf({ ...next, ...forged })).toMatch(/have not both signed it/);
    ledger.add(next);
    ledger.add(withdrawal(ANN, 20, 4));
    expect([...ledger.state.withdrawn]).toEqual([
      [addressOf(1), 10n],
      [addressOf(3), 20n],
    ]);
    const stranger = await settler(104);
    expect(ledger.problemOf({ ...stranger, address: addressOf(105) } as NewEntry)).toMatch(/have not both signed it/);
    expect(ledger.problemOf(await settler(101))).toBe('it is a settler already');
  });

  it('knows a wallet by its signature as wallets make it, and takes no second form of it', async () => {
    const message = 'a text';
    const signature = await wallet(7).signMessage({ message });
    expect(walletOf(message, signature)).toBe((await recoverMessageAddress({ message, signature })).toLowerCase());
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const s = (order - BigInt(`0x${signature.slice(66, 130)}`)).toString(16).padStart(64, '0');
    const flipped = signature.endsWith('1b') ? '1c' : '1b';
    expect(walletOf(message, `${signature.slice(0, 66)}${s}${flipped}`)).toBeUndefined();
    for (const wrong of ['0x', `0x${'0'.repeat(130)}`, `${signature.slice(0, 130)}00`])
      expect(walletOf(message, wrong)).toBeUndefined();
  });
});
