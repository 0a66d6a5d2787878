/** What becomes of stretches that are sealed, drawn and done again: verdicts, marks, exclusion, the way back. */
import { describe, expect, test } from 'vitest';
import { isDrawn, pledgeOf, seedOf } from '../../../runtime/audit/draw.ts';
import type { WaitingDraw } from '../../../runtime/roles/audit-state.ts';
import { DRAW_PATIENCE_MS, isUnderWay, LAST_SEALS_MS } from '../../../runtime/roles/audit-terms.ts';
import { AWAY_MS } from '../../../runtime/roles/auditing.ts';
import { restoredSynchronizer, synchronizer } from '../../../runtime/roles/synchronizer.ts';
import type {
  AskedAudit,
  StoredRun,
  SynchronizerEffect,
  SynchronizerEvent,
} from '../../../runtime/roles/synchronizer-state.ts';
import { MARKS_WINDOW_MS } from '../../../runtime/roles/verdicts.ts';
import { rateFor, standingOf } from '../../../runtime/roles/watching.ts';
import { simulate } from '../../../runtime/simulation/simulation.ts';
import { lastChange } from '../../../runtime/training/calls.ts';
import { stretchEnd } from '../../../runtime/training/stretches.ts';
import { SUSPECT_RATE } from '../../../runtime/validation/audit-rate.ts';
import type { AuditVerdict } from '../../../runtime/wire/audit-verdict.ts';
import type { Seal } from '../../../runtime/wire/messages.ts';
import { checkedChain, Driver, hash, RUN } from '../../mesh/hostile/role-driver.ts';
import { chain } from '../../mesh/simulated.ts';

const SECRET = hash('5');
const TOTALS = (shard: number): Record<string, number> => (shard === 0 ? { 'sum.0': 1, 'count.0': 2 } : {});
/** A stretch is each call that changes a state, and the evaluation behind an epoch. */
const ends = (driver: Driver, from: number): number => stretchEnd(driver.run.deployment, from);

test('a voted audit rate holds from the next draw on', () => {
  const driver = sealedBoth(mesh(['a', 'b', 'c'], 0), 0);
  expect(asked(driver)).toEqual([]);
  driver.enter({ kind: 'governed', auditRate: 1 });
  sealedBoth(driver, ends(driver, 0));
  expect(asked(driver).map(({ from }) => from)).toEqual([ends(driver, 0), ends(driver, 0)]);
  const kept = driver.effects.flatMap((e) => (e.kind === 'keep' ? [e.value as { drawn?: { rate?: number } }] : []));
  expect(kept.flatMap(({ drawn }) => drawn?.rate ?? [])).toEqual([1]);
});

type Drawn = Pick<WaitingDraw, 'term' | 'from' | 'shards'>;

/** Trainers that seal; every stretch is drawn unless a rate is given. */
function mesh(trainers = ['a', 'b', 'c'], auditRate = 1): Driver {
  const driver = new Driver(trainers, checkedChain(), { auditRate, newKeyRate: auditRate });
  for (const name of trainers) driver.join(name, { audits: true });
  return driver.start();
}

/** By one shard, as its owner seals it. */
function seal(
  driver: Driver,
  shard: number,
  from: number,
  more: { nonce?: string; state?: string; seen?: Seal['seen'] } = {},
): Driver {
  const calls = ends(driver, from);
  const state = { calls: lastChange(driver.run.deployment, calls), hash: more.state ?? hash('a'), sig: '' };
  const numbers = { nonce: more.nonce ?? nonceOf(shard, from), next: pledgeOf(nonceOf(shard, calls)) };
  return driver.ofShard(shard, {
    type: 'sealed',
    seals: [{ from, calls, state, windows: hash('b'), ...numbers, ...(more.seen ? { seen: more.seen } : {}) }],
  });
}

const nonceOf = (shard: number, from: number): string => `number of ${shard} for ${from}`;

/** Both shards bind themselves, the synchronizer has its secret, and both seal the stretch. */
function sealedBoth(driver: Driver, from: number): Driver {
  for (const shard of [0, 1]) {
    const known = driver.run.audits?.terms[driver.run.term];
    if (!known?.pledges[shard]) driver.ofShard(shard, { type: 'pledge', from, pledge: pledgeOf(nonceOf(shard, from)) });
    if (!driver.run.audits?.terms[driver.run.term]?.secret) secret(driver);
  }
  return seal(seal(driver, 0, from), 1, from);
}

