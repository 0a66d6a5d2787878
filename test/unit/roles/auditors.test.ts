/** Trainers that do stretches of others again: who is asked, what becomes of what they say, and what a lie costs them. */
import { describe, expect, test } from 'vitest';
import { AGAIN_SHARE, type AuditorOffer, drawnAuditor, isDoneAgain, isGiven } from '../../../runtime/audit/auditors.ts';
import { pledgeOf } from '../../../runtime/audit/draw.ts';
import { outputsHash, type ShardOutputs } from '../../../runtime/audit/outputs.ts';
import { type AuditorState, auditor, IDLE_AUDITOR, MAX_WAITING } from '../../../runtime/roles/auditor.ts';
import { LEFT_FORGOTTEN_MS, MAX_LEFT, TRUSTED_LOOKS } from '../../../runtime/roles/auditors.ts';
import type { AskedAudit, SynchronizerEvent } from '../../../runtime/roles/synchronizer-state.ts';
import { lastChange } from '../../../runtime/training/calls.ts';
import { stretchEnd } from '../../../runtime/training/stretches.ts';
import type { AuditOrder } from '../../../runtime/wire/audit-messages.ts';
import type { Deployment } from '../../../runtime/wire/deployment.ts';
import { checkedChain, Driver, hash, RUN } from '../../mesh/hostile/role-driver.ts';

const offer = (key: string, place = key): AuditorOffer => ({ key, class: 'c', place });
const seeds = Array.from({ length: 2000 }, (_, i) => `seed ${i}`);

