/** The synchronizer's state machine as rules: what becomes of a run in each phase, whatever comes. */
import { describe, expect, test, vi } from 'vitest';
import { callDeadline } from '../../../runtime/roles/progress.ts';
import { nameOf } from '../../../runtime/roles/recording.ts';
import { restoredSynchronizer } from '../../../runtime/roles/synchronizer.ts';
import {
  type Phase,
  type StoredRun,
  type SynchronizerEvent,
  storedOf,
} from '../../../runtime/roles/synchronizer-state.ts';
import { Work } from '../../../runtime/roles/work.ts';
import type { Deployment } from '../../../runtime/wire/deployment.ts';
import { Driver, hash, RUN } from '../../mesh/hostile/role-driver.ts';
import { holdRules, type Rules } from './rules.ts';

const ALL = ['a', 'b', 'c'];
const TOTALS = (shard: number): Record<string, number> => (shard === 0 ? { 'sum.0': 1, 'count.0': 2 } : {});

const running = (): Driver => new Driver(ALL).start();
const trained = (): Driver =>
  running().snapshot(2).snapshot(4).snapshot(5, TOTALS).snapshot(7).snapshot(9).snapshot(10, TOTALS);

/** How each phase is reached; three trainers are there, but where the run waits for one. */
const PHASES: Readonly<Record<Phase, () => Driver>> = {
  waiting: () => new Driver([]),
  preparing: () => new Driver(ALL),
  running,
  halting: () => running().enter({ kind: 'stop', run: RUN }),
  suspended: () => running().enter({ kind: 'close' }).ofShard(0, pausing(0)).ofShard(1, pausing(0)),
  checking: trained,
  stopped: () => new Driver(ALL).enter({ kind: 'stop', run: RUN }),
  done: () => trained().enter({ kind: 'checked', run: RUN, calls: 10, values: [0.5] }),
  failed: () => new Driver(['a']).failed(1).failed(1).failed(1),
};

const pausing = (calls: number) => ({ type: 'pausing', calls });
const part = { type: 'part', calls: 2, blob: hash('b'), hash: hash('a'), totals: {}, signature: '' };
const old = (mesh: Driver) => ({ term: mesh.run.term - 1 });
const dispute = { type: 'dispute', peer: 1, call: 3, what: 'values' };
const committed = (mesh: Driver): Driver => mesh.commit(0, 2);

