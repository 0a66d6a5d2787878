/** What the entries of a ledger do to balances, as examples and as properties of all ledgers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyPair } from '../../../runtime/identity/ed25519.ts';
import { spendable } from '../../../runtime/ledger/state.ts';
import { keyOf, keysOf, OPERATOR, type Stretch, WrittenLedger } from '../../support/ledger.ts';

const [ANN, BOB, CIM] = [keysOf(11), keysOf(12), keysOf(13)];

/** A run of 100 calls of one shard, worth `tokens`. */
function paying(tokens: number, window = 2): WrittenLedger {
  const ledger = new WrittenLedger(window);
  ledger.run([7n]);
  ledger.add(ledger.funds('emission', tokens, OPERATOR));
  return ledger;
}

/** Stretches of equal length in a row. */
function stretches(trainer: KeyPair, count: number, length = 10, first = 0): Stretch[] {
  return Array.from({ length: count }, (_, i) => {
    const from = (first + i) * length;
    return { shard: 0, from, to: from + length, trainer };
  });
}

function commit(ledger: WrittenLedger, all: readonly Stretch[]): void {
  for (const stretch of all) ledger.add(ledger.stretch(stretch));
}

describe('a stretch', () => {
  it('is paid when as many have followed it as the window has', () => {
    const ledger = paying(1000);
    commit(ledger, stretches(ANN, 2));
    expect(ledger.settle()).toBe(0);
    commit(ledger, stretches(ANN, 1, 10, 2));
    expect(ledger.settle()).toBe(1);
    expect(ledger.earned(ANN)).toBe(100n);
  });

  it('is paid after its trainer has left, when those of the next one have followed', () => {
    const ledger = paying(1000);
    commit(ledger, stretches(ANN, 1));
    commit(
      ledger,
      stretches(BOB, 2, 10, 1).map((s) => ({ ...s, term: 2 })),
    );
    ledger.settle();
    expect([ledger.earned(ANN), ledger.earned(BOB)]).toEqual([100n, 0n]);
  });

  it('is not paid before its window has passed, nor otherwise than its work says', () => {
    const ledger = paying(1000);
    commit(ledger, stretches(ANN, 2));
    const granted = { type: 'granted', run: 'run', shard: 0, term: 1, to: 10, trainer: keyOf(ANN) } as const;
    expect(ledger.problemOf({ ...granted, tokens: 100 })).toBe('its window has not passed');
    commit(ledger, stretches(ANN, 1, 10, 2));
    expect(ledger.problemOf({ ...granted, tokens: 101 })).toBe('100 tokens are due for it, not 101');
    expect(ledger.problemOf({ ...granted, tokens: 100 })).toBeUndefined();
  });

  it('waits while its audit is under way', () => {
    const ledger = paying(1000);
    commit(ledger, stretches(ANN, 4));
    expect(ledger.settle({ isUnderWay: () => true })).toBe(0);
    expect(ledger.settle()).toBe(2);
  });

  it('is not entered without the signature of its trainer, nor twice', () => {
    const ledger = paying(1000);
    const [one] = stretches(ANN, 1);
    const entry = ledger.stretch(one as Stretch);
    expect(ledger.problemOf({ ...entry, trainer: keyOf(BOB) } as typeof entry)).toMatch(/has not signed the state/);
    ledger.add(entry);
    expect(ledger.problemOf(entry)).toBe('calls before 10 were committed before');
  });

  it('is paid once, also where another trainer does it again', () => {
    const ledger = paying(1000);
    commit(ledger, stretches(ANN, 3));
    commit(
      ledger,
      stretches(BOB, 10).map((s) => ({ ...s, term: 2 })),
    );
    ledger.add({ type: 'ended', run: 'run' });
    ledger.settle();
    expect([ledger.earned(ANN), ledger.earned(BOB)]).toEqual([300n, 700n]);
  });

  it('counts training calls, not those of evaluations', () => {
    const ledger = new WrittenLedger(1);
    ledger.run([5n], { epochs: 2, train: 10, others: 4 });
    ledger.add(ledger.funds('emission', 200, OPERATOR));
    commit(ledger, [
      { shard: 0, from: 0, to: 14, trainer: ANN },
      { shard: 0, from: 14, to: 19, trainer: BOB },
      { shard: 0, from: 19, to: 28, trainer: CIM },
    ]);
    ledger.add({ type: 'ended', run: 'run' });
    ledger.settle();
    expect([ANN, BOB, CIM].map((k) => ledger.earned(k))).toEqual([100n, 50n, 50n]);
  });
});

