/** Who may change what in a mesh, how votes count, and from which record on a change holds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyPair } from '../../../runtime/identity/ed25519.ts';
import { type Charter, charterProblem } from '../../../runtime/ledger/charter.ts';
import type { NewEntry } from '../../../runtime/ledger/entry.ts';
import { signExclusion } from '../../../runtime/ledger/signed.ts';
import { signPayment } from '../../../runtime/ledger/signed-payments.ts';
import { signCharter, signProposal, signVote } from '../../../runtime/ledger/signed-votes.ts';
import { windowOf } from '../../../runtime/ledger/state.ts';
import { verifyRecords } from '../../../runtime/ledger/verify.ts';
import { countVotes } from '../../../runtime/ledger/votes.ts';
import { keyOf, keysOf, MESH, OPERATOR, WrittenLedger } from '../../support/ledger.ts';

const [ANN, BOB, CIM, DAN] = [keysOf(11), keysOf(12), keysOf(13), keysOf(14)];
const CHARTER: Charter = {
  settings: {
    auditRate: { value: 0.025, least: 0.01, most: 0.2 },
    price: { value: 5, least: 1, most: 20 },
    deployers: [keyOf(ANN), keyOf(BOB)],
  },
  ...{ quorum: 0.5, majority: 0.5, standing: 0.1, voting: 2, delay: 1 },
};

/** Ann has earned 600 tokens, Bob 300, Cim 100. */
function voting(charter: Partial<Charter> = {}): WrittenLedger {
  const ledger = new WrittenLedger(2);
  ledger.add(signCharter({ ...CHARTER, ...charter }, keyOf(MESH), OPERATOR));
  ledger.earnedBy([
    [ANN, 600],
    [BOB, 300],
    [CIM, 100],
  ]);
  return ledger;
}

function proposal(ledger: WrittenLedger, by: KeyPair, value = 0.05): NewEntry & { readonly type: 'proposed' } {
  return signProposal({ id: ledger.id(), setting: 'auditRate', value }, keyOf(MESH), by);
}

/** @returns its id */
function propose(ledger: WrittenLedger, by: KeyPair, value = 0.05): string {
  const entry = proposal(ledger, by, value);
  ledger.add(entry);
  return entry.id;
}

const vote = (id: string, by: KeyPair, word: 'yes' | 'no' = 'yes'): NewEntry =>
  signVote({ proposal: id, vote: word }, keyOf(MESH), by);

function exclusion(of: KeyPair): NewEntry {
  const {
    key: trainer,
    run,
    reason,
    at,
    sig,
  } = signExclusion({ key: keyOf(of), run: 'run', reason: 'word', at: 1 }, MESH);
  return { type: 'excluded', trainer, reason: 'word', word: { run, reason, at, sig } };
}

/** So many segments pass, and what follows from the rules is entered. */
function pass(ledger: WrittenLedger, seals: number): void {
  for (let i = 0; i < seals; i++) {
    ledger.seal();
    ledger.settle();
  }
}

const outcomes = (ledger: WrittenLedger): unknown[] => ledger.state.governance?.past.map((p) => p.outcome) ?? [];
const rate = (ledger: WrittenLedger): number | undefined => ledger.state.governance?.settings.auditRate;