const EVENTS: Readonly<Record<string, (mesh: Driver) => unknown>> = {
  'a tick': (mesh) => mesh.enter({ kind: 'tick' }),
  'a new trainer': (mesh) => mesh.join('new'),
  'an owner that connects again': (mesh) => mesh.join(mesh.run.owners[0] ?? 'a'),
  'an owner that has begun anew': (mesh) => mesh.join(mesh.run.owners[0] ?? 'a', { instance: 'f'.repeat(16) }),
  'an owner that wants to go': (mesh) => mesh.say(mesh.run.owners[0] ?? 'a', { type: 'leave' }),
  'a word of a stranger': (mesh) => mesh.say('stranger', { type: 'leave' }),
  'the key of one shard of two': (mesh) => mesh.ready(0, mesh.run.owners[0] ?? 'a'),
  'the keys of both shards': (mesh) => mesh.start(),
  'a key that its owner has not signed': (mesh) => mesh.ready(0, mesh.run.owners[0] ?? 'a', 'false'),
  'a part that was signed before': (mesh) => committed(mesh).ofShard(0, part),
  'a part of an old term': (mesh) => mesh.ofShard(0, { ...part, ...old(mesh) }),
  'a part of another’s shard': (mesh) => mesh.ofShard(0, { ...part, shard: 1 }),
  'a part that was not signed before': (mesh) => mesh.ofShard(0, part),
  'a part where no shard saves': (mesh) => mesh.ofShard(0, { ...part, calls: 3 }),
  'the end of one shard at call 2': (mesh) => mesh.ofShard(0, pausing(2)),
  'a common end at call 2': (mesh) => mesh.ofShard(0, pausing(1)).ofShard(1, pausing(2)),
  'a common end where the snapshot is': (mesh) => mesh.ofShard(0, pausing(0)).ofShard(1, pausing(0)),
  'an end of an old term': (mesh) => mesh.ofShard(0, { ...pausing(2), ...old(mesh) }),
  'a failure': (mesh) => mesh.failed(0),
  'a failure of an old term': (mesh) => mesh.ofShard(0, { type: 'failed', code: 'x', reason: '', ...old(mesh) }),
  'a dispute that is proved': (mesh) => mesh.ofShard(0, dispute, 'proved', hash('f')),
  'a dispute that accuses falsely': (mesh) => mesh.ofShard(0, dispute, 'false', hash('f')),
  'an undecided dispute': (mesh) => mesh.ofShard(0, dispute, 'undecided', hash('f')),
  'the end of a connection': (mesh) => mesh.enter({ kind: 'disconnected', key: mesh.run.owners[0] ?? 'a' }),
  'the same deployment again': (mesh) =>
    mesh.enter({ kind: 'deploy', deployment: mesh.run.deployment, hash: hash('d') }),
  'a sign that an owner lives': (mesh) =>
    mesh.enter({ kind: 'alive', key: mesh.run.owners[0] ?? 'a', instance: '0'.repeat(16) }),
  'two signs that an owner lives': (mesh) => {
    const sign = { kind: 'alive', key: mesh.run.owners[0] ?? 'a', instance: '0'.repeat(16) } as const;
    return mesh.enter({ kind: 'signs', signs: [sign, sign] });
  },
  'a measured link of an owner': (mesh) =>
    mesh.enter({
      kind: 'measured',
      key: mesh.run.owners[0] ?? 'a',
      link: { upload: 1e6, download: 1e6, roundTrip: 9 },
    }),
  'a secret that was not asked for': (mesh) => mesh.enter({ kind: 'pledged', run: RUN, term: 1, secret: 'x' }),
  'a verdict that was not asked for': (mesh) =>
    mesh.enter({ kind: 'audited', run: RUN, term: 1, from: 0, trainer: 'a', verdict: 'mismatch' }),
  'a drain of an owner': (mesh) => mesh.enter({ kind: 'drain', name: mesh.run.owners[0] ?? 'a' }),
  'a drain of a stranger': (mesh) => mesh.enter({ kind: 'drain', name: 'stranger' }),
  'a signed state': (mesh) => mesh.commit(0, 2),
  'a signed state of an old term': (mesh) =>
    mesh.ofShard(0, { type: 'commit', states: [{ calls: 2, hash: hash('a'), sig: '' }], ...old(mesh) }),
  'a stop': (mesh) => mesh.enter({ kind: 'stop', run: RUN }),
  'a stop of another run': (mesh) => mesh.enter({ kind: 'stop', run: 'other' }),
  'the end of the mesh': (mesh) => mesh.enter({ kind: 'close' }),
  'an answer of a part that was not asked for': (mesh) =>
    mesh.enter({ kind: 'verified', run: RUN, term: mesh.run.term, shard: 0, calls: 2 }),
  'checks that hold': (mesh) => mesh.enter({ kind: 'checked', run: RUN, calls: 10, values: [0.5] }),
  'checks that differ': (mesh) => mesh.enter({ kind: 'checked', run: RUN, calls: 10, values: [Number.NaN] }),
  'checks that do not fit here': (mesh) => mesh.enter({ kind: 'checked', run: RUN, calls: 10, problem: 'no' }),
  'a key that may not train any more': (mesh) =>
    mesh.enter({ kind: 'expelled', key: mesh.run.owners[0] ?? 'a', reason: 'gone' }),
  'a snapshot that is damaged': (mesh) => mesh.enter({ kind: 'manifest-damaged', run: RUN, calls: 10 }),
  'the lead of the run': (mesh) => mesh.enter({ kind: 'leads', run: storedOf(mesh.run) }),
  'another leader of the run': (mesh) => mesh.enter({ kind: 'follows', run: storedOf(mesh.run) }),
  'a later run of another leader that has begun': (mesh) => mesh.enter({ kind: 'overtaken', run: RUN }),
  'the absence of another run': (mesh) => mesh.enter({ kind: 'absent', run: 'other' }),
  'the lead of the mesh': (mesh) => mesh.enter({ kind: 'presides', presides: true }),
  'a vote on audits': (mesh) => mesh.enter({ kind: 'governed', auditRate: 0.5 }),
  'what other runs were given': (mesh) => mesh.enter({ kind: 'allotted', version: 1, lines: {} }),
  'the refusal of a placement': (mesh) => mesh.enter({ kind: 'outbid', term: mesh.run.term, before: unplaced(mesh) }),
  'the refusal of an old placement': (mesh) => mesh.enter({ kind: 'outbid', term: 0, before: unplaced(mesh) }),
};

