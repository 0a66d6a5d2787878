/** A client that pays by vouchers and the server that takes them, whatever is lost between them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Purse } from '../../../runtime/ledger/purse.ts';
import { type KeptVoucher, NotPaid, Till } from '../../../runtime/ledger/till.ts';
import { keyOf, keysOf, MESH } from '../../support/ledger.ts';
import { has, ledgerWith, opening, settleChannels } from '../../support/payments.ts';

const [ANN, SERVER] = [keysOf(65), keysOf(66)];
const PRICE = 3;
const HOUR = 3_600_000;

const ACTION = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('answered', 'lost', 'failed'),
      samples: fc.integer({ min: 1, max: 4 }),
    }),
  },
  fc.record({ do: fc.constantFrom('redeem', 'restart') }),
);

/** One channel of so many tokens, a client and a server. */
function pair(tokens: number) {
  const ledger = ledgerWith(100, [ANN]);
  const channel = opening(ledger, ANN, SERVER, { tokens, expires: HOUR });
  ledger.add(channel);
  const kept = new Map<string, KeptVoucher>();
  const open = (mostPrice: () => number | undefined = () => undefined): Till =>
    new Till({
      ...{ mesh: keyOf(MESH), keys: SERVER, price: PRICE, mostPrice, redeemAt: 5, now: () => ledger.now },
      ...{ channel: (id: string) => ledger.state.channels.get(id), kept: [...kept.values()] },
      keep: (each) => void kept.set(each.channel, each),
    });
  const { channel: id, server, expires } = channel;
  const state = { channel: id, mesh: keyOf(MESH), server, tokens, expires, spent: 0, signed: 0 };
  return { ledger, open, purse: new Purse(state, ANN, () => undefined) };
}

/** @returns whether the server has predicted; as `nmc predict` asks it */
function request(till: Till, purse: Purse, samples: number, outcome: string): boolean {
  const cost = PRICE * samples;
  for (const isLast of [false, true]) {
    const voucher = purse.voucher(cost);
    if (!voucher) return false;
    try {
      const taken = till.take(till.read(JSON.stringify(voucher)), samples);
      if (outcome === 'failed') taken.back();
      else taken.done();
      if (outcome === 'answered') purse.made(cost);
      return outcome !== 'failed';
    } catch (error) {
      if (!(error instanceof NotPaid) || isLast) throw error;
      expect(purse.owes(error.terms.owed ?? Number.NaN, cost)).toBe(true);
    }
  }
  return false;
}

test('the client pays the price of what was predicted, whatever was lost, and never more than it has locked', () => {
  fc.assert(
    fc.property(fc.array(ACTION, { maxLength: 30 }), fc.integer({ min: 1, max: 60 }), (actions, tokens) => {
      const { ledger, open, purse } = pair(tokens);
      let till = open();
      let predicted = 0;
      const redeem = (all: boolean): void => {
        for (const due of till.due(all)) ledger.add(due);
      };
      for (const action of actions) {
        if (action.do === 'redeem') redeem(false);
        else if (action.do === 'restart') till = open();
        else if ('samples' in action && request(till, purse, action.samples, action.do)) predicted += action.samples;
        expect(purse.state.signed).toBeLessThanOrEqual(tokens);
      }
      redeem(true);
      const earned = has(ledger, SERVER);
      expect(earned).toBeGreaterThanOrEqual(PRICE * predicted);
      expect(earned).toBe(PRICE * predicted);
      ledger.now = HOUR;
      settleChannels(ledger);
      expect(has(ledger, ANN)).toBe(100 - earned);
    }),
    { numRuns: 60 },
  );
});

test('a voucher is redeemed when a sum has come together, and in time before it ends', () => {
  const { ledger, open, purse } = pair(60);
  const till = open();
  request(till, purse, 1, 'answered');
  expect(till.due()).toEqual([]);
  request(till, purse, 1, 'answered');
  expect(till.due()).toMatchObject([{ type: 'redeemed', tokens: 2 * PRICE }]);
  for (const due of till.due()) ledger.add(due);
  request(till, purse, 1, 'answered');
  expect(till.due()).toEqual([]);
  ledger.now = HOUR - 100_000;
  expect(till.due()).toMatchObject([{ tokens: 3 * PRICE }]);
  ledger.now = HOUR;
  expect(till.due(true)).toEqual([]);
});

test('a server asks its own price, and less where the votes of its mesh say so', () => {
  const { open, purse } = pair(60);
  const voted: { most?: number } = {};
  const till = open(() => voted.most);
  const voucher = JSON.stringify(purse.voucher(2 * PRICE - 1));
  expect(() => till.take(till.read(voucher), 2)).toThrow(NotPaid);
  voted.most = PRICE + 1;
  expect(till.terms.price).toBe(PRICE);
  voted.most = PRICE - 1;
  expect(till.terms.price).toBe(PRICE - 1);
  till.take(till.read(voucher), 2).done();
  expect(() => till.take(till.read(voucher), 1)).toThrow(NotPaid);
});

test('a client believes no server that says it owes more than was signed, or less', () => {
  const { open, purse } = pair(60);
  request(open(), purse, 2, 'lost');
  expect([purse.owes(100, 3), purse.owes(2, 3), purse.owes(Number.NaN, 3)]).toEqual([false, false, false]);
  expect(purse.owes(9, 3)).toBe(true);
  expect(purse.state.spent).toBe(6);
});