function secret(driver: Driver): Driver {
  return driver.enter({ kind: 'pledged', run: RUN, term: driver.run.term, secret: SECRET });
}

const asked = (driver: Driver): AskedAudit[] => driver.effects.filter((e) => e.kind === 'audit');
const verdicts = (driver: Driver): AuditVerdict[] =>
  driver.effects.flatMap((e: SynchronizerEffect) => (e.kind === 'verdict' ? [e.verdict] : []));
const revoked = (driver: Driver): string[] => driver.effects.flatMap((e) => (e.kind === 'revoke' ? [e.key] : []));

type Found = Omit<SynchronizerEvent & { kind: 'audited' }, 'kind' | 'run' | 'term' | 'from' | 'trainer'>;

function answer(driver: Driver, { term, from, trainer }: AskedAudit, found: Found): Driver {
  return driver.enter({ kind: 'audited', run: RUN, term, from, trainer, ...found });
}

/** The newest question about this trainer. */
function lastOf(driver: Driver, trainer: string): AskedAudit {
  const found = asked(driver).findLast((a) => a.trainer === trainer);
  if (!found) throw new Error(`${trainer} is not audited`);
  return found;
}

/** Twice, as it has to be: the second time by the synchronizer's own word. */
function mismatch(driver: Driver, trainer: string, call: number): Driver {
  const found: Found = { verdict: 'mismatch', shard: 0, call, what: 'frame' };
  answer(driver, lastOf(driver, trainer), found);
  return answer(driver, lastOf(driver, trainer), found);
}