describe('work that was done again since a run went back', () => {
  /** The second shard cheats from call 20 on, and all go back there in term 2, from call 40. */
  function backThere(cheats: boolean): WrittenLedger {
    const ledger = new WrittenLedger(20);
    ledger.run([1n, 1n]);
    ledger.add(ledger.funds('emission', 2000, OPERATOR));
    commit(ledger, stretches(ANN, 4));
    const cheated = stretches(CIM, 4).map((s) => ({ ...s, shard: 1 }));
    commit(ledger, cheated);
    if (cheats) {
      ledger.add(ledger.audited(cheated[0] as Stretch, 'match'));
      ledger.add(ledger.audited(cheated[2] as Stretch, 'mismatch'));
    }
    commit(
      ledger,
      stretches(ANN, 8, 10, 2).map((s) => ({ ...s, term: 2 })),
    );
    commit(
      ledger,
      stretches(BOB, 7, 10, 3).map((s) => ({ ...s, shard: 1, term: 2 })),
    );
    ledger.add({ type: 'ended', run: 'run' });
    ledger.settle();
    return ledger;
  }

  it('is paid from what was withheld and not done again, and no more than that', () => {
    const ledger = backThere(true);
    // Calls 10 to 30 of the cheat are not paid to it, and not done again; two stretches were done twice.
    expect([ANN, BOB, CIM].map((k) => ledger.earned(k))).toEqual([1200n, 700n, 100n]);
    expect(ledger.problemOf({ type: 'restored', run: 'run', trainer: keyOf(ANN), tokens: 1 })).toMatch(/was closed/);
  });

  it('is paid once where nothing was withheld', () => {
    const ledger = backThere(false);
    expect([ANN, BOB, CIM].map((k) => ledger.earned(k))).toEqual([1000n, 600n, 400n]);
  });
});