describe('a proposal', () => {
  it('that passes is in force from one record on, and a replay of the ledger says the same', () => {
    const ledger = voting();
    const id = propose(ledger, BOB);
    for (const by of [ANN, BOB]) ledger.add(vote(id, by));
    pass(ledger, 3);
    expect([rate(ledger), outcomes(ledger)]).toEqual([0.025, []]);
    pass(ledger, 2);
    expect([rate(ledger), outcomes(ledger)]).toEqual([0.05, ['applied']]);
    const since = ledger.records.findIndex(({ value }) => JSON.parse(value).type === 'applied') + 1;
    for (const end of [since - 1, since, ledger.records.length]) {
      const { state, problems } = verifyRecords(ledger.records.slice(0, end));
      expect([problems, state.governance?.settings.auditRate]).toEqual([[], end < since ? 0.025 : 0.05]);
    }
    expect(ledger.state.governance?.since).toEqual({ auditRate: since, price: 2, deployers: 2 });
  });

  it('fails below its quorum, or without a majority', () => {
    const ledger = voting();
    const [few, split] = [propose(ledger, BOB), propose(ledger, CIM, 0.1)];
    for (const by of [BOB, CIM]) ledger.add(vote(few, by));
    ledger.add(vote(split, BOB));
    ledger.add(vote(split, ANN, 'no'));
    pass(ledger, 8);
    expect([rate(ledger), outcomes(ledger)]).toEqual([0.025, ['failed', 'failed']]);
  });

  it('is refused outside the bounds, on other settings, and where it changes nothing', () => {
    const ledger = voting();
    const problem = (
      setting: 'auditRate' | 'price' | 'deployers',
      value: number | readonly string[],
    ): string | undefined => ledger.problemOf(signProposal({ id: ledger.id(), setting, value }, keyOf(MESH), ANN));
    for (const value of [0, 0.0099, 0.21, -1]) expect(problem('auditRate', value)).toMatch(/has to lie between/);
    expect(problem('auditRate', 0.025)).toBe('auditRate is 0.025 already');
    expect(problem('auditRate', [keyOf(ANN)])).toBe('auditRate is a number');
    for (const value of [[], [keyOf(ANN), keyOf(BOB)], [keyOf(CIM)], [keyOf(ANN), keyOf(ANN)]])
      expect(problem('deployers', value)).toMatch(/narrowed|one key has to be left/);
    expect(problem('deployers', [keyOf(BOB)])).toBeUndefined();
    expect(problem('price', 2.5)).toBe('price is a whole number');
    expect(problem('price', 21)).toMatch(/^price has to lie between 1 and 20/);
    expect(problem('price', 4)).toBeUndefined();
    const { deployers: _deployers, ...settings } = CHARTER.settings;
    const without = voting({ settings });
    expect(
      without.problemOf(
        signProposal({ id: 'f'.repeat(32), setting: 'deployers', value: [keyOf(ANN)] }, keyOf(MESH), ANN),
      ),
    ).toBe('deployers is not voted on in this mesh');
  });

  it('needs a charter, which is entered once, and cannot put the audit rate below the floor', () => {
    const bare = new WrittenLedger();
    bare.earnedBy([[ANN, 10]]);
    expect(bare.problemOf(proposal(bare, ANN))).toBe('without a charter there are no votes');
    const ledger = voting();
    expect(ledger.problemOf(signCharter(CHARTER, keyOf(MESH), OPERATOR))).toMatch(/for good/);
    const of = (more: Partial<Charter>): string | undefined => charterProblem({ ...CHARTER, ...more });
    expect(of({})).toBeUndefined();
    expect(of({ settings: { auditRate: { value: 0.05, least: 0.009, most: 0.2 } } })).toMatch(/^auditRate: 0.01 ≤/);
    for (const price of [
      { value: 2, least: 0, most: 5 },
      { value: 2.5, least: 1, most: 5 },
    ])
      expect(of({ settings: { price } })).toMatch(/^price: 1 ≤ .*in whole numbers$/);
    expect(of({ settings: {} })).toMatch(/no setting/);
    expect(of({ settings: { deployers: [] } })).toMatch(/^deployers/);
    for (const wrong of [{ quorum: 0 }, { majority: 0.4 }, { standing: 0 }, { voting: 1e7 }])
      expect(of(wrong)).toBeDefined();
  });

  it('takes standing, and one at a time', () => {
    const ledger = voting({ standing: 0.2 });
    expect(ledger.problemOf(proposal(ledger, CIM))).toMatch(/had earned 100 of 1000 tokens/);
    const id = propose(ledger, BOB);
    expect(ledger.problemOf(proposal(ledger, BOB))).toBe(`${keyOf(BOB)} has proposed ${id}, which is not over`);
  });

  it('lapses when another one on its setting passes, and none is made while that one waits', () => {
    const ledger = voting();
    const first = propose(ledger, ANN, 0.05);
    const second = propose(ledger, BOB, 0.1);
    for (const id of [first, second]) for (const by of [ANN, BOB]) ledger.add(vote(id, by));
    pass(ledger, 3);
    expect(outcomes(ledger)).toEqual(['lapsed']);
    expect(ledger.problemOf(proposal(ledger, BOB))).toBe(
      `${first} has passed and will change auditRate: propose behind it`,
    );
    pass(ledger, 2);
    expect([rate(ledger), outcomes(ledger)]).toEqual([0.05, ['lapsed', 'applied']]);
    propose(ledger, BOB, 0.1);
  });

  it('waits until all that was pending when it was decided is settled', () => {
    const ledger = voting();
    ledger.run([1n], { run: 'long' });
    ledger.add(ledger.funds('emission', 100, OPERATOR, 'long'));
    const id = propose(ledger, ANN);
    ledger.add(vote(id, ANN));
    const stretch = (i: number): NewEntry =>
      ledger.stretch({ run: 'long', shard: 0, from: i, to: i + 1, trainer: DAN });
    ledger.add(stretch(0));
    pass(ledger, 9);
    expect([rate(ledger), outcomes(ledger)]).toEqual([0.025, []]);
    ledger.add({ type: 'ended', run: 'long' });
    pass(ledger, 1);
    expect(rate(ledger)).toBe(0.05);
  });

  it('waits ten delays at most for a run that stands still, whose stretches keep their window', () => {
    const ledger = voting({ delay: 2 });
    ledger.run([1n], { run: 'long' });
    ledger.add(ledger.funds('emission', 100, OPERATOR, 'long'));
    const id = propose(ledger, ANN, 0.2);
    ledger.add(vote(id, ANN));
    const stretch = (i: number): NewEntry =>
      ledger.stretch({ run: 'long', shard: 0, from: i, to: i + 1, trainer: DAN });
    ledger.add(stretch(0));
    pass(ledger, 3);
    expect(ledger.state.governance?.proposals.get(id)?.passed).toBeDefined();
    pass(ledger, 20);
    expect(outcomes(ledger)).toEqual([]);
    pass(ledger, 1);
    expect([rate(ledger), outcomes(ledger)]).toEqual([0.2, ['applied']]);
    // Later stretches are paid behind ten others, and this one still behind eighty.
    const isPending = (): boolean => {
      const { pending } = ledger.state.runs.get('long')?.shards[0] ?? {};
      return [...(pending?.values() ?? [])].some(({ entry }) => entry.from === 0);
    };
    for (let i = 1; i <= 79; i++) ledger.add(stretch(i));
    ledger.settle();
    expect(isPending()).toBe(true);
    ledger.add(stretch(80));
    ledger.settle();
    expect(isPending()).toBe(false);
  });

  it('to audit less makes what is pending wait longer', () => {
    const ledger = voting();
    const id = propose(ledger, ANN, 0.01);
    ledger.add(vote(id, ANN));
    expect(windowOf(ledger.state)).toBe(80);
    pass(ledger, 6);
    expect([rate(ledger), windowOf(ledger.state)]).toEqual([0.01, 200]);
  });

  it('is not decided, nor in force, before its time, nor otherwise than it was voted', () => {
    const ledger = voting();
    const id = propose(ledger, ANN);
    ledger.add(vote(id, ANN));
    const decided = { type: 'decided', proposal: id, yes: 600, no: 0, of: 1000, outcome: 'passed' } as const;
    expect(ledger.problemOf(decided)).toBe('votes on it are still taken');
    for (let i = 0; i < 3; i++) ledger.seal();
    expect(ledger.problemOf({ ...decided, yes: 601 })).toMatch(/^it has passed: 600 are for it/);
    expect(ledger.problemOf({ ...decided, outcome: 'failed' })).toMatch(/^it has passed/);
    ledger.add(decided);
    const applied = { type: 'applied', proposal: id, setting: 'auditRate', value: 0.05 } as const;
    expect(ledger.problemOf(applied)).toBe('its delay has not passed');
    for (let i = 0; i < 2; i++) ledger.seal();
    expect(ledger.problemOf({ ...applied, value: 0.06 })).toBe('it is about auditRate: 0.05');
    ledger.add(applied);
  });
});