describe('a draw', () => {
  test('waits for the seals of all shards, and for the secret; the trainers hear its pledge before they seal', () => {
    const driver = mesh();
    driver.ofShard(0, { type: 'pledge', from: 0, pledge: pledgeOf(nonceOf(0, 0)) });
    expect(driver.effects.filter(({ kind }) => kind === 'pledge')).toEqual([{ kind: 'pledge', run: RUN, term: 1 }]);
    secret(driver);
    const told = driver.sent.filter(({ message }) => message.type === 'pledge');
    expect(told.map(({ message }) => message)).toEqual(
      Array(2).fill({ type: 'pledge', run: RUN, term: 1, from: 0, pledge: pledgeOf(SECRET) }),
    );
    expect(JSON.stringify(driver.sent)).not.toContain(SECRET);
    seal(driver, 0, 0);
    expect(asked(driver)).toEqual([]);
    seal(driver, 1, 0);
    expect(asked(driver).map(({ trainer, from, to, shards }) => [trainer, from, to, shards])).toEqual(
      [0, 1].map((shard) => [driver.run.owners[shard], 0, 1, [{ shard, hash: hash('a'), windows: hash('b') }]]),
    );
  });

  test('goes on without a seal that does not come, and does not blame its trainer', () => {
    const driver = mesh();
    const trainer = driver.run.owners[0];
    driver.ofShard(0, { type: 'pledge', from: 0, pledge: pledgeOf(nonceOf(0, 0)) });
    seal(secret(driver), 0, 0).pass(DRAW_PATIENCE_MS + 500);
    expect(asked(driver).map((audit) => audit.trainer)).toEqual([trainer]);
    expect(driver.run.marks).toBeUndefined();
  });

  test('takes who breaks a pledge in any case, and hardly others at a low rate', () => {
    const driver = mesh(['a', 'b', 'c'], 0);
    for (const from of [0, 1, 2, 3, 4]) sealedBoth(driver, from);
    const before = asked(driver).length;
    seal(seal(driver, 0, 5, { nonce: 'another number' }), 1, 5);
    expect(asked(driver).length - before).toBeGreaterThanOrEqual(1);
    expect(lastOf(driver, driver.run.owners[0] ?? '').from).toBe(5);
  });

  test('can be gone through again when its term is over, from what the log and the stream of commitments have', () => {
    const driver = mesh(['a', 'b', 'c'], 0.5);
    for (const from of [0, 1, 2, 3]) sealedBoth(driver, from);
    const told = driver.effects.flatMap((e) => (e.kind === 'keep' ? [e.value as { drawn?: Drawn }] : []));
    const drawn = told.flatMap((value) => (value.drawn ? [value.drawn] : []));
    expect(drawn.length).toBeGreaterThan(0);
    expect(driver.pass(DRAW_PATIENCE_MS).events('reveal')).toEqual([]);
    driver.enter({ kind: 'stop', run: RUN });
    for (const shard of [0, 1]) driver.ofShard(shard, { type: 'pausing', calls: 0 });
    driver.pass(DRAW_PATIENCE_MS + 500);
    const { secret = '' } = driver.events('reveal')[0] as { secret?: string };
    expect(driver.events('pledge')[0]).toMatchObject({ pledge: pledgeOf(secret) });
    const again = drawn.flatMap(({ term, from, shards }) => {
      const seals = Object.entries(shards).map(([shard, s]) => ({ shard: Number(shard), ...s }));
      const seed = seedOf({ run: RUN, term, from }, secret, seals);
      return seals.filter(({ key }) => isDrawn(seed, key, 0.5)).map(({ key }) => [from, key]);
    });
    expect(asked(driver).map(({ from, trainer }) => [from, trainer])).toEqual(again);
    // What comes later is too late: its trainer could know the draw.
    expect(seal(driver, 0, 6).refused).toBe('another-term');
  });

  test('is of no stretch that is none, of no other shard, and of trainers that seal', () => {
    const driver = mesh();
    const one = { from: 0, calls: 1, windows: hash('b'), nonce: 'n', next: hash('c') };
    const state = { calls: 1, hash: hash('a'), sig: '' };
    const longer = { ...one, calls: 2, state: { ...state, calls: 2 } };
    expect(driver.ofShard(0, { type: 'sealed', seals: [longer] }).refused).toBe('not-a-cut');
    const other = { type: 'sealed', run: RUN, term: 1, shard: 1, seals: [{ ...one, state }] } as const;
    expect(driver.say(driver.run.owners[0] ?? '', other).refused).toBe('not-the-owner');
    expect(driver.say(driver.run.owners[1] ?? '', { ...other, term: 7 }).refused).toBe('another-term');
    // Two states of one call: one of them is a lie.
    seal(driver, 0, 0);
    expect(seal(driver, 0, 0, { state: hash('e') }).refused).toBe('a-lie');
  });
});

describe('the rate of a trainer', () => {
  const rateOf = (driver: Driver, shard: number): number => rateFor(driver.state, driver.run.owners[shard] ?? '');

  test('begins high, falls with each stretch that was right, and rises where a neighbour sees what is unusual', () => {
    const driver = mesh(['a', 'b', 'c'], 0.025);
    driver.state = { ...driver.state, limits: { ...driver.state.limits, newKeyRate: 0.25 } };
    expect(rateOf(driver, 0)).toBe(0.25);
    const border = { message: 1, from: 0, frames: 4, zeros: 0, beyond: 0, repeated: 0, copied: 0 };
    const sees = (rms: number) => [{ ...border, rms, largest: 3 * rms, sketch: Array(16).fill(0.25) }];
    for (let from = 0; from < 8; from++) seal(seal(driver, 0, from), 1, from, { seen: sees(from < 7 ? 1 : 10) });
    expect(standingOf(driver.state, driver.run.owners[0] ?? '')).toMatchObject({ suspicion: 1, from: 7 });
    expect([rateOf(driver, 0), rateOf(driver, 1)]).toEqual([SUSPECT_RATE, 0.25]);
    expect([driver.run.marks, revoked(driver), driver.run.excluded]).toEqual([undefined, [], []]);
  });

  test('is that of all from the first for a key that an operator has listed', () => {
    const driver = mesh(['a', 'b', 'c'], 0.025);
    driver.state = { ...driver.state, limits: { ...driver.state.limits, newKeyRate: 1 } };
    const key = driver.run.owners[0] ?? '';
    const { [key]: member } = driver.state.members;
    expect(rateOf(driver, 0)).toBe(1);
    if (!member) throw new Error('shard 0 has no owner');
    driver.state = { ...driver.state, members: { ...driver.state.members, [key]: { ...member, vouched: true } } };
    expect([rateOf(driver, 0), rateOf(driver, 1)]).toEqual([0.025, 1]);
  });

  test('is kept with what was drawn', () => {
    const driver = mesh();
    sealedBoth(driver, 0);
    const kept = driver.effects.flatMap((e) => (e.kind === 'keep' ? [e.value] : []));
    const [a = '', b = ''] = driver.run.owners;
    expect(kept).toContainEqual({ drawn: expect.objectContaining({ rates: { [a]: 1, [b]: 1 } }) });
  });
});

