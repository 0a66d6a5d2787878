/** The contract that pays what was withdrawn, run in this process, from what the command writes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from 'viem';
import { beforeAll, describe, expect, it } from 'vitest';
import { claimLeaf, evmProof, evmTree } from '../../runtime/ledger/evm-tree.ts';
import { type Contract, rootTypedData, type Settlement } from '../../runtime/ledger/settlement.ts';
import { Chain, type Compiled, compileDistributor } from '../support/evm.ts';
import type { WrittenLedger } from '../support/ledger.ts';
import { temporaryFolder } from '../support/nmc.ts';
import { nmcInProcess } from '../support/nmc-in-process.ts';
import { ANN, addressOf, BOB, SETTLERS, settlement, settling, wallet, withdrawal } from '../support/settlement.ts';

const DEPLOYER = addressOf(200);

describe('the contract', () => {
  let made: { readonly distributor: Compiled; readonly coin: Compiled };
  beforeAll(async () => {
    made = await compileDistributor();
  }, 120_000);

  const DELAY = 3600;
  const UNIT = 10n ** 18n;

  /** With a thousand coins, for two of three settlers. */
  async function deployed() {
    const chain = await Chain.open();
    const { distributor, coin } = made;
    const money = await chain.deploy(coin, [1000n * UNIT], DEPLOYER);
    const mesh = settlement(await withdrawn()).meshBytes;
    const address = await chain.deploy(
      distributor,
      [money, mesh, UNIT, SETTLERS.map(addressOf), 2n, BigInt(DELAY)],
      DEPLOYER,
    );
    await chain.call(coin.abi, money, 'transfer', [address, 1000n * UNIT], DEPLOYER);
    const ask = (name: string, args: readonly unknown[] = [], from = DEPLOYER): Promise<unknown> =>
      chain.call(distributor.abi, address, name, args, from);
    const propose = async (
      of: Settlement,
      epoch: number,
      by = [101, 102],
      more: Partial<Contract> = {},
    ): Promise<unknown> => {
      const typed = rootTypedData(of, { address, chain: 1, epoch, round: Number(await ask('round')), ...more });
      const signers = [...by].sort((a, b) => (addressOf(a) < addressOf(b) ? -1 : 1));
      const signatures = await Promise.all(signers.map((n) => wallet(n).signTypedData(typed as never)));
      return ask('propose', [BigInt(epoch), of.root, signatures]);
    };
    const settle = async (of: Settlement, epoch: number): Promise<void> => {
      await propose(of, epoch);
      chain.now += DELAY;
      await ask('accept');
    };
    const claim = (of: Settlement, n: number, more: { to?: number; tokens?: bigint } = {}): Promise<unknown> => {
      const own = of.claims.find((each) => each.address === addressOf(n));
      return ask('claim', [addressOf(more.to ?? n), more.tokens ?? BigInt(own?.cumulative ?? 0), own?.proof ?? []]);
    };
    const balance = (n: number): Promise<unknown> => chain.call(coin.abi, money, 'balanceOf', [addressOf(n)], DEPLOYER);
    return { address, chain, ask, propose, settle, claim, balance };
  }

  /** Ann withdraws 100 tokens, Bob 50. */
  async function withdrawn(): Promise<WrittenLedger> {
    const ledger = await settling();
    ledger.add(withdrawal(ANN, 100, 2));
    ledger.add(withdrawal(BOB, 50, 2));
    return ledger;
  }

  it('pays what was withdrawn, once, and later what was withdrawn since', async () => {
    const { settle, claim, balance, ask } = await deployed();
    const ledger = await withdrawn();
    const first = settlement(ledger);
    await settle(first, 1);
    await claim(first, 1);
    expect([await balance(1), await balance(2)]).toEqual([100n * UNIT, 0n]);
    await expect(claim(first, 1)).rejects.toThrow(/^Nothing$/);
    ledger.add(withdrawal(ANN, 23, 3));
    const next = settlement(ledger);
    await settle(next, 2);
    // Bob missed the first root, and loses nothing.
    for (const n of [1, 2]) await claim(next, n);
    expect([await balance(1), await balance(2), await ask('epoch')]).toEqual([123n * UNIT, 50n * UNIT, 2n]);
    await expect(claim(next, 2)).rejects.toThrow(/^Nothing$/);
  });

  it('reverts on a foreign proof, another amount, and a proof of a root that counts no more', async () => {
    const { settle, claim } = await deployed();
    const ledger = await withdrawn();
    const first = settlement(ledger);
    await expect(claim(first, 1)).rejects.toThrow(/^NotProved$/);
    await settle(first, 1);
    await expect(claim(first, 1, { to: 9 })).rejects.toThrow(/^NotProved$/);
    await expect(claim(first, 1, { to: 2 })).rejects.toThrow(/^NotProved$/);
    await expect(claim(first, 1, { tokens: 101n })).rejects.toThrow(/^NotProved$/);
    ledger.add(withdrawal(ANN, 1, 3));
    await settle(settlement(ledger), 2);
    await expect(claim(first, 1)).rejects.toThrow(/^NotProved$/);
  });

  it('takes a root of the next epoch alone, by enough settlers, each once, for itself', async () => {
    const { propose, settle } = await deployed();
    const root = settlement(await withdrawn());
    for (const epoch of [0, 2]) await expect(propose(root, epoch)).rejects.toThrow(/^Stale$/);
    await expect(propose(root, 1, [101])).rejects.toThrow(/^TooFew$/);
    await expect(propose(root, 1, [101, 101])).rejects.toThrow(/^NotASettler$/);
    await expect(propose(root, 1, [101, 104])).rejects.toThrow(/^NotASettler$/);
    await expect(propose(root, 1, [101, 102], { address: addressOf(9) })).rejects.toThrow(/^NotASettler$/);
    await expect(propose(root, 1, [101, 102], { chain: 2 })).rejects.toThrow(/^NotASettler$/);
    await settle(root, 1);
    await expect(propose(root, 1)).rejects.toThrow(/^Stale$/);
  });

  it('waits before a root counts, and any settler ends it meanwhile, with all that was signed for it', async () => {
    const { chain, ask, propose, claim } = await deployed();
    const root = settlement(await withdrawn());
    await propose(root, 1, [101, 102]);
    await expect(propose(root, 1, [101, 102])).rejects.toThrow(/^Waiting$/);
    chain.now += DELAY - 1;
    await expect(ask('accept')).rejects.toThrow(/^Early$/);
    await expect(ask('end', [], addressOf(104))).rejects.toThrow(/^NotASettler$/);
    await ask('end', [], addressOf(103));
    await expect(ask('accept')).rejects.toThrow(/^None$/);
    await expect(propose(root, 1, [101, 102], { round: 0 })).rejects.toThrow(/^NotASettler$/);
    await propose(root, 1, [101, 103]);
    chain.now += DELAY;
    await ask('accept');
    await claim(root, 2);
  });

  it('pays by the file that the command writes of a copy of the ledger, for what its settlers sign', async () => {
    const { address, ask, chain, claim } = await deployed();
    const ledger = await withdrawn();
    ledger.seal();
    // Behind the seal: not in the file.
    ledger.add(withdrawal(ANN, 7, 3));
    const folder = temporaryFolder();
    const [copy, out] = [join(folder, 'copy.jsonl'), join(folder, 'settlement.json')];
    writeFileSync(copy, ledger.records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    const contract = ['--contract', address, '--chain', '1', '--epoch', '1'];
    const written = await nmcInProcess('ledger', 'export', out, '--evm', '--file', copy, ...contract);
    expect([written.code, written.stderr]).toEqual([0, expect.stringContaining('is not audited')]);
    const of = JSON.parse(readFileSync(out, 'utf8')) as Settlement & { sign: ReturnType<typeof rootTypedData> };
    expect(of).toMatchObject({ audited: false, total: '150', record: ledger.records.length - 1 });
    const [one, two] = [101, 103].sort((a, b) => (addressOf(a) < addressOf(b) ? -1 : 1)) as [number, number];
    const signatures = await Promise.all([one, two].map((n) => wallet(n).signTypedData(of.sign as never)));
    await ask('propose', [1n, of.root, signatures]);
    chain.now += DELAY;
    await ask('accept');
    for (const n of [1, 2]) await claim(of, n);
    const early = await nmcInProcess('ledger', 'export', out, '--evm', '--file', copy, '--record', '3');
    expect([early.code, early.stderr]).toEqual([2, expect.stringContaining('ledger/withdrawn')]);
  });

  it('takes the proof of every leaf, whatever the size of the tree', async () => {
    const { settle, claim, balance } = await deployed();
    const base = settlement(await withdrawn());
    for (const [i, size] of [1, 2, 3, 5, 8, 13].entries()) {
      const epoch = i + 1;
      const all = Array.from({ length: size }, (_, n) => ({ address: addressOf(300 + n), cumulative: BigInt(epoch) }));
      const levels = evmTree(all.map(claimLeaf));
      const claims = all.map((each) => ({
        ...{ address: each.address, cumulative: String(each.cumulative) },
        proof: evmProof(levels, claimLeaf(each)).map((hash) => toHex(hash)),
      }));
      const of = { ...base, root: toHex(levels.at(-1)?.[0] ?? new Uint8Array()), claims };
      await settle(of, epoch);
      for (let n = 0; n < size; n++) await claim(of, 300 + n);
    }
    expect(await Promise.all([0, 4, 12].map((n) => balance(300 + n)))).toEqual([6n, 6n, 6n].map((t) => t * UNIT));
  });
});