describe('a vote', () => {
  it('counts once, in time, and under the key that has signed it for this mesh', () => {
    const ledger = voting();
    const id = propose(ledger, ANN);
    ledger.add(vote(id, ANN));
    for (const word of ['yes', 'no'] as const)
      expect(ledger.problemOf(vote(id, ANN, word))).toMatch(/has voted before/);
    expect(ledger.problemOf({ ...vote(id, BOB), by: keyOf(CIM) } as NewEntry)).toMatch(/has not signed it/);
    const elsewhere = signVote({ proposal: id, vote: 'yes' }, keyOf(OPERATOR), BOB);
    expect(ledger.problemOf(elsewhere)).toMatch(/has not signed it/);
    expect(ledger.problemOf(vote('f'.repeat(32), BOB))).toMatch(/^no proposal/);
    for (let i = 0; i < 3; i++) ledger.seal();
    expect(ledger.problemOf(vote(id, BOB))).toBe('it is too late: the votes are counted');
  });

  it('weighs what was earned before the last seal, not what is bought, pending, or earned since', () => {
    const ledger = voting();
    ledger.add(signPayment({ to: keyOf(DAN), tokens: 600, number: 1 }, keyOf(MESH), ANN));
    ledger.seal();
    ledger.run([1n], { run: 'other' });
    ledger.add(ledger.funds('emission', 1000, OPERATOR, 'other'));
    for (const [i, trainer] of [CIM, DAN].entries())
      ledger.add(ledger.stretch({ run: 'other', shard: 0, term: i + 1, from: 50 * i, to: 50 * (i + 1), trainer }));
    expect(ledger.problemOf(proposal(ledger, DAN))).toMatch(/had earned 0 of 1000/);
    ledger.add({ type: 'ended', run: 'other' });
    ledger.settle();
    expect(ledger.earned(CIM)).toBe(600n);
    const id = propose(ledger, CIM);
    expect(ledger.problemOf(vote(id, DAN))).toMatch(/had earned nothing/);
    ledger.add(vote(id, CIM));
    const open = ledger.state.governance?.proposals.get(id);
    expect(open && countVotes(ledger.state, open)).toEqual({ yes: 100, no: 0, of: 1000 });
  });

  it('of a key that is excluded counts nothing, also where it was cast before', () => {
    const ledger = voting();
    const id = propose(ledger, BOB);
    for (const by of [ANN, BOB]) ledger.add(vote(id, by));
    ledger.add(exclusion(ANN));
    expect(ledger.problemOf(proposal(ledger, ANN))).toMatch(/had earned 0 of 400/);
    pass(ledger, 3);
    // Bob's 300 of the 400 that are left.
    const [decided] = ledger.records.map(({ value }) => JSON.parse(value)).filter(({ type }) => type === 'decided');
    expect(decided).toMatchObject({ yes: 300, no: 0, of: 400, outcome: 'passed' });
  });
});