describe('fractions of a token', () => {
  it('carry over to the next stretch', () => {
    const ledger = paying(15);
    commit(ledger, stretches(ANN, 4));
    ledger.add({ type: 'ended', run: 'run' });
    const granted: number[] = [];
    ledger.settle();
    for (const { value } of ledger.records) {
      const entry = JSON.parse(value) as { type: string; tokens: number };
      if (entry.type === 'granted') granted.push(entry.tokens);
    }
    expect(granted).toEqual([1, 2, 1, 2]);
  });

  it('give nothing to who splits a key', () => {
    const shares = fc.array(fc.nat(4), { minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(shares, fc.integer({ min: 1, max: 300 }), (owners, tokens) => {
        const earn = (keyed: (i: number) => KeyPair): bigint => {
          const ledger = paying(tokens);
          commit(
            ledger,
            stretches(ANN, 10).map((s, i) => ({ ...s, trainer: keyed(i) })),
          );
          ledger.add({ type: 'ended', run: 'run' });
          ledger.settle();
          return [...ledger.state.accounts.values()].reduce((sum, { earned }) => sum + earned, 0n);
        };
        const one = earn(() => ANN);
        const several = earn((i) => keysOf(20 + (owners[i] ?? 0)));
        expect(one).toBe(BigInt(tokens));
        expect(several <= one).toBe(true);
        expect(several > one - BigInt(new Set(owners).size)).toBe(true);
      }),
      { numRuns: 8 },
    );
  });
});

describe('a verdict', () => {
  it('of a mismatch withholds all that is pending, but what was confirmed itself', () => {
    const ledger = paying(1000, 20);
    const all = stretches(ANN, 5);
    commit(ledger, all);
    ledger.add(ledger.audited(all[1] as Stretch, 'match'));
    ledger.add(ledger.audited(all[3] as Stretch, 'mismatch'));
    expect(ledger.settle()).toBe(4);
    ledger.add({ type: 'ended', run: 'run' });
    ledger.settle();
    expect(ledger.earned(ANN)).toBe(100n);
  });

  it('of a mismatch reaches all runs of the key, and no other key', () => {
    const ledger = paying(1000, 20);
    ledger.run([7n], { run: 'other' });
    ledger.add(ledger.funds('emission', 1000, OPERATOR, 'other'));
    const [own] = stretches(ANN, 1);
    commit(ledger, [own as Stretch, { ...(own as Stretch), run: 'other' }]);
    commit(
      ledger,
      stretches(BOB, 1, 10, 1).map((s) => ({ ...s, term: 2 })),
    );
    ledger.add(ledger.audited(own as Stretch, 'mismatch'));
    expect(ledger.settle()).toBe(2);
    expect(ledger.state.accounts.get(keyOf(BOB))?.pending.size).toBe(1);
  });

  it('that is inconclusive takes nothing', () => {
    const ledger = paying(1000);
    const all = stretches(ANN, 3);
    commit(ledger, all);
    ledger.add(ledger.audited(all[0] as Stretch, 'inconclusive'));
    ledger.settle();
    expect(ledger.earned(ANN)).toBe(100n);
  });

  it('that could not be drawn, as it was not sealed, takes that stretch and no other one', () => {
    const ledger = paying(1000);
    const all = stretches(ANN, 4);
    commit(ledger, all);
    ledger.add(ledger.audited(all[0] as Stretch, 'unsealed'));
    expect(ledger.settle()).toBeGreaterThan(1);
    expect(ledger.earned(ANN)).toBe(100n);
    expect(ledger.state.accounts.get(keyOf(ANN))?.mismatches.size).toBe(0);
  });

  it('of a record that did not come withholds what is pending since the last match; the second one is a mismatch', () => {
    const ledger = paying(1000, 20);
    const all = stretches(ANN, 7);
    commit(ledger, all.slice(0, 5));
    ledger.add(ledger.audited(all[2] as Stretch, 'match'));
    ledger.add(ledger.audited(all[3] as Stretch, 'undelivered'));
    expect(ledger.settle()).toBe(2);
    commit(ledger, all.slice(5));
    ledger.add(ledger.audited(all[6] as Stretch, 'undelivered'));
    expect(ledger.settle()).toBe(4);
    ledger.add({ type: 'ended', run: 'run' });
    ledger.settle();
    expect(ledger.earned(ANN)).toBe(100n);
  });

  it('of a mismatch counts once, also when its stretch was paid before', () => {
    const ledger = paying(1000, 2);
    const all = stretches(ANN, 4);
    commit(ledger, all);
    ledger.settle();
    const late = ledger.audited(all[0] as Stretch, 'mismatch');
    ledger.add(late);
    expect(ledger.settle()).toBe(2);
    expect(ledger.earned(ANN)).toBe(200n);
    for (const said of [late, ledger.audited({ ...(all[0] as Stretch), to: 99 }, 'mismatch')])
      expect(ledger.problemOf(said)).toMatch(/entered before|no such stretch/);
    // Withheld with the first one, and refuted itself: that is the second one.
    ledger.add(ledger.audited(all[3] as Stretch, 'mismatch'));
    ledger.settle();
    expect(ledger.state.accounts.get(keyOf(ANN))?.excluded).toBe(true);
  });

  it.each(['mismatch', 'undelivered'] as const)('of a %s counts once for all shards of a trainer', (verdict) => {
    const ledger = new WrittenLedger(20);
    ledger.run([7n, 7n]);
    ledger.add(ledger.funds('emission', 1000, OPERATOR));
    const both = (at: number): Stretch[] =>
      [0, 1].map((shard) => ({ ...(stretches(ANN, 1, 10, at)[0] as Stretch), shard }));
    const account = () => ledger.state.accounts.get(keyOf(ANN));
    for (const at of [0, 1, 2]) commit(ledger, both(at));
    for (const stretch of both(0)) ledger.add(ledger.audited(stretch, verdict));
    ledger.settle();
    expect(account()?.mismatches.size).toBe(verdict === 'mismatch' ? 1 : 0);
    expect(account()?.excluded).toBe(false);
    for (const at of [3, 4]) commit(ledger, both(at));
    // Two that were not delivered are one mismatch; two mismatches exclude.
    for (const stretch of both(3)) ledger.add(ledger.audited(stretch, verdict));
    ledger.settle();
    expect(account()?.mismatches.size).toBe(verdict === 'mismatch' ? 2 : 1);
    expect(account()?.excluded).toBe(verdict === 'mismatch');
  });

  it('on a stretch that is not pending is not entered', () => {
    const ledger = paying(1000);
    const [one] = stretches(ANN, 1);
    expect(ledger.problemOf(ledger.audited(one as Stretch, 'match'))).toBe('no such stretch is pending');
  });

  it('of a second mismatch within the window excludes the key, which has nothing from then on', () => {
    const ledger = paying(1000, 3);
    const all = stretches(ANN, 8);
    commit(ledger, all.slice(0, 4));
    ledger.settle();
    expect(spendable(ledger.state.accounts.get(keyOf(ANN)))).toBe(100n);
    ledger.add(ledger.audited(all[2] as Stretch, 'mismatch'));
    ledger.settle();
    commit(ledger, all.slice(4, 6));
    expect(ledger.problemOf({ type: 'excluded', trainer: keyOf(ANN), reason: 'mismatches' })).toBe('no audits say so');
    ledger.add(ledger.audited(all[4] as Stretch, 'mismatch'));
    ledger.settle();
    expect(spendable(ledger.state.accounts.get(keyOf(ANN)))).toBe(0n);
    expect(ledger.state.accounts.get(keyOf(ANN))?.pending.size).toBe(0);
    expect(ledger.problemOf(ledger.stretch(all[6] as Stretch))).toMatch(/is excluded/);
    ledger.run([1n], { run: 'next' });
    expect(ledger.problemOf(ledger.funds('escrow', 1, ANN, 'next'))).toMatch(/has 0 tokens/);
  });
});

describe('tokens of a run', () => {
  it('come from what a deployer has, who gets back what is not earned', () => {
    const ledger = paying(1000);
    commit(ledger, stretches(ANN, 10));
    ledger.add({ type: 'ended', run: 'run' });
    ledger.settle();
    ledger.run([1n], { run: 'next' });
    expect(ledger.problemOf(ledger.funds('escrow', 1001, ANN, 'next'))).toMatch(/has 1000 tokens/);
    ledger.add(ledger.funds('escrow', 600, ANN, 'next'));
    expect(spendable(ledger.state.accounts.get(keyOf(ANN)))).toBe(400n);
    ledger.add(ledger.stretch({ run: 'next', shard: 0, from: 0, to: 25, trainer: BOB }));
    ledger.add({ type: 'ended', run: 'next' });
    ledger.settle();
    expect(ledger.earned(BOB)).toBe(150n);
    expect(spendable(ledger.state.accounts.get(keyOf(ANN)))).toBe(850n);
    expect(ledger.earned(ANN)).toBe(1000n);
  });

  it('are counted once for one order, only with its signature, and not when they are shared already', () => {
    const ledger = paying(1000);
    const order = ledger.funds('emission', 5, OPERATOR);
    expect(ledger.problemOf({ ...order, tokens: 6 } as typeof order)).toMatch(/has not signed it/);
    ledger.add(order);
    expect(ledger.problemOf(order)).toBe('the same order was taken before');
    commit(ledger, stretches(ANN, 3));
    ledger.settle();
    expect(ledger.problemOf(ledger.funds('emission', 5, OPERATOR))).toMatch(/it pays already/);
  });
});

/** Anything that may happen, some of which may not follow. */
const ACTION = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('commit' as const), shard: fc.nat(1), trainer: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('back' as const), shard: fc.nat(1), calls: fc.nat(60) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('verdict' as const),
      pick: fc.nat(1000),
      verdict: fc.constantFrom('match', 'mismatch', 'inconclusive', 'undelivered', 'unsealed'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('escrow' as const), by: fc.nat(3), tokens: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const), run: fc.constantFrom('run', 'paid') }) },
);