describe('a verdict', () => {
  test('is told to the log and to the ledger, for each shard', () => {
    const driver = sealedBoth(mesh(), 0);
    const first = lastOf(driver, driver.run.owners[0] ?? '');
    const stretch = { run: RUN, shard: 0, term: 1, from: 0 };
    expect([isUnderWay(driver.run, stretch), isUnderWay(driver.run, { ...stretch, from: 1 })]).toEqual([true, false]);
    answer(driver, first, { verdict: 'match' });
    expect(isUnderWay(driver.run, stretch)).toBe(false);
    expect(verdicts(driver)).toEqual([
      { run: RUN, shard: 0, term: 1, from: 0, to: 1, trainer: first.trainer, verdict: 'match' },
    ]);
    expect(driver.events('audit')).toMatchObject([{ verdict: 'match', from: 0, calls: 1, shards: [0] }]);
    expect(answer(driver, first, { verdict: 'mismatch' }).refused).toBe('not-asked');
    answer(driver, lastOf(driver, driver.run.owners[1] ?? ''), { verdict: 'inconclusive', why: 'another class' });
    expect(verdicts(driver).at(-1)).toMatchObject({ shard: 1, verdict: 'inconclusive' });
    expect(driver.run.marks).toBeUndefined();
  });

  test('of another outcome counts when it has come out twice; the trainer hears the first wrong call', () => {
    const driver = sealedBoth(mesh(), 0);
    const trainer = driver.run.owners[0] ?? '';
    answer(driver, lastOf(driver, trainer), { verdict: 'mismatch', shard: 0, call: 0, what: 'frame' });
    expect(verdicts(driver)).toEqual([]);
    expect(lastOf(driver, trainer).second).toBe(true);
    // A false alarm harms nobody.
    answer(driver, lastOf(driver, trainer), { verdict: 'match' });
    expect(verdicts(driver)).toMatchObject([{ verdict: 'match' }]);
    expect(driver.run.marks).toBeUndefined();
    sealedBoth(driver, 1);
    const first = {
      border: 1,
      tick: 2,
      value: 'h',
      call: 1,
      run: 'train.tick',
      operation: 'h.1',
      op: 'mul',
      how: 'zeros',
    } as const;
    const wrong: Found = { verdict: 'mismatch', shard: 0, call: 1, what: 'frame', first };
    answer(answer(driver, lastOf(driver, trainer), wrong), lastOf(driver, trainer), wrong);
    expect(verdicts(driver).at(-1)).toMatchObject({ verdict: 'mismatch', from: 1, to: 2, trainer });
    expect(driver.events('audit').at(-1)).toMatchObject({ verdict: 'mismatch', first });
    expect(driver.sent.filter(({ message }) => message.type === 'mismatch')).toMatchObject([
      {
        to: trainer,
        message: { type: 'mismatch', run: RUN, term: 1, shard: 0, from: 1, calls: 2, call: 1, what: 'frame', first },
      },
    ]);
    expect(driver.run.marks).toMatchObject([{ key: trainer, what: 'mismatch', call: 1, first }]);
    expect([revoked(driver), driver.run.excluded]).toEqual([[], []]);
  });

  test('waits for a trainer that is away, and does not blame it', () => {
    const driver = sealedBoth(mesh(), 0);
    const trainer = driver.run.owners[0] ?? '';
    const questions = (): number => asked(driver).filter((a) => a.trainer === trainer).length;
    answer(driver, lastOf(driver, trainer), { verdict: 'away' }).pass(29_000);
    expect(questions()).toBe(1);
    driver.pass(2_000);
    expect(questions()).toBe(2);
    driver.now += AWAY_MS;
    answer(driver, lastOf(driver, trainer), { verdict: 'away' });
    driver.now += 31_000;
    driver.enter({ kind: 'tick', full: true });
    expect(verdicts(driver)).toMatchObject([{ trainer, verdict: 'undelivered' }]);
    expect(driver.run.marks).toBeUndefined();
  });

  test('moves the shards of a trainer that is there, and never has the memory to do its stretch again', () => {
    const driver = sealedBoth(mesh(), 0);
    const trainer = driver.run.owners[0] ?? '';
    const later: Found = { verdict: 'away', why: 'it has no memory to do it again' };
    answer(driver, lastOf(driver, trainer), later);
    driver.now += AWAY_MS;
    // Who goes at the end does not get off.
    answer(driver, lastOf(driver, trainer), { verdict: 'away' });
    expect(driver.run.owners).toContain(trainer);
    driver.now += 31_000;
    driver.enter({ kind: 'tick', full: true });
    expect(verdicts(driver)).toMatchObject([{ trainer, verdict: 'undelivered' }]);
    expect(driver.events('fault')).toMatchObject([{ key: trainer, code: 'record/later' }]);
    expect(driver.run.owners).not.toContain(trainer);
    // That is neither a mark nor an exclusion.
    expect([driver.run.marks, driver.run.excluded, revoked(driver)]).toEqual([undefined, [], []]);
  });

  test('of a record that is not delivered is that, and a mismatch when it happens again', () => {
    const driver = sealedBoth(mesh(), 0);
    const trainer = driver.run.owners[0] ?? '';
    answer(driver, lastOf(driver, trainer), { verdict: 'undelivered', why: 'it has none' });
    expect(verdicts(driver)).toMatchObject([{ verdict: 'undelivered' }]);
    answer(sealedBoth(driver, 1), lastOf(driver, trainer), { verdict: 'undelivered', why: 'it has none' });
    expect(verdicts(driver).at(-1)).toMatchObject({ verdict: 'mismatch' });
    expect(revoked(driver)).toEqual([]);
  });
});