/** As it was stored before it was placed. */
const unplaced = ({ run }: Driver): StoredRun => ({
  ...storedOf(run),
  phase: 'waiting',
  owners: [],
  term: run.term - 1,
});

const RULES: Rules<Phase> = {
  'a tick': {
    // From here on the seals of its last stretches are waited for.
    stopped: 'noted',
    done: 'noted',
    failed: 'noted',
    otherwise: 'nothing',
  },
  'a new trainer': {
    waiting: 'preparing, send admitted, send release, log epoch-of-owners, send assign',
    otherwise: 'send admitted, send release',
  },
  'an owner that connects again': {
    waiting: 'preparing, send admitted, send release, log epoch-of-owners, send assign',
    preparing: 'send admitted, send assign',
    running: 'send admitted, send assign',
    halting: 'send admitted, send assign, send pause',
    otherwise: 'send admitted, send release',
  },
  'an owner that has begun anew': {
    waiting: 'preparing, send admitted, send release, log epoch-of-owners, send assign',
    preparing: 'noted, send admitted, log epoch-of-owners, send assign',
    running: 'preparing, send admitted, log epoch-of-owners, send assign',
    halting: 'stopped, send admitted, log interrupted, send release',
    otherwise: 'send admitted, send release',
  },
  'an owner that wants to go': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'nothing',
    running: 'nothing',
    halting: 'nothing',
    otherwise: 'send dismissed, dismiss',
  },
  'a word of a stranger': {
    otherwise: 'refused as not-a-member, reconnect',
  },
  'the key of one shard of two': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'noted',
    running: 'send peers, send start',
    halting: 'send peers',
    otherwise: 'refused as not-active',
  },
  'the keys of both shards': {
    waiting: 'nothing',
    preparing: 'running, send peers, log start, log running, send start',
    running: 'send peers, send start',
    halting: 'send peers',
    otherwise: 'refused as not-active',
  },
  'a key that its owner has not signed': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'noted, refused as a-fault, log fault, log epoch-of-owners, send release, send assign',
    running: 'preparing, refused as a-fault, log fault, log epoch-of-owners, send release, send assign',
    halting: 'stopped, refused as a-fault, log fault, log interrupted, send release',
    otherwise: 'refused as not-active',
  },
  'a part that was signed before': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'noted, keep',
    running: 'noted, keep',
    halting: 'noted, keep',
    otherwise: 'refused as not-active',
  },
  'a part of an old term': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'refused as another-term',
    running: 'refused as another-term',
    halting: 'refused as another-term',
    otherwise: 'refused as not-active',
  },
  'a part of another’s shard': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'refused as not-the-owner',
    running: 'refused as not-the-owner',
    halting: 'refused as not-the-owner',
    otherwise: 'refused as not-active',
  },
  'a part that was not signed before': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'noted, refused as a-fault, log fault, log epoch-of-owners, send release, send assign',
    running: 'preparing, refused as a-fault, log fault, log epoch-of-owners, send release, send assign',
    halting: 'stopped, refused as a-fault, log fault, log interrupted, send release',
    otherwise: 'refused as not-active',
  },
  'a part where no shard saves': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'refused as not-a-cut',
    running: 'refused as not-a-cut',
    halting: 'refused as not-a-cut',
    otherwise: 'refused as not-active',
  },
  'the end of one shard at call 2': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'refused as not-halting',
    running: 'refused as not-halting',
    halting: 'noted',
    otherwise: 'refused as not-active',
  },
  'a common end at call 2': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'refused as not-halting',
    running: 'refused as not-halting',
    halting: 'noted, send halt',
    otherwise: 'refused as not-active',
  },
  'a common end where the snapshot is': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'refused as not-halting',
    running: 'refused as not-halting',
    halting: 'stopped, log interrupted, send release',
    otherwise: 'refused as not-active',
  },
  'an end of an old term': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'refused as another-term',
    running: 'refused as another-term',
    halting: 'refused as another-term',
    otherwise: 'refused as not-active',
  },
  'a failure': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'noted, log fault, log epoch-of-owners, send release, send assign',
    running: 'preparing, log fault, log epoch-of-owners, send release, send assign',
    halting: 'stopped, log fault, log interrupted, send release',
    otherwise: 'refused as not-active',
  },
  'a failure of an old term': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'refused as another-term',
    running: 'refused as another-term',
    halting: 'refused as another-term',
    otherwise: 'refused as not-active',
  },
  'a dispute that is proved': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'noted, log dispute, log liar, log epoch-of-owners, send release, send assign',
    running: 'preparing, log dispute, log liar, log epoch-of-owners, send release, send assign',
    halting: 'stopped, log dispute, log liar, log interrupted, send release',
    otherwise: 'refused as not-active',
  },
  'a dispute that accuses falsely': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'noted, log dispute, log liar, log epoch-of-owners, send release, send assign',
    running: 'preparing, log dispute, log liar, log epoch-of-owners, send release, send assign',
    halting: 'stopped, log dispute, log liar, log interrupted, send release',
    otherwise: 'refused as not-active',
  },
  'an undecided dispute': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'noted, log dispute, log epoch-of-owners, send release, send assign',
    running: 'preparing, log dispute, log epoch-of-owners, send release, send assign',
    halting: 'stopped, log dispute, log interrupted, send release',
    otherwise: 'refused as not-active',
  },
  'the end of a connection': {
    otherwise: 'nothing',
  },
  'the same deployment again': {
    otherwise: 'refused as known-already',
  },
  'a sign that an owner lives': { waiting: 'refused as not-a-member', otherwise: 'nothing' },
  // Each by itself is refused where it has to be: together they are not.
  'two signs that an owner lives': { otherwise: 'nothing' },
  'a measured link of an owner': { waiting: 'refused as not-a-member', otherwise: 'nothing' },
  'a secret that was not asked for': { otherwise: 'refused as not-asked' },
  'a verdict that was not asked for': { otherwise: 'refused as not-asked' },
  'a drain of an owner': {
    waiting: 'nothing',
    preparing: 'nothing',
    running: 'nothing',
    halting: 'nothing',
    otherwise: 'send dismissed, dismiss',
  },
  'a drain of a stranger': { otherwise: 'nothing' },
  'a signed state': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'noted, keep',
    running: 'noted, keep',
    halting: 'noted, keep',
    otherwise: 'refused as not-active',
  },
  'a signed state of an old term': {
    waiting: 'refused as not-a-member, reconnect',
    preparing: 'refused as another-term',
    running: 'refused as another-term',
    halting: 'refused as another-term',
    otherwise: 'refused as not-active',
  },
  'a stop': {
    waiting: 'stopped, log interrupted',
    preparing: 'stopped, log interrupted, send release',
    halting: 'stopped, log interrupted, send release',
    checking: 'stopped, log interrupted, send release',
    running: 'halting, send pause',
    otherwise: 'nothing',
  },
  'a stop of another run': {
    otherwise: 'nothing',
  },
  'the end of the mesh': {
    waiting: 'suspended, log suspended',
    preparing: 'suspended, log suspended, send release',
    halting: 'suspended, log suspended, send release',
    running: 'halting, send pause',
    otherwise: 'nothing',
  },
  'an answer of a part that was not asked for': {
    waiting: 'refused as not-asked',
    preparing: 'refused as not-asked',
    running: 'refused as not-asked',
    halting: 'refused as not-asked',
    otherwise: 'refused as not-active',
  },
  'checks that hold': {
    checking: 'done, log done',
    otherwise: 'refused as not-asked',
  },
  'checks that differ': {
    checking: 'preparing, log liar, log epoch-of-owners, send release, send assign',
    otherwise: 'refused as not-asked',
  },
  'checks that do not fit here': {
    checking: 'preparing, log epoch-of-owners, send assign',
    otherwise: 'refused as not-asked',
  },
  'a key that may not train any more': {
    waiting: 'refused as not-a-member',
    preparing: 'noted, log lost, log epoch-of-owners, send release, send assign',
    running: 'preparing, log lost, log epoch-of-owners, send release, send assign',
    halting: 'stopped, log lost, log interrupted, send release',
    otherwise: 'nothing',
  },
  'a snapshot that is damaged': {
    checking: 'preparing, log manifest-damaged, log epoch-of-owners, send assign',
    done: 'preparing, log manifest-damaged, log epoch-of-owners, send assign',
    otherwise: 'refused as unknown-run',
  },
  'the lead of the run': {
    waiting: 'noted',
    preparing: 'noted, reconnect',
    running: 'noted, reconnect',
    halting: 'stopped',
    suspended: 'waiting',
    checking: 'noted, log checking, check',
    otherwise: 'noted',
  },
  'another leader of the run': {
    otherwise: 'noted',
  },
  'a later run of another leader that has begun': {
    waiting: 'noted',
    otherwise: 'refused as not-active',
  },
  'the absence of another run': {
    otherwise: 'nothing',
  },
  'the lead of the mesh': {
    otherwise: 'nothing',
  },
  'a vote on audits': {
    otherwise: 'nothing',
  },
  'what other runs were given': {
    otherwise: 'nothing',
  },
  'the refusal of a placement': {
    preparing: 'noted, log epoch-of-owners, send assign',
    otherwise: 'refused as not-active',
  },
  'the refusal of an old placement': {
    otherwise: 'refused as another-term',
  },
};