describe('the auditor of a stretch', () => {
  const audited = { key: 'a', class: 'c', near: [offer('a'), offer('b')], last: undefined };

  test('is drawn from all that are far enough, each as often as any other', () => {
    const offers = ['a', 'b', 'd', 'e', 'f', 'g'].map((key) => offer(key));
    const counts = new Map<string | undefined, number>();
    for (const seed of seeds) {
      const drawn = drawnAuditor(seed, audited, offers);
      counts.set(drawn, (counts.get(drawn) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(['d', 'e', 'f', 'g']);
    // Three standard errors of a fair draw.
    for (const n of counts.values()) expect(Math.abs(n - 500)).toBeLessThan(3 * Math.sqrt(2000 * 0.25 * 0.75));
    const given = seeds.filter((seed) => isGiven(seed, 'a')).length;
    expect(Math.abs(given - 1000)).toBeLessThan(3 * Math.sqrt(500));
    const again = seeds.filter((seed) => isDoneAgain(seed, 'a')).length;
    expect(Math.abs(again - 2000 * AGAIN_SHARE)).toBeLessThan(3 * Math.sqrt(2000 * AGAIN_SHARE * (1 - AGAIN_SHARE)));
  });

  test('stands apart from all neighbours, has the same class of device, and was not asked the last time', () => {
    const at = (offers: readonly AuditorOffer[], last?: string) => drawnAuditor('seed', { ...audited, last }, offers);
    expect(at([offer('a'), offer('b'), offer('d', 'b'), { ...offer('e'), class: 'other' }])).toBeUndefined();
    expect(at([offer('a'), offer('d')])).toBe('d');
    expect(at([offer('d')], 'd')).toBeUndefined();
    expect(at([offer('d'), offer('e')], 'd')).toBe('e');
    // One of which no place is known is not near to another such one.
    expect(drawnAuditor('seed', { ...audited, near: [offer('a', '')] }, [offer('d', '')])).toBe('d');
  });
});

test('the hash of what came out does not depend on an order, and tells every difference', () => {
  const window = { peer: 1, call: 2, packets: 3, root: 'r' };
  const one: ShardOutputs = {
    ...{ shard: 0, windows: [window, { ...window, call: 3 }], hash: 'h' },
    totals: { a: 1, b: 2 },
  };
  const two: ShardOutputs = { shard: 1, windows: [], hash: 'g', totals: {} };
  const known = outputsHash([one, two]);
  expect(outputsHash([two, { ...one, windows: one.windows.toReversed(), totals: { b: 2, a: 1 } }])).toBe(known);
  const others: ShardOutputs[] = [
    { ...one, hash: 'x' },
    { ...one, totals: { a: 1, b: 3 } },
    { ...one, windows: [window] },
    { ...one, windows: [window, { ...window, call: 3, root: 'x' }] },
    { ...one, unsound: 0 },
  ];
  const all = others.map((other) => outputsHash([other, two]));
  expect(new Set([known, outputsHash([one]), ...all]).size).toBe(2 + others.length);
});

describe('a trainer that is asked', () => {
  const order = (from: number): AuditOrder => ({
    ...{ type: 'audit', run: RUN, term: 1, from, deployment: hash('d') },
    shards: [
      { record: hash('r'), ticket: { ...{ run: RUN, shard: 1, term: 1, from, bearer: 'k' }, expires: 0, sig: '' } },
    ],
  });
  const asked = (state: AuditorState, from: number) => auditor(state, { kind: 'asked', order: order(from) });

  test('does one after the other, says what comes out, and leaves what it has no time for', () => {
    let { state, effects } = asked(IDLE_AUDITOR, 0);
    expect(effects).toEqual([{ kind: 'repeat', order: order(0) }]);
    for (let from = 1; from <= MAX_WAITING; from++) ({ state, effects } = asked(state, from));
    expect(effects).toEqual([]);
    const at = { type: 'outputs', run: RUN, term: 1, shards: [1] };
    expect(asked(state, 9)).toEqual({
      state,
      effects: [{ kind: 'say', message: { ...at, from: 9, why: 'it has others to do again' } }],
    });
    ({ state, effects } = auditor(state, { kind: 'repeated', found: { outputs: hash('f') } }));
    expect(effects).toEqual([
      { kind: 'say', message: { ...at, from: 0, outputs: hash('f') } },
      { kind: 'repeat', order: order(1) },
    ]);
  });

  test('refuses what its mesh has not asked of it, and says nothing on a connection on which it was not asked', () => {
    const refused = auditor(IDLE_AUDITOR, { kind: 'asked', order: order(0), problem: 'forged' });
    expect(refused).toMatchObject({ state: IDLE_AUDITOR, effects: [{ kind: 'say', message: { why: 'forged' } }] });
    const two = asked(asked(IDLE_AUDITOR, 0).state, 1).state;
    const { state } = auditor(two, { kind: 'disconnected' });
    expect(auditor(state, { kind: 'repeated', found: { outputs: hash('f') } })).toEqual({
      state: IDLE_AUDITOR,
      effects: [],
    });
  });
});

/** Four shards in a row of four trainers, and two without one; who is audited, and by whom, is drawn. */
const SHARDS = 4;
const TRAINERS = ['a', 'b', 'c', 'd', 'e', 'f'];
const CLASS = hash('c');

function chained(): Deployment {
  const plain = checkedChain(SHARDS);
  const send = (to: number) => ({ to, bytes: 1, frames: 1, hops: 1 });
  const sends = (shard: number) => (shard + 1 < SHARDS ? [send(shard + 1)] : []);
  return { ...plain, needs: plain.needs.map((need, shard) => ({ ...need, sends: sends(shard) })) };
}

/** All stretches are drawn, and given to trainers. */
function mesh(vouched = true): Driver {
  const driver = new Driver(TRAINERS, chained(), { auditRate: 1, givenAudits: 1 });
  for (const name of TRAINERS) join(driver, name, vouched);
  return driver.start();
}

function join(driver: Driver, name: string, vouched: boolean): Driver {
  const capability = { cores: 1, memory: 1e9, rate: 1e9, upload: 0, download: 0, machine: name };
  const member = { type: 'member', name, instance: '0'.repeat(16), capability, audits: true, auditor: CLASS } as const;
  return driver.enter({ kind: 'message', from: name, message: member, ...(vouched ? { vouched } : {}) });
}

const ends = (driver: Driver, from: number): number => stretchEnd(driver.run.deployment, from);

function sealedAll(driver: Driver, from: number): Driver {
  const nonce = (shard: number, at: number): string => `number of ${shard} for ${at}`;
  const calls = ends(driver, from);
  const state = { calls: lastChange(driver.run.deployment, calls), hash: hash('a'), sig: '' };
  for (let shard = 0; shard < SHARDS; shard++) {
    if (!driver.run.audits?.terms[driver.run.term]?.pledges[shard])
      driver.ofShard(shard, { type: 'pledge', from, pledge: pledgeOf(nonce(shard, from)) });
    if (!driver.run.audits?.terms[driver.run.term]?.secret)
      driver.enter({ kind: 'pledged', run: RUN, term: driver.run.term, secret: hash('5') });
    const numbers = { nonce: nonce(shard, from), next: pledgeOf(nonce(shard, calls)) };
    driver.ofShard(shard, { type: 'sealed', seals: [{ from, calls, state, windows: hash('b'), ...numbers }] });
  }
  return driver;
}

const asked = (driver: Driver): AskedAudit[] => driver.effects.filter((e) => e.kind === 'audit');
const ofTrainer = (driver: Driver, trainer: string): AskedAudit => {
  const found = asked(driver).findLast((a) => a.trainer === trainer);
  if (!found) throw new Error(`${trainer} is not audited`);
  return found;
};

type Found = Omit<SynchronizerEvent & { kind: 'audited' }, 'kind' | 'run' | 'term' | 'from' | 'trainer'>;

function answer(driver: Driver, { term, from, trainer }: AskedAudit, found: Found): Driver {
  return driver.enter({ kind: 'audited', run: RUN, term, from, trainer, ...found });
}

/** What its auditor says; where the synchronizer then does it again, that it is right. */
function said(driver: Driver, audit: AskedAudit, verdict: 'match' | 'mismatch'): Driver {
  return answer(driver, audit, { auditor: audit.auditor ?? '', verdict });
}

const verdicts = (driver: Driver) => driver.effects.flatMap((e) => (e.kind === 'verdict' ? [e.verdict] : []));
const revoked = (driver: Driver): string[] => driver.effects.flatMap((e) => (e.kind === 'revoke' ? [e.key] : []));

const ENOUGH = 8;

/** One that is given, and that the synchronizer does again, or does not, if it is found right. */
function drawnFor(driver: Driver, again: boolean): AskedAudit {
  for (let from = 0; from < ENOUGH; from = ends(driver, from)) {
    const before = asked(driver).length;
    sealedAll(driver, from);
    const found = asked(driver)
      .slice(before)
      .find(({ seed = '', trainer, auditor: by }) => by !== undefined && isDoneAgain(seed, trainer) === again);
    if (found) return found;
  }
  throw new Error('none of them is drawn so');
}

describe('a synchronizer', () => {
  test('gives stretches to trainers without a shard beside them, and takes their word where it is that all is right', () => {
    const driver = sealedAll(mesh(), 0);
    const { owners } = driver.run;
    for (const { trainer, auditor: by } of asked(driver)) {
      const shard = owners.indexOf(trainer);
      expect(by).toBeDefined();
      expect([owners[shard - 1], trainer, owners[shard + 1]]).not.toContain(by);
    }
    const audit = drawnFor(driver, false);
    const other = TRAINERS.find((key) => key !== audit.auditor) ?? '';
    // Another one has not been asked.
    expect(answer(driver, audit, { auditor: other, verdict: 'mismatch' }).refused).toBe('not-asked');
    said(driver, audit, 'match');
    expect(verdicts(driver)).toMatchObject([{ trainer: audit.trainer, verdict: 'match' }]);
    expect(driver.events('audit')).toMatchObject([{ verdict: 'match', by: audit.auditor }]);
  });

  test('does not ask trainers that it does not know, or those of another class of device', () => {
    expect(asked(sealedAll(mesh(false), 0)).map(({ auditor: by }) => by)).toEqual(Array(SHARDS).fill(undefined));
    const driver = mesh(false);
    const watched = driver.state.runs[RUN];
    if (!watched) throw new Error('no run');
    const looked = { looked: TRUSTED_LOOKS, suspicion: 0, why: '', term: 0, from: 0 };
    const keys = Object.fromEntries(TRAINERS.map((key) => [key, key === 'f' ? { ...looked, suspicion: 0.5 } : looked]));
    const watch = { borders: {}, weights: {}, energies: {}, states: {}, keys };
    driver.state = { ...driver.state, runs: { [RUN]: { ...watched, watch } } };
    const by = asked(sealedAll(driver, 0)).map(({ auditor: one }) => one);
    expect(by.some((one) => one !== undefined)).toBe(true);
    expect(by).not.toContain('f');
  });

  test('does itself what an auditor does not, and blames no trainer', () => {
    const driver = sealedAll(mesh(), 0);
    const [audit] = asked(driver) as [AskedAudit];
    answer(driver, audit, { auditor: audit.auditor ?? '', verdict: 'away' });
    const own = ofTrainer(driver, audit.trainer);
    expect([own.auditor, own.from]).toEqual([undefined, audit.from]);
    answer(driver, own, { verdict: 'match', exact: true });
    expect(verdicts(driver)).toMatchObject([{ trainer: audit.trainer, verdict: 'match' }]);
    expect(driver.run.marks).toBeUndefined();
  });

  test.each(['refuses', 'does not answer'])('asks a trainer no more that %s again and again', (why) => {
    const driver = mesh();
    // One of them leaves all that it is asked for; the others do it.
    const lazy = 'f';
    const lost = () => driver.events('no-auditor');
    const untilLost = (from: number): number => {
      const before = asked(driver).length;
      sealedAll(driver, from);
      for (const audit of asked(driver).slice(before)) {
        if (audit.auditor !== lazy) said(driver, audit, 'match');
        else answer(driver, audit, { auditor: lazy, verdict: 'away', why });
        const again = ofTrainer(driver, audit.trainer);
        if (again.auditor === undefined) answer(driver, again, { verdict: 'match', exact: true });
      }
      return ends(driver, from);
    };
    let from = 0;
    for (let i = 0; i < ENOUGH && lost().length === 0; i++) from = untilLost(from);
    expect(lost()).toMatchObject([{ key: lazy, why }]);
    const left = () => asked(driver).filter(({ auditor: by }) => by === lazy).length;
    const most = left();
    // Those of one draw are asked for together.
    expect(most - MAX_LEFT).toBeLessThanOrEqual(MAX_WAITING);
    from = untilLost(from);
    expect(left()).toBe(most);
    expect([driver.run.marks, driver.run.excluded, revoked(driver)]).toEqual([undefined, [], []]);
    // Who has been away for a while has its place again.
    driver.now += LEFT_FORGOTTEN_MS;
    for (let i = 0; i < ENOUGH && left() === most; i++) from = untilLost(from);
    expect(left()).toBeGreaterThan(most);
  });

  test('blames none that was not asked, nor one that does most of what it is asked for', () => {
    const driver = mesh();
    for (let from = 0, i = 0; i < ENOUGH; i++, from = ends(driver, from)) {
      const before = asked(driver).length;
      sealedAll(driver, from);
      for (const [n, audit] of asked(driver).slice(before).entries()) {
        if (audit.auditor === undefined) continue;
        if (n === 0) answer(driver, audit, { auditor: audit.auditor, verdict: 'away' });
        else said(driver, audit, 'match');
      }
    }
    expect(driver.run.audits?.left).toBeUndefined();
    expect(driver.events('no-auditor')).toEqual([]);
  });

  test('gives a trainer no more than it has time for', () => {
    const driver = mesh();
    for (let from = 0, i = 0; i < ENOUGH; i++, from = ends(driver, from)) sealedAll(driver, from);
    const open = driver.run.audits?.open ?? [];
    for (const key of TRAINERS)
      expect(open.filter(({ auditor: by }) => by === key).length).toBeLessThanOrEqual(MAX_WAITING + 1);
    expect(open.some(({ auditor: by }) => by === undefined)).toBe(true);
  });

  test('settles what an auditor finds otherwise: one that was right convicts, one that was not is marked', () => {
    const driver = sealedAll(mesh(), 0);
    const [first, second] = asked(driver) as [AskedAudit, AskedAudit];
    said(driver, first, 'mismatch');
    expect(verdicts(driver)).toEqual([]);
    const found: Found = { verdict: 'mismatch', exact: true, shard: 0, call: 0, what: 'frame' };
    answer(driver, ofTrainer(driver, first.trainer), found);
    answer(driver, ofTrainer(driver, first.trainer), found);
    expect(driver.run.marks).toMatchObject([{ key: first.trainer, what: 'mismatch' }]);
    answer(said(driver, second, 'mismatch'), ofTrainer(driver, second.trainer), { verdict: 'match', exact: true });
    const { auditor: liar = '' } = second;
    expect(driver.run.marks?.slice(1)).toMatchObject([{ key: liar, what: 'audit' }]);
    // All that is pending of it is withheld; the audited trainer is cleared.
    expect(verdicts(driver).slice(-2)).toMatchObject([
      { trainer: second.trainer, verdict: 'match' },
      { trainer: liar, verdict: 'mismatch' },
    ]);
    expect(driver.events('false-audit')).toMatchObject([{ key: liar, audited: second.trainer, said: 'mismatch' }]);
    expect(driver.sent.at(-1)).toMatchObject({ to: liar, message: { type: 'mismatch', what: 'audit' } });
    // It is asked no more, and has not lost its key.
    sealedAll(driver, ends(driver, 0));
    expect(
      asked(driver)
        .slice(-SHARDS)
        .map(({ auditor: by }) => by),
    ).not.toContain(liar);
    expect(revoked(driver)).toEqual([]);
  });

  test('cannot be made to punish an auditor by what it has compared within a bound', () => {
    const driver = sealedAll(mesh(), 0);
    const [audit] = asked(driver) as [AskedAudit];
    answer(said(driver, audit, 'mismatch'), ofTrainer(driver, audit.trainer), { verdict: 'match', why: 'close' });
    expect(driver.run.marks).toBeUndefined();
    expect(verdicts(driver)).toMatchObject([{ trainer: audit.trainer, verdict: 'match' }]);
  });

  test('does again some of what was found right: an auditor that was told what to say pays with the one that told it', () => {
    const driver = mesh();
    const audit = drawnFor(driver, true);
    const before = verdicts(driver).length;
    said(driver, audit, 'match');
    expect(verdicts(driver).length).toBe(before);
    const found: Found = { verdict: 'mismatch', exact: true, shard: 0, call: 0, what: 'frame' };
    answer(driver, ofTrainer(driver, audit.trainer), found);
    expect(driver.run.marks).toBeUndefined();
    answer(driver, ofTrainer(driver, audit.trainer), found);
    expect(driver.run.marks).toMatchObject([
      { key: audit.trainer, what: 'mismatch' },
      { key: audit.auditor, what: 'audit' },
    ]);
    expect(driver.events('false-audit')).toMatchObject([{ key: audit.auditor, said: 'match' }]);
  });

  test('excludes a key at its second lie, whether of its own work or of that of others', () => {
    const driver = sealedAll(mesh(), 0);
    const [audit] = asked(driver) as [AskedAudit];
    const liar = audit.auditor ?? '';
    // Two were under way.
    const [run, others] = [driver.run, asked(driver).filter((a) => a !== audit)];
    const open = (run.audits?.open ?? []).map((a) => (a.trainer === others[0]?.trainer ? { ...a, auditor: liar } : a));
    driver.state = { ...driver.state, runs: { [RUN]: { ...run, audits: { ...run.audits, open } as never } } };
    for (const one of [audit, others[0] as AskedAudit]) {
      expect(revoked(driver)).toEqual([]);
      answer(driver, one, { auditor: liar, verdict: 'mismatch' });
      answer(driver, ofTrainer(driver, one.trainer), { verdict: 'match', exact: true });
    }
    expect(revoked(driver)).toEqual([liar]);
    expect(driver.run.excluded).toEqual([liar]);
    expect(driver.run.owners).not.toContain(liar);
    expect(driver.run.marks?.map(({ what }) => what)).toEqual(['audit', 'audit']);
  });
});