describe('a second mismatch', () => {
  test('ends the audits of a trainer that is away: it does not come back, and others wait for their pay', () => {
    const driver = sealedBoth(sealedBoth(sealedBoth(mesh(), 0), 1), 2);
    driver.snapshot(2).snapshot(5, TOTALS);
    const trainer = driver.run.owners[0] ?? '';
    const [first, second, third] = asked(driver).filter((a) => a.trainer === trainer);
    if (!first || !second || !third) throw new Error('they were not drawn');
    const found: Found = { verdict: 'mismatch', shard: 0, call: 0, what: 'frame' };
    for (const audit of [first, second]) answer(answer(driver, audit, found), audit, found);
    expect(revoked(driver)).toEqual([trainer]);
    answer(driver, third, { verdict: 'away' }).pass(1000);
    expect(verdicts(driver).at(-1)).toMatchObject({ trainer, from: third.from, verdict: 'undelivered' });
    expect(driver.run.marks).toHaveLength(2);
  });

  test('within the window excludes the key, and the run goes back to before the first one', () => {
    const driver = sealedBoth(sealedBoth(mesh(), 0), 1);
    driver.snapshot(2);
    sealedBoth(sealedBoth(driver, 2), 3);
    driver.snapshot(5, TOTALS);
    const trainer = driver.run.owners[0] ?? '';
    for (const audit of asked(driver).filter((a) => a.from < 2)) answer(driver, audit, { verdict: 'match' });
    for (const audit of asked(driver).filter((a) => a.trainer !== trainer && a.from >= 2))
      answer(driver, audit, { verdict: 'match' });
    const found: Found = { verdict: 'mismatch', shard: 0, call: 2, what: 'frame' };
    const [third, fourth] = asked(driver).filter((a) => a.trainer === trainer && a.from >= 2);
    if (!third || !fourth) throw new Error('they were not drawn');
    answer(answer(driver, third, found), third, found);
    expect(driver.run.term).toBe(1);
    answer(answer(driver, fourth, found), fourth, found);
    expect(revoked(driver)).toEqual([trainer]);
    expect(driver.run).toMatchObject({ excluded: [trainer], phase: 'preparing', term: 2 });
    expect(driver.run.owners).not.toContain(trainer);
    expect(driver.run.manifests.map(({ calls }) => calls)).toEqual([2]);
    expect(driver.events('undone')).toMatchObject([{ from: 2, calls: 2 }]);
    const restores = driver.sent.flatMap(({ message }) =>
      message.type === 'assign' && message.term === 2 ? message.shards : [],
    );
    expect(restores.map(({ restore }) => restore?.calls)).toEqual([2, 2]);
  });

  test('is said where no snapshot from before it is left, and outside of the window it is the first one', () => {
    const driver = sealedBoth(mesh(), 0);
    const trainer = driver.run.owners[0] ?? '';
    driver.snapshot(2).snapshot(5, TOTALS);
    mismatch(driver, trainer, 0);
    driver.now += MARKS_WINDOW_MS + 1;
    for (const key of ['a', 'b', 'c']) driver.join(key, { audits: true });
    mismatch(sealedBoth(driver, 5), trainer, 5);
    expect(revoked(driver)).toEqual([]);
    mismatch(sealedBoth(driver, 6), trainer, 6);
    expect(revoked(driver)).toEqual([trainer]);
    expect(driver.events('not-undone')).toMatchObject([{ from: 0 }]);
    expect(driver.run.manifests.map(({ calls }) => calls)).toEqual([2, 5]);
  });
});

