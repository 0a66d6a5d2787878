/** Payments in the ledger: what they move, what is refused and why, and that no sequence of them makes or loses a token. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHALLENGE_MS, lockedIn } from '../../../runtime/ledger/channel.ts';
import { isTaken, readOrder } from '../../../runtime/ledger/orders.ts';
import { signPayment } from '../../../runtime/ledger/signed-payments.ts';
import { verifyRecords } from '../../../runtime/ledger/verify.ts';
import { keyOf, keysOf, type WrittenLedger } from '../../support/ledger.ts';
import { closing, has, ledgerWith, opening, payment, settleChannels, voucher } from '../../support/payments.ts';

const [ANN, BOB, CIM, OTHER] = [keysOf(61), keysOf(62), keysOf(63), keysOf(64)];
const HOUR = 3_600_000;

describe('a transfer', () => {
  it('moves tokens, and what was earned stays earned', () => {
    const ledger = ledgerWith(100, [ANN]);
    ledger.add(payment(ledger, ANN, BOB, 30));
    expect([has(ledger, ANN), has(ledger, BOB)]).toEqual([70, 30]);
    expect([ledger.earned(ANN), ledger.earned(BOB)]).toEqual([100n, 0n]);
  });

  it('is refused beyond what its key has, sent twice, out of order, to itself, changed, or of another mesh', () => {
    const ledger = ledgerWith(100, [ANN]);
    const first = payment(ledger, ANN, BOB, 60);
    const beside = payment(ledger, ANN, CIM, 60);
    expect(ledger.problemOf(payment(ledger, ANN, BOB, 101))).toBe(`${keyOf(ANN)} has 100 tokens`);
    ledger.add(first);
    expect(ledger.problemOf(first)).toBe(`order 1 of ${keyOf(ANN)} was taken before`);
    expect(ledger.problemOf(beside)).toBe(`order 1 of ${keyOf(ANN)} was taken before`);
    expect(ledger.problemOf(payment(ledger, ANN, CIM, 60))).toBe(`${keyOf(ANN)} has 40 tokens`);
    expect(ledger.problemOf(payment(ledger, ANN, ANN, 1))).toBe('it would pay itself');
    const next = payment(ledger, ANN, BOB, 1);
    for (const changed of [{ tokens: 2 }, { to: keyOf(CIM) }, { by: keyOf(BOB) }])
      expect(ledger.problemOf({ ...next, ...changed })).toMatch(/has not signed it/);
    const skips = signPayment({ to: keyOf(BOB), tokens: 1, number: 3 }, ledger.state.opened?.mesh ?? '', ANN);
    expect(ledger.problemOf(skips)).toBe(`order 2 of ${keyOf(ANN)} comes first`);
    const elsewhere = signPayment({ to: keyOf(BOB), tokens: 1, number: 2 }, keyOf(CIM), ANN);
    expect(ledger.problemOf(elsewhere)).toMatch(/has not signed it/);
  });

  it('said again is the same order, and of what a stranger adds nothing is kept', () => {
    const ledger = ledgerWith(100, [ANN]);
    const order = payment(ledger, ANN, BOB, 1);
    const read = readOrder({ ...order, junk: 'x'.repeat(100) });
    expect(read).toEqual(order);
    expect(isTaken(ledger.state, order)).toBe(false);
    ledger.add(order);
    expect(isTaken(ledger.state, order)).toBe(true);
    for (const other of [
      undefined,
      {},
      { type: 'granted' },
      { ...order, tokens: 0 },
      { ...order, type: 'constructor' },
    ])
      expect(readOrder(other)).toBeUndefined();
  });

  it('is not taken of a key that is excluded, nor for one', () => {
    const ledger = ledgerWith(100, [ANN, BOB]);
    const account = ledger.state.accounts.get(keyOf(ANN));
    if (account) account.excluded = true;
    expect(ledger.problemOf(payment(ledger, ANN, BOB, 1))).toBe(`${keyOf(ANN)} has 0 tokens`);
    expect(ledger.problemOf(payment(ledger, BOB, ANN, 1))).toBe(`${keyOf(ANN)} is excluded`);
  });
});

describe('a channel', () => {
  const opened = (tokens = 50) => {
    const ledger = ledgerWith(100, [ANN]);
    const channel = opening(ledger, ANN, BOB, { tokens, expires: HOUR });
    ledger.add(channel);
    return { ledger, channel };
  };

  it('locks its maximum; a voucher pays what it has more than the one before it; the rest comes back', () => {
    const { ledger, channel } = opened();
    expect(has(ledger, ANN)).toBe(50);
    ledger.add(voucher(channel, 10, ANN));
    ledger.add(voucher(channel, 25, ANN));
    expect([has(ledger, ANN), has(ledger, BOB)]).toEqual([50, 25]);
    expect(settleChannels(ledger)).toBe(0);
    ledger.now = HOUR;
    expect(settleChannels(ledger)).toBe(1);
    expect([has(ledger, ANN), has(ledger, BOB)]).toEqual([75, 25]);
    expect(ledger.problemOf(voucher(channel, 30, ANN))).toBe(`no channel ${channel.channel} is open`);
  });

  it('refuses a voucher that pays nothing more, is beyond its maximum, forged, expired, or for another server', () => {
    const { ledger, channel } = opened();
    ledger.add(voucher(channel, 20, ANN));
    expect(ledger.problemOf(voucher(channel, 20, ANN))).toMatch(/^20 tokens were redeemed before/);
    expect(ledger.problemOf(voucher(channel, 19, ANN))).toMatch(/^20 tokens were redeemed before/);
    expect(ledger.problemOf(voucher(channel, 51, ANN))).toBe('the channel has 50 tokens');
    expect(ledger.problemOf(voucher(channel, 30, BOB))).toBe(`${keyOf(ANN)} has not signed the voucher`);
    expect(ledger.problemOf({ ...voucher(channel, 30, ANN), tokens: 31 })).toMatch(/has not signed the voucher/);
    expect(ledger.problemOf(voucher({ ...channel, server: keyOf(CIM) }, 30, ANN))).toBe(
      `the channel is for ${keyOf(BOB)}`,
    );
    expect(ledger.problemOf(voucher(channel, 30, ANN, keyOf(CIM)))).toMatch(/has not signed the voucher/);
    const soon = voucher({ ...channel, expires: 1000 }, 30, ANN);
    ledger.now = 1000;
    expect(ledger.problemOf(soon)).toBe('the voucher expired at 1000');
    ledger.now = HOUR;
    expect(ledger.problemOf(voucher({ ...channel, expires: 2 * HOUR }, 30, ANN))).toBe(`the channel ended at ${HOUR}`);
  });

  it('of one server is not paid by a voucher of another channel', () => {
    const { ledger, channel } = opened(20);
    const other = opening(ledger, ANN, CIM, { tokens: 20, expires: HOUR });
    ledger.add(other);
    const { sig, tokens } = voucher(channel, 10, ANN);
    const moved = { ...voucher(other, 10, ANN), sig };
    expect([tokens, ledger.problemOf(moved)]).toEqual([10, `${keyOf(ANN)} has not signed the voucher`]);
  });

  it('cannot be opened over more than its payer has, twice, already over, or under another name', () => {
    const { ledger, channel } = opened();
    expect(ledger.problemOf(channel)).toBe('it is open already');
    expect(ledger.problemOf(opening(ledger, ANN, BOB, { tokens: 51, expires: HOUR }))).toBe(
      `${keyOf(ANN)} has 50 tokens`,
    );
    ledger.now = 5;
    expect(ledger.problemOf(opening(ledger, ANN, BOB, { tokens: 1, expires: 5 }))).toMatch(/over before it begins/);
    const next = opening(ledger, ANN, BOB, { tokens: 1, expires: HOUR });
    expect(ledger.problemOf({ ...next, channel: 'f'.repeat(32) })).toMatch(/has not signed it under this name/);
  });

  it('closed early by its payer leaves its server time to redeem; by its server it ends at once', () => {
    const { ledger, channel } = opened();
    const long = opening(ledger, ANN, BOB, { tokens: 50, expires: 100 * HOUR });
    ledger.add(long);
    expect(ledger.problemOf(closing(long, CIM))).toMatch(/is neither its payer nor its server/);
    ledger.add(closing(long, ANN));
    expect(ledger.problemOf(closing(long, ANN))).toBe('its payer has closed it before');
    ledger.now = CHALLENGE_MS - 1;
    expect(ledger.problemOf({ type: 'settled', channel: long.channel, returned: 50 })).toMatch(/not yet/);
    ledger.add(voucher(long, 40, ANN));
    ledger.add(closing(channel, BOB));
    expect(settleChannels(ledger)).toBe(1);
    expect([has(ledger, ANN), has(ledger, BOB)]).toEqual([50, 40]);
    ledger.now = CHALLENGE_MS;
    expect(ledger.problemOf({ type: 'settled', channel: long.channel, returned: 50 })).toBe(
      '10 tokens of it are left, not 50',
    );
    expect(settleChannels(ledger)).toBe(1);
    expect([has(ledger, ANN), has(ledger, BOB)]).toEqual([60, 40]);
  });

  it('pays nothing more once the ledger has two heads', () => {
    const { ledger, channel } = opened();
    ledger.state.fork = [];
    for (const entry of [voucher(channel, 1, ANN), payment(ledger, ANN, BOB, 1), closing(channel, ANN)])
      expect(ledger.problemOf(entry)).toMatch(/^payments have stopped/);
  });
});

const who = fc.nat(2);
const sum = fc.integer({ min: 1, max: 60 });
const rarely = fc.integer({ min: 0, max: 5 }).map((n) => n === 0);
/** Anything that may happen, some of which may not follow. */
const ACTION = fc.oneof(
  fc.record({ do: fc.constant('pay' as const), from: who, to: who, tokens: sum }),
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('open' as const), from: who, to: who, tokens: sum, hours: fc.nat(4) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('redeem' as const), pick: fc.nat(9), tokens: sum, isForged: rarely }),
  },
  fc.record({ do: fc.constant('close' as const), pick: fc.nat(9), isServer: fc.boolean() }),
  fc.record({ do: fc.constant('wait' as const), hours: fc.constantFrom(0.5, 1, 2) }),
  // An order or a voucher that was sent before, once more.
  { weight: 2, arbitrary: fc.record({ do: fc.constant('replay' as const), pick: fc.nat(50) }) },
);
type Action = typeof ACTION extends fc.Arbitrary<infer A> ? A : never;
type Entry = Parameters<WrittenLedger['add']>[0];