/** Results of an event: the phase where it is another one, the refusal, the effects, each kind of them once. */
function outcome(mesh: Driver, event: (mesh: Driver) => unknown): string {
  const before = mesh.run;
  mesh.effects.length = 0;
  event(mesh);
  const { run, refused } = mesh;
  const phase = run.phase === before.phase ? [] : [run.phase];
  const noted = phase.length === 0 && JSON.stringify(run) !== JSON.stringify(before) ? ['noted'] : [];
  const why = refused === undefined ? [] : [`refused as ${refused}`];
  const effects = mesh.effects.filter(({ kind }) => kind !== 'persist').map(nameOf);
  return [...phase, ...noted, ...why, ...new Set(effects)].join(', ') || 'nothing';
}

const phases = Object.keys(PHASES) as Phase[];

/** A new kind of event does not type-check until it is here. */
const KINDS: Readonly<Record<SynchronizerEvent['kind'], true>> = {
  ...{ tick: true, message: true, disconnected: true, alive: true, signs: true, measured: true, deploy: true },
  governed: true,
  ...{ stop: true, verified: true, checked: true, drain: true, expelled: true, 'manifest-damaged': true, close: true },
  ...{ leads: true, follows: true, allotted: true, outbid: true, absent: true, overtaken: true, presides: true },
  ...{ pledged: true, audited: true },
};