describe('a synchronizer that begins anew', () => {
  const storedOf = (driver: Driver): StoredRun => {
    const kept = driver.effects.findLast((e) => e.kind === 'persist');
    if (kept?.kind !== 'persist') throw new Error('nothing is stored');
    return JSON.parse(JSON.stringify(kept.value)) as StoredRun;
  };
  const begunAnew = (driver: Driver, milliseconds: number): AskedAudit[] => {
    const now = driver.now + milliseconds;
    const { state } = restoredSynchronizer([storedOf(driver)], driver.now, driver.state.limits);
    return synchronizer(state, { kind: 'tick' }, now).effects.filter((e): e is AskedAudit => e.kind === 'audit');
  };

  test('asks again for the records of what was drawn, and draws what had waited', () => {
    const driver = sealedBoth(mesh(), 0).pass(11_000);
    expect(begunAnew(driver, 1).map(({ from, trainer, seed }) => [from, trainer, seed])).toEqual(
      asked(driver).map(({ from, trainer, seed }) => [from, trainer, seed]),
    );
    for (const audit of asked(driver)) answer(driver, audit, { verdict: 'match' });
    seal(driver.pass(1000), 0, ends(driver, 0)).pass(11_000);
    expect(begunAnew(driver, 1000)).toEqual([]);
    expect(begunAnew(driver, DRAW_PATIENCE_MS).map(({ from }) => from)).toEqual([ends(driver, 0)]);
  });

  test('stores them every ten seconds at most, and only where something has changed', () => {
    const driver = sealedBoth(mesh(), 0);
    const stored = (): number => driver.effects.filter(({ kind }) => kind === 'persist').length;
    const before = stored();
    driver.pass(9_000);
    expect(stored()).toBe(before);
    expect(driver.pass(2_000) && stored()).toBe(before + 1);
    expect(driver.pass(3_000) && stored()).toBe(before + 1);
  });
});