describe('any payments', () => {
  it('conserve all tokens, take no key below zero, and pay no server more than was signed or locked for it', () => {
    const keys = [ANN, BOB, CIM];
    fc.assert(
      fc.property(fc.array(ACTION, { maxLength: 40, size: 'max' }), (actions) => {
        const ledger = ledgerWith(60, keys);
        const sent: Entry[] = [];
        const channels: ReturnType<typeof opening>[] = [];
        for (const action of actions) {
          const entry = entryOf(ledger, keys, action, { sent, channels });
          if (action.do === 'wait') ledger.now += action.hours * HOUR;
          settleChannels(ledger);
          const before = conserved(ledger);
          if (!entry) continue;
          const isDone = ledger.problemOf(entry) === undefined;
          expect(isDone && (action.do === 'replay' || (action.do === 'redeem' && action.isForged))).toBe(false);
          if (!isDone) continue;
          ledger.add(entry);
          sent.push(entry);
          if (entry.type === 'channel') channels.push(entry);
          expect(conserved(ledger)).toBe(before);
        }
        expect(verifyRecords(ledger.records).problems).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });
});

function entryOf(
  ledger: WrittenLedger,
  keys: readonly (typeof ANN)[],
  action: Action,
  { sent, channels }: { readonly sent: Entry[]; readonly channels: ReturnType<typeof opening>[] },
): Entry | undefined {
  const key = (i: number): typeof ANN => keys[i] ?? ANN;
  const keyed = (text: string): typeof ANN => keys.find((each) => keyOf(each) === text) ?? OTHER;
  switch (action.do) {
    case 'pay':
      return payment(ledger, key(action.from), key(action.to), action.tokens);
    case 'open': {
      const { tokens, hours } = action;
      return opening(ledger, key(action.from), key(action.to), { tokens, expires: ledger.now + hours * HOUR });
    }
    case 'redeem': {
      const channel = channels[action.pick % Math.max(1, channels.length)];
      return channel && voucher(channel, action.tokens, action.isForged ? OTHER : keyed(channel.by));
    }
    case 'close': {
      const channel = channels[action.pick % Math.max(1, channels.length)];
      return channel && closing(channel, keyed(action.isServer ? channel.server : channel.by));
    }
    case 'replay': {
      const again = sent[action.pick % Math.max(1, sent.length)];
      // A closing of its server may be said again: it changes nothing.
      return again?.type === 'closing' ? undefined : again;
    }
    case 'wait':
      return undefined;
  }
}

/** @returns all tokens that there are */
function conserved({ state }: WrittenLedger): bigint {
  const balances = [...state.accounts.values()].map(({ balance }) => balance);
  const locked = [...state.channels.values()].map(lockedIn);
  for (const tokens of [...balances, ...locked]) expect(tokens >= 0n).toBe(true);
  const all = [...balances, ...locked].reduce((sum, tokens) => sum + tokens, 0n);
  expect(all).toBe(state.issued);
  return all;
}