describe('votes', () => {
  const voters = fc.array(
    fc.record({
      earned: fc.nat(300),
      bought: fc.integer({ min: 1, max: 200 }),
      vote: fc.constantFrom('yes', 'no', undefined),
    }),
    { minLength: 1, maxLength: 5 },
  );
  const shares = fc.record({ quorum: fc.integer({ min: 1, max: 10 }), majority: fc.integer({ min: 5, max: 9 }) });

  it('pass where the quorum of earned tokens has voted and more than the majority of it is for it, and only then', () => {
    fc.assert(
      fc.property(voters, shares, (all, { quorum, majority }) => {
        const ledger = new WrittenLedger(2);
        ledger.add(signCharter({ ...CHARTER, quorum: quorum / 10, majority: majority / 10 }, keyOf(MESH), OPERATOR));
        // One more has standing whatever the others have.
        const keys = all.map((_, i) => keysOf(30 + i));
        ledger.earnedBy([...all.map(({ earned }, i) => [keys[i] ?? DAN, earned] as const), [DAN, 1000]]);
        for (const [i, { bought }] of all.entries())
          ledger.add(signPayment({ to: keyOf(keys[i] ?? DAN), tokens: bought, number: i + 1 }, keyOf(MESH), DAN));
        const id = propose(ledger, DAN);
        for (const [i, { vote: word, earned }] of all.entries())
          if (word) {
            const entry = vote(id, keys[i] ?? DAN, word);
            if (earned === 0) expect(ledger.problemOf(entry)).toMatch(/had earned nothing/);
            else ledger.add(entry);
          }
        const sum = (word: string): number => all.reduce((n, v) => n + (v.vote === word ? v.earned : 0), 0);
        const of = all.reduce((n, v) => n + v.earned, 1000);
        const [yes, no] = [sum('yes'), sum('no')];
        const passes = 10 * (yes + no) >= quorum * of && 10 * yes > majority * (yes + no);
        pass(ledger, 6);
        expect(outcomes(ledger)).toEqual([passes ? 'applied' : 'failed']);
      }),
      { numRuns: 15 },
    );
  });

  it('in any order keep settings within their bounds, and a replay ends with the same ones', () => {
    const who = fc.nat(3);
    const action = fc.oneof(
      fc.record({ what: fc.constant('propose' as const), who, value: fc.double({ min: -0.1, max: 0.3, noNaN: true }) }),
      fc.record({
        what: fc.constant('vote' as const),
        who,
        word: fc.constantFrom('yes' as const, 'no' as const),
        nth: fc.nat(3),
      }),
      fc.record({ what: fc.constant('pass' as const), who, seals: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ what: fc.constant('exclude' as const), who }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        const ledger = voting({ standing: 0.001 });
        const proposed: string[] = [];
        const offer = (entry: NewEntry): void => {
          if (ledger.problemOf(entry) === undefined) ledger.add(entry);
        };
        for (const one of actions) {
          const by = [ANN, BOB, CIM, DAN][one.who] ?? DAN;
          if (one.what === 'pass') pass(ledger, one.seals);
          if (one.what === 'vote') offer(vote(proposed[one.nth % proposed.length] ?? 'f'.repeat(32), by, one.word));
          if (one.what === 'exclude') offer(exclusion(by));
          if (one.what !== 'propose') continue;
          const entry = proposal(ledger, by, one.value);
          proposed.unshift(entry.id);
          offer(entry);
        }
        const { state, problems } = verifyRecords(ledger.records);
        const { settings, past } = state.governance ?? {};
        expect(problems).toEqual([]);
        expect([settings, past]).toEqual([ledger.state.governance?.settings, ledger.state.governance?.past]);
        const { auditRate = 0, deployers = [] } = settings ?? {};
        expect(auditRate >= 0.01 && auditRate <= 0.2 && deployers.length === 2).toBe(true);
        // No key votes that has earned nothing, and none twice.
        for (const { yes, no, of } of past ?? []) expect(yes + no <= of && of <= 1000).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
});