describe('a run that has ended', () => {
  const over = (driver: Driver): number => driver.effects.filter(({ kind }) => kind === 'audits-over').length;
  const stopped = (driver: Driver): Driver => {
    driver.enter({ kind: 'stop', run: RUN });
    for (const shard of [0, 1]) driver.ofShard(shard, { type: 'pausing', calls: 0 });
    expect(driver.run.phase).toBe('stopped');
    return driver;
  };

  test('tells the ledger when its last audit has a verdict, once', () => {
    const driver = stopped(sealedBoth(mesh(), 0)).pass(LAST_SEALS_MS + 1000);
    for (const audit of asked(driver)) {
      expect(over(driver)).toBe(0);
      answer(driver, audit, { verdict: 'match' });
    }
    expect(over(driver)).toBe(1);
    expect(over(driver.pass(1000))).toBe(1);
  });

  test('draws its last stretch without a seal that does not come any more', () => {
    const driver = mesh();
    driver.ofShard(0, { type: 'pledge', from: 0, pledge: pledgeOf(nonceOf(0, 0)) });
    stopped(seal(secret(driver), 0, 0)).pass(LAST_SEALS_MS - 1000);
    expect(asked(driver)).toEqual([]);
    expect(asked(driver.pass(2000))).toHaveLength(1);
    expect(over(driver)).toBe(0);
    expect(over(answer(driver, asked(driver)[0] as AskedAudit, { verdict: 'match' }))).toBe(1);
  });

  test('waits for seals that are on their way, and has none where no trainer seals', () => {
    const driver = mesh();
    driver.ofShard(0, { type: 'pledge', from: 0, pledge: pledgeOf(nonceOf(0, 0)) });
    const { owners } = secret(driver).run;
    stopped(driver).pass(LAST_SEALS_MS - 1000);
    expect(over(driver)).toBe(0);
    for (const shard of [0, 1]) {
      const state = { calls: 1, hash: hash('a'), sig: '' };
      const seals = [{ from: 0, calls: 1, state, windows: hash('b'), nonce: nonceOf(shard, 0), next: hash('c') }];
      driver.say(owners[shard] ?? '', { type: 'sealed', run: RUN, term: 1, shard, seals });
    }
    expect(asked(driver)).toHaveLength(2);
    expect(over(driver.pass(2000))).toBe(0);
    const without = stopped(new Driver(['a', 'b', 'c']).start()).pass(LAST_SEALS_MS + 1000);
    expect(over(without)).toBe(1);
  });
});

describe('in a mesh whose trainers come and go', () => {
  const CHURN = { latency: 40, jitter: 30, loss: 0.002, lives: 8_000, away: 1_500, synchronizerLives: 12_000 };
  /** `NMC_SEEDS=1000` for the long form. */
  const SEEDS = Array.from({ length: Number(process.env.NMC_SEEDS ?? 200) }, (_, i) => i + 1);

  function audited(seed: number, rate: number, lie?: (node: number, calls: number) => boolean) {
    const found: AuditVerdict[] = [];
    const excluded: string[] = [];
    const deployment = { ...chain(2, 8, 1, 4), stretches: { batches: 2, bytes: 1e9, keep: 1e9 } };
    const note: Parameters<typeof simulate>[0]['note'] = (_before, _event, _at, { effects }) => {
      for (const effect of effects) {
        if (effect.kind === 'verdict') found.push(effect.verdict);
        if (effect.kind === 'revoke') excluded.push(effect.key);
        if (effect.kind === 'log' && effect.event.event === 'liar') excluded.push(effect.event.key);
      }
    };
    const audits = { rate, ...(lie ? { lie } : {}) };
    const result = simulate({ deployment, nodes: 3, seed, faults: CHURN, call: 250, until: 20_000, audits, note });
    return { result, found, excluded };
  }

  test(`no honest trainer is punished, over ${SEEDS.length} seeds`, () => {
    const counts = new Map<string, number>();
    for (const seed of SEEDS) {
      const { result, found, excluded } = audited(seed, 0.5);
      expect(result.violations, `seed ${seed}`).toEqual([]);
      expect(excluded, `seed ${seed}`).toEqual([]);
      for (const { verdict } of found) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
    }
    expect(counts.get('match')).toBeGreaterThan(SEEDS.length);
    expect(counts.get('mismatch')).toBeUndefined();
    expect(counts.get('inconclusive')).toBeUndefined();
  });

  test('one that leaves out what it has to compute is found and excluded, and no other one', () => {
    let caught = 0;
    for (const seed of SEEDS.slice(0, 20)) {
      const { found, excluded } = audited(seed, 0.5, (node) => node === 1);
      const wrong = new Set(found.filter(({ verdict }) => verdict === 'mismatch').map(({ trainer }) => trainer));
      for (const key of [...wrong, ...excluded]) expect(key, `seed ${seed}`).toBe('node-1');
      if (wrong.size > 0) caught++;
    }
    expect(caught).toBeGreaterThan(10);
  });
});