test('the first call may take as long as its bytes do at the slowest rate', () => {
  const { run, state } = PHASES.running();
  const { shards } = run.deployment;
  // Deployments say to whom; those of older versions, how many in all.
  const said = (bytes: number) => ({ bytes: 0, sends: [{ to: 0, bytes, frames: 1, hops: 1 }] });
  const total = (bytes: number) => ({ bytes });
  const deadline = (need: Partial<Deployment['needs'][number]>): number => {
    const needs = run.deployment.needs.map((each) => ({ ...each, ...need }));
    return callDeadline(new Work(state, state.now), { ...run, deployment: { ...run.deployment, needs } });
  };
  for (const sending of [said, total])
    expect(deadline(sending(5e7)) - deadline(sending(0))).toBeCloseTo((1000 * shards * 5e7) / 1e6);
});

describe('a run', () => {
  test.each(phases)('reaches %s', (phase) => expect(PHASES[phase]().run.phase).toBe(phase));

  test('has a rule for every event', () => expect(Object.keys(RULES)).toEqual(Object.keys(EVENTS)));

  test('has a rule for every kind of event', () => {
    const entered = Object.values(EVENTS).flatMap((event) => {
      const mesh = PHASES.preparing();
      const enter = vi.spyOn(mesh, 'enter');
      event(mesh);
      return enter.mock.calls.map(([{ kind }]) => kind);
    });
    expect([...new Set(entered)].sort()).toEqual(Object.keys(KINDS).sort());
  });

  holdRules(phases, RULES, (phase, event) => outcome(PHASES[phase](), EVENTS[event] ?? (() => undefined)));
});