describe('any ledger', () => {
  it('has no balance below zero, pays no run more than it has, and neither makes nor loses a token', () => {
    fc.assert(
      fc.property(fc.array(ACTION, { maxLength: 30 }), fc.integer({ min: 1, max: 5000 }), (actions, tokens) => {
        const ledger = new WrittenLedger(3);
        ledger.run([3n, 8n]);
        ledger.run([1n], { run: 'paid', train: 30 });
        ledger.add(ledger.funds('emission', tokens, OPERATOR));
        const at = [0, 1].map(() => ({ term: 1, to: 0 }));
        for (const action of actions) {
          play(ledger, action, at);
          ledger.settle();
          conserved(ledger);
        }
      }),
      { numRuns: 25 },
    );
  });
});

function play(
  ledger: WrittenLedger,
  action: typeof ACTION extends fc.Arbitrary<infer A> ? A : never,
  at: { term: number; to: number }[],
): void {
  const offer = (entry: Parameters<WrittenLedger['add']>[0]): boolean => {
    if (ledger.problemOf(entry) !== undefined) return false;
    ledger.add(entry);
    return true;
  };
  switch (action.do) {
    case 'commit': {
      const place = at[action.shard] as { term: number; to: number };
      const to = place.to + 7;
      const stretch = {
        shard: action.shard,
        term: place.term,
        from: place.to,
        to,
        trainer: keysOf(30 + action.trainer),
      };
      if (offer(ledger.stretch(stretch))) place.to = to;
      return;
    }
    case 'back': {
      const place = at[action.shard] as { term: number; to: number };
      place.term++;
      place.to = Math.min(place.to, action.calls);
      return;
    }
    case 'verdict': {
      const all = [...ledger.state.accounts.values()].flatMap(({ pending }) => [...pending.values()]);
      const pending = all[action.pick % Math.max(1, all.length)];
      if (!pending) return;
      const { run, shard, term, from, to, trainer } = pending.entry;
      offer({ type: 'audited', run, shard, term, from, to, trainer, verdict: action.verdict });
      return;
    }
    case 'escrow':
      offer(ledger.funds('escrow', action.tokens, keysOf(30 + action.by), 'paid'));
      return;
    case 'end':
      offer({ type: 'ended', run: action.run });
  }
}

function conserved({ state }: WrittenLedger): void {
  const accounts = [...state.accounts.values()];
  const runs = [...state.runs.values()];
  for (const { balance, earned } of accounts) expect(balance >= 0n && earned >= 0n).toBe(true);
  for (const { paid, pot } of runs) expect(paid >= 0n && paid <= pot).toBe(true);
  const held = accounts.reduce((sum, { balance }) => sum + balance, 0n);
  const locked = runs.reduce((sum, { closed, pot, paid }) => sum + (closed ? 0n : pot - paid), 0n);
  expect(held + locked).toBe(state.issued);
}