test('an owner that connects again while a run halts is told what it may have missed', () => {
  const halting = (): Driver => PHASES.halting();
  const toldAgain = (mesh: Driver): unknown[] => {
    const owner = mesh.run.owners[0] ?? '';
    const before = mesh.sent.length;
    mesh.join(owner);
    const sent = mesh.sent.slice(before).filter(({ to }) => to === owner);
    return sent.map(({ message }) => (message.type === 'halt' ? `halt ${message.calls}` : message.type)).slice(-1);
  };
  expect(toldAgain(halting())).toEqual(['pause']);
  expect(toldAgain(halting().ofShard(1, pausing(2)))).toEqual(['pause']);
  // It has said where it can stop, and waits for the other.
  expect(toldAgain(halting().ofShard(0, pausing(1)))).toEqual(['assign']);
  expect(toldAgain(halting().ofShard(0, pausing(1)).ofShard(1, pausing(2)))).toEqual(['halt 2']);
});

describe('a run that is restored', () => {
  /** State after a restart of the synchronizer. */
  const RESTORED: Readonly<Record<Phase, Phase>> = {
    waiting: 'waiting',
    preparing: 'preparing',
    running: 'running',
    halting: 'stopped',
    suspended: 'waiting',
    checking: 'checking',
    stopped: 'stopped',
    done: 'done',
    failed: 'failed',
  };

  test.each(phases)('from %s goes on as its rule says', (phase) => {
    const stored = JSON.parse(JSON.stringify(storedOf(PHASES[phase]().run))) as StoredRun;
    expect(restoredSynchronizer([stored], 2_000_000).state.runs[RUN]?.phase).toBe(RESTORED[phase]);
  });

  test('is checked from the beginning where others check it', () => {
    const mesh = trained().enter({ kind: 'checked', run: RUN, calls: 10, problem: 'no' });
    expect(mesh.run).toMatchObject({ phase: 'preparing', checkingFrom: 9 });
    const { state, effects } = restoredSynchronizer([storedOf(mesh.run)], 2_000_000);
    expect(state.runs[RUN]?.phase).toBe('checking');
    expect(effects.map(nameOf)).toEqual(['log checking', 'check']);
  });
});
