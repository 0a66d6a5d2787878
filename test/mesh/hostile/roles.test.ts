/** Messages of one trainer cannot end a run, nor bend it: the synchronizer's state machine, event by event. */
import { describe, expect, test } from 'vitest';
import { readStoredRun } from '../../../runtime/net/run-shapes.ts';
import { restoredSynchronizer } from '../../../runtime/roles/synchronizer.ts';
import { storedOf } from '../../../runtime/roles/synchronizer-state.ts';
import type { Deployment } from '../../../runtime/wire/deployment.ts';
import { checkedChain, Driver, hash, RUN } from './role-driver.ts';

/** Shards that each exchange frames with the next one. */
function inRow(shards: number): Deployment {
  const plain = checkedChain(shards);
  const next = (to: number) => (to < shards ? [{ to, bytes: 1, frames: 1, hops: 1 }] : []);
  return { ...plain, needs: plain.needs.map((need, shard) => ({ ...need, sends: next(shard + 1) })) };
}

const DONE = (shard: number): Record<string, number> => (shard === 0 ? { 'sum.0': 1, 'count.0': 2 } : {});
const other = (mesh: Driver, key: string): string[] => Object.keys(mesh.state.members).filter((k) => k !== key);

describe('the failure of a shard', () => {
  test('moves the shard to another trainer, and is remembered', () => {
    const mesh = new Driver(['a', 'b', 'c']).start();
    const [owner] = mesh.run.owners;
    mesh.failed(0);
    expect(mesh.run).toMatchObject({ phase: 'preparing', term: 2, faults: [{ key: owner, shard: 0, code: 'x/y' }] });
    expect(mesh.run.owners[0]).not.toBe(owner);
    expect(mesh.events('fault')).toMatchObject([{ key: owner, shard: 0, code: 'x/y', reason: 'no good x/y' }]);
    // A restart knows of them.
    const stored = JSON.parse(JSON.stringify(storedOf(mesh.run)));
    expect(restoredSynchronizer([stored], mesh.now).state.runs[RUN]?.faults).toEqual(mesh.run.faults);
  });

  test('ends no run where it is of one key, however often', () => {
    const mesh = new Driver(['liar', 'b', 'c']);
    for (let i = 0; i < 40; i++) {
      const shard = mesh.run.owners.indexOf('liar');
      if (shard >= 0) mesh.failed(shard);
    }
    expect(mesh.run).toMatchObject({ phase: 'preparing' });
    expect(mesh.run.owners).not.toContain('liar');
    expect(mesh.run.faults.length).toBeLessThanOrEqual(2);
  });

  test('ends the run with the latest reason once it happened three times on all present trainers', () => {
    for (const trainers of [['a'], ['a', 'b'], ['a', 'b', 'c', 'd', 'e']]) {
      const mesh = new Driver(trainers);
      let tries = 0;
      for (; mesh.run.phase !== 'failed' && tries < 20; tries++) mesh.failed(1, 'energy/not-finite');
      expect(tries).toBe(3);
      expect(mesh.events('error')).toMatchObject([
        { code: 'energy/not-finite', message: 'shard 1: no good energy/not-finite' },
      ]);
    }
  });

  test('of the last present trainer waits for those that were there', () => {
    const mesh = new Driver(['a', 'b'], checkedChain(), { barred: 5000 }).start().snapshot(2);
    mesh.enter({ kind: 'expelled', key: 'b', reason: 'gone' });
    for (let i = 0; i < 3; i++) mesh.failed(0);
    expect(mesh.run).toMatchObject({ phase: 'waiting' });
    mesh.join('b');
    expect(mesh.run).toMatchObject({ phase: 'preparing', owners: ['b', 'b'] });
    mesh.enter({ kind: 'expelled', key: 'b', reason: 'gone' }).pass(6000);
    expect(mesh.run).toMatchObject({ phase: 'preparing', owners: ['a', 'a'] });
    mesh.failed(0);
    expect(mesh.run.phase).toBe('failed');
  });

  test('is counted against an owner that has not signed a state, of which nothing is kept', () => {
    const mesh = new Driver(['a', 'b', 'c']).start();
    const [owner = ''] = mesh.run.owners;
    mesh.ofShard(0, { type: 'commit', states: [{ calls: 2, hash: hash('a'), sig: '' }] }, 'false');
    expect(mesh.refused).toBe('a-fault');
    expect(mesh.events('fault')).toMatchObject([{ key: owner, code: 'commit/signature' }]);
    expect(mesh.effects.filter((e) => e.kind === 'keep')).toEqual([]);
    expect(mesh.run.owners[0]).not.toBe(owner);
  });

  test('is counted against an owner that has not signed its border key, and neighbours are not told', () => {
    for (const [key, proof] of [
      ['a', 'false'],
      ['b', undefined],
    ] as const) {
      const mesh = new Driver(['a', 'b', 'c']);
      const [owner = ''] = mesh.run.owners;
      mesh.ready(0, key === 'a' ? owner : (other(mesh, owner)[0] ?? ''), proof);
      expect(mesh.refused).toBe('a-fault');
      expect(mesh.events('fault')).toMatchObject([{ key: owner, code: 'border/key' }]);
      expect(mesh.sent.filter((s) => s.message.type === 'peers')).toEqual([]);
      expect(mesh.run.owners[0]).not.toBe(owner);
    }
  });
});

describe('a dispute', () => {
  const dispute = (mesh: Driver, proof: 'proved' | 'false' | 'undecided', shard = 0): Driver =>
    mesh.ofShard(shard, { type: 'dispute', peer: 1 - shard, call: 3, what: 'values' }, proof, hash('f'));

  test('with a proof excludes the accused, and with a false proof the accuser', () => {
    for (const [proof, shard, what] of [
      ['proved', 1, 'border/values'],
      ['false', 0, 'false-accusation'],
    ] as const) {
      const mesh = new Driver(['a', 'b', 'c']).start();
      const liar = mesh.run.owners[shard];
      dispute(mesh, proof);
      expect(mesh.run).toMatchObject({ phase: 'preparing', excluded: [liar], term: 2 });
      expect(mesh.run.owners).not.toContain(liar);
      expect(mesh.events('liar')).toMatchObject([{ key: liar, shard, what, evidence: hash('f') }]);
      expect(mesh.events('dispute')).toMatchObject([{ verdict: proof, shard: 0, peer: 1 }]);
    }
  });

  test('without a proof moves both trainers, and excludes none', () => {
    const mesh = new Driver(['a', 'b', 'c', 'd']).start();
    const before = [...mesh.run.owners];
    dispute(mesh, 'undecided');
    expect(mesh.run.owners.filter((key) => before.includes(key))).toEqual([]);
    // The next neighbour of the same one.
    const [accuser = ''] = before;
    const quarrel = new Driver(['a', 'b', 'c']);
    const run = { ...quarrel.run, owners: [accuser, 'c'], disputes: [{ accuser, accused: 'b', at: quarrel.now }] };
    quarrel.state = { ...quarrel.state, runs: { [RUN]: run } };
    dispute(quarrel, 'undecided');
    expect([quarrel.run.excluded, quarrel.events('aside')]).toEqual([[], []]);
    // A restart knows what its borders were.
    expect(readStoredRun(RUN, JSON.stringify(storedOf(quarrel.run))).disputes.at(-1)?.shares).toEqual([1, 1]);
  });

  test('without a proof puts one aside that has many more of them than chance gives it', () => {
    const names = ['bad', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
    const mesh = new Driver(names, inRow(6)).start();
    for (let i = 0; i < 12 && mesh.events('aside').length === 0; i++) {
      const others = names.filter((key) => key !== 'bad');
      const owners = [0, 1, 2, 3, 4, 5].map((shard) => (shard === 2 ? 'bad' : (others[(shard + i) % 8] ?? '')));
      mesh.state = { ...mesh.state, runs: { [RUN]: { ...mesh.run, owners, phase: 'running' } } };
      mesh.ofShard(2, { type: 'dispute', peer: 1 + 2 * (i % 2), call: 3, what: 'values' }, 'undecided', hash('f'));
    }
    expect(mesh.run.disputes.length).toBeLessThanOrEqual(8);
    expect(mesh.events('aside')).toMatchObject([{ key: 'bad' }]);
    expect(mesh.run.owners).not.toContain('bad');
    expect(mesh.run.excluded).toEqual([]);
  });

  test('between the only two trainers ends with both shards on one of them', () => {
    const mesh = new Driver(['a', 'b']).start();
    dispute(mesh, 'undecided');
    expect(new Set(mesh.run.owners).size).toBe(1);
  });

  test('of a shard with itself is refused', () => {
    const mesh = new Driver(['a']).start();
    dispute(mesh, 'undecided');
    expect(mesh.refused).toBe('not-a-neighbour');
    expect(mesh.run.term).toBe(1);
  });
});

describe('a part', () => {
  const mesh = (): Driver => new Driver(['a', 'b', 'c']).start();

  test.each([
    ['where no shard saves', 3, 'not-a-cut'],
    ['of calls that never come', 1e9, 'not-a-cut'],
  ])('%s is refused', (_, calls, why) => {
    const one = mesh().commit(0, calls).part(0, calls);
    expect(one.refused).toBe(why);
    expect(one.run.parts).toEqual({});
    expect(one.run.term).toBe(1);
  });

  test('takes no more room where there are many of one shard than where there are few', () => {
    const one = new Driver(['a', 'b'], { ...checkedChain(), epochs: 1000 }).start();
    for (let epoch = 0; epoch < 500; epoch++)
      one
        .commit(1, 5 * epoch + 2)
        .part(1, 5 * epoch + 2)
        .commit(1, 5 * epoch + 4)
        .part(1, 5 * epoch + 5);
    expect(Object.keys(one.run.parts)).toHaveLength(8);
    // The first ones are there, which the others come to next, and the last.
    expect(Object.keys(one.run.parts).map(Number)).toEqual([2, 5, 7, 10, 12, 15, 17, 2500]);
    expect(one.wanted).toEqual([]);
  });

  test.each([
    ['a state that was not signed before', 2, { hash: hash('c') }, 'part/commitment'],
    ['a sum that the shard does not have', 2, { totals: { 'energy.n1': 1 } }, 'totals/name'],
    ['a sum of another shard’s check', 2, { totals: { 'sum.7': 1 } }, 'totals/name'],
    ['a sum that is not a number', 2, { totals: { 'energy.n0': Number.NaN } }, 'totals/number'],
    ['a count before anything was counted', 2, { totals: { 'count.0': 2, 'sum.0': 2 } }, 'totals/count'],
    ['a wrong count', 5, { totals: { 'count.0': 4, 'sum.0': 2 } }, 'totals/count'],
    ['no count', 5, {}, 'totals/count'],
    ['more hits than samples', 5, { totals: { 'count.0': 2, 'sum.0': 3 } }, 'totals/sum'],
  ])('with %s proves a lie', (_, calls, more, what) => {
    const one = mesh();
    const [liar] = one.run.owners;
    one.commit(0, calls === 5 ? 4 : calls).part(0, calls, more);
    expect(one.refused).toBe('a-lie');
    expect(one.events('liar')).toMatchObject([{ key: liar, shard: 0, what }]);
    expect(one.events('liar')[0]?.evidence).not.toBe('');
    expect(one.run).toMatchObject({ phase: 'preparing', excluded: [liar], manifests: [] });
    expect(one.run.owners).not.toContain(liar);
  });

  test.each([
    ['more of a class than there are elements', 'recall', { 'sum.0': 1, 'of.0': 3 }],
    ['more right ones of a class than it has', 'recall', { 'sum.0': 2, 'of.0': 1 }],
    ['right ones of no elements', 'recall', { 'sum.0': 1 }],
    ['more pairs than two elements make', 'auc', { 'sum.0': 1, 'of.0': 2 }],
  ])('with %s proves a lie', (_, metric, sums) => {
    const one = new Driver(['a', 'b', 'c'], checkedChain(2, metric)).start();
    one.commit(0, 4).part(0, 5, { totals: { 'count.0': 2, ...sums } });
    expect(one.events('liar')).toMatchObject([{ shard: 0, what: 'totals/sum' }]);
    const honest = new Driver(['a', 'b', 'c'], checkedChain(2, metric)).start();
    honest.commit(0, 4).part(0, 5, { totals: { 'count.0': 2, 'sum.0': 1, 'of.0': 1 } });
    expect(honest.events('liar')).toEqual([]);
  });

  test('that does not match its blob proves a lie, and one that the disk has damaged does not', () => {
    for (const [problem, lies] of [
      ['blob', 1],
      ['hash', 1],
      ['damaged', 0],
    ] as const) {
      const one = mesh();
      one.commit(0, 2).part(0, 2).commit(1, 2).part(1, 2);
      expect(one.wanted.map((w) => w.kind)).toEqual(['verify', 'verify']);
      one.lookedAt(problem);
      expect(one.events('liar')).toHaveLength(lies);
      expect(one.run).toMatchObject({ term: 2, manifests: [] });
    }
  });

  test('with a second state for the same step proves a lie', () => {
    const one = mesh().commit(1, 3).commit(1, 3, hash('c'));
    expect(one.events('liar')).toMatchObject([{ shard: 1, what: 'commit/two-states' }]);
  });

  test('without a commitment is a fault, since a message may be lost', () => {
    const one = mesh().part(0, 2);
    expect(one.refused).toBe('a-fault');
    expect(one.events('fault')).toMatchObject([{ code: 'part/no-commitment' }]);
  });

  test('goes on from sums that each shard has reported itself', () => {
    const one = mesh().snapshot(2, (shard) => ({ [`energy.n${shard}`]: shard + 1 }));
    expect(one.run.manifests).toMatchObject([{ calls: 2, totals: { 'energy.n0': 1, 'energy.n1': 2 } }]);
    one.failed(0);
    const restored = one.sent
      .filter(({ message }) => message.type === 'assign' && message.term === 2)
      .flatMap(({ message }) => (message.type === 'assign' ? message.shards : []));
    for (const { shard, restore } of restored) expect(restore?.totals).toEqual({ [`energy.n${shard}`]: shard + 1 });
    // The state that they begin with is the one that they may bring next.
    expect(one.start().commit(1, 4).part(1, 5).refused).toBeUndefined();
  });

  test('is not changed by an answer that has not been asked for', () => {
    const one = mesh();
    one.enter({ kind: 'verified', run: RUN, term: 1, shard: 0, calls: 2 });
    expect(one.refused).toBe('not-asked');
    one.enter({ kind: 'checked', run: RUN, calls: 10, values: [1] });
    expect(one.refused).toBe('not-asked');
    expect(one.run.phase).toBe('running');
  });
});

describe('a deadline', () => {
  test('moves a shard that loads without end', () => {
    const mesh = new Driver(['a', 'b', 'c']);
    const [ready = '', late = ''] = mesh.run.owners;
    mesh.ready(0, ready).pass(70_000, () => mesh.report(1, { state: 'loading' }));
    expect(mesh.events('fault')).toMatchObject([{ key: late, shard: 1, code: 'progress/late' }]);
    expect(mesh.run.owners).not.toContain(late);
    expect(mesh.run.owners[0]).toBe(ready);
  });

  const stuck = (say: (mesh: Driver) => void): Driver => {
    const mesh = new Driver(['a', 'b', 'c']).start();
    mesh.report(0, { calls: 1 }).report(1, { calls: 1 });
    return mesh.pass(29_000, () => say(mesh));
  };

  test('counts for the shard that works without end, not for the one that waits for it', () => {
    const say = (m: Driver): void => {
      m.report(0, { calls: 1, state: 'waiting', waits: [1] }).report(1, { calls: 1 });
    };
    const mesh = stuck(say);
    expect(mesh.events('fault')).toEqual([]);
    const [patient, late] = mesh.run.owners;
    mesh.pass(2000, () => mesh.run.term === 1 && say(mesh));
    expect(mesh.events('fault')).toMatchObject([{ key: late, shard: 1, code: 'progress/late' }]);
    expect(mesh.run.owners).toContain(patient);
  });

  test('is not extended by calls that a shard claims to have done while it sends nothing', () => {
    let calls = 1;
    const say = (m: Driver): void => {
      m.report(0, { calls: 1, state: 'waiting', waits: [1] }).report(1, { calls: ++calls });
    };
    const mesh = stuck(say);
    const late = mesh.run.owners[1];
    mesh.pass(2000, () => mesh.run.term === 1 && say(mesh));
    expect(mesh.events('fault')).toMatchObject([{ key: late, shard: 1 }]);
  });

  test('moves both of two shards that claim to wait for each other', () => {
    const say = (m: Driver): void => {
      m.report(0, { calls: 1, state: 'waiting', waits: [1] }).report(1, { calls: 1, state: 'waiting', waits: [0] });
    };
    const mesh = stuck(say);
    const before = [...mesh.run.owners];
    mesh.pass(2000, () => mesh.run.term === 1 && say(mesh));
    expect(mesh.events('dispute')).toMatchObject([{ what: 'waiting', verdict: 'undecided' }]);
    expect(mesh.run.owners).not.toEqual(before);
    expect(mesh.run.disputes).toHaveLength(1);
  });

  test('gives a machine as much time as its calls have taken so far', () => {
    const mesh = new Driver(['a', 'b', 'c'], { ...checkedChain(), epochs: 100 }).start();
    for (let calls = 1; calls <= 3; calls++) mesh.pass(20_000).report(0, { calls }).report(1, { calls });
    mesh.pass(60_000);
    expect(mesh.events('fault')).toEqual([]);
  });

  test('does not pass while the disk of the mesh is full', () => {
    const mesh = new Driver(['a', 'b', 'c']).start();
    for (let i = 0; i < 400; i++) {
      mesh.now += 250;
      for (const shard of [0, 1]) mesh.report(shard, { calls: 2 });
      mesh.enter({ kind: 'tick', full: true });
    }
    expect(mesh.events('fault')).toEqual([]);
    mesh.pass(31_000, () => mesh.run.term === 1 && mesh.report(0, { calls: 2 }).report(1, { calls: 2 }));
    expect(mesh.events('fault').length).toBeGreaterThan(0);
  });

  test('moves a shard whose last part never comes', () => {
    const mesh = new Driver(['a', 'b', 'c']).start();
    const late = mesh.run.owners[1];
    for (let calls = 1; calls <= 10; calls++) mesh.report(0, { calls }).report(1, { calls });
    mesh.commit(0, 9).part(0, 10, { totals: DONE(0) });
    mesh.pass(35_000, () => {
      if (mesh.run.term > 1) return;
      for (const shard of [0, 1]) mesh.report(shard, { calls: 10, state: 'finished' });
    });
    expect(mesh.events('fault')).toMatchObject([{ key: late, shard: 1, code: 'progress/late' }]);
  });
});

test('a run whose plan can no longer be read fails alone, and no trainer is blamed', () => {
  const mesh = new Driver(['a', 'b']).start();
  for (const shard of [0, 1]) mesh.commit(shard, 2).part(shard, 2);
  mesh.lookedAt('plan');
  expect(mesh.run).toMatchObject({ phase: 'failed', excluded: [] });
  expect(mesh.events('error')).toMatchObject([{ code: 'plan/damaged' }]);
  expect(mesh.sent.at(-1)?.message.type).toBe('release');
});

describe('a check', () => {
  const trained = (trainers = ['a', 'b', 'c']): Driver =>
    new Driver(trainers).start().snapshot(2).snapshot(4).snapshot(5, DONE).snapshot(7).snapshot(9).snapshot(10, DONE);

  test('is computed again before the run is done', () => {
    const mesh = trained();
    expect(mesh.run.phase).toBe('checking');
    expect(mesh.events('done')).toEqual([]);
    expect(mesh.wanted).toMatchObject([{ kind: 'check', calls: 10, parts: [hash('b'), hash('b')] }]);
    mesh.enter({ kind: 'checked', run: RUN, calls: 10, values: [0.5] });
    expect(mesh.run).toMatchObject({ phase: 'done', checked: 'recomputed' });
    expect(mesh.events('done')).toMatchObject([{ accuracy: 0.5, checked: 'recomputed' }]);
  });

  test('is computed again after a restart', () => {
    const stored = readStoredRun('run/chain-1', JSON.stringify(storedOf(trained().run)));
    const { effects, state } = restoredSynchronizer([stored], 2_000_000);
    expect(effects.filter((e) => e.kind === 'check')).toHaveLength(1);
    expect(state.runs[RUN]?.phase).toBe('checking');
  });

  const wrong = (): Driver => {
    const mesh = new Driver(['a', 'b', 'c'], { ...checkedChain(), checks: longChecks() }).start();
    const all = (shard: number): Record<string, number> => (shard === 0 ? { 'sum.0': 1000, 'count.0': 1000 } : {});
    const last = (n: number): number => n * (4 + 500);
    for (const shard of [0, 1]) mesh.commit(shard, 4).part(shard, last(1), { totals: all(shard) });
    mesh.lookedAt();
    for (const shard of [0, 1]) mesh.commit(shard, last(1) + 4).part(shard, last(2), { totals: all(shard) });
    return mesh.lookedAt();
  };
  const longChecks = () => checkedChain().checks.map((c) => ({ ...c, length: 1000 }));

  test('that differs from its claim excludes the trainer that made it, and the last part is trained again', () => {
    const mesh = wrong();
    expect(mesh.run.phase).toBe('checking');
    const [liar] = mesh.run.owners;
    mesh.enter({ kind: 'checked', run: RUN, calls: 1008, values: [0.1] });
    expect(mesh.events('liar')).toMatchObject([{ key: liar, shard: 0, what: 'check/differs' }]);
    expect(String(mesh.events('liar')[0]?.evidence)).toContain('the trainers say 1, their weights give 0.1');
    expect(mesh.run).toMatchObject({ phase: 'preparing', manifests: [{ calls: 504 }], differences: 1, checks: [] });
    expect(mesh.run.rows).toHaveLength(1);
    expect(mesh.run.owners).not.toContain(liar);
  });

  const claimed = (metric: string, totals: Record<string, number>): Driver => {
    const mesh = new Driver(['a', 'b', 'c'], { ...checkedChain(2, metric), checks: longChecks(), epochs: 1 }).start();
    const all = (shard: number) => (shard === 0 ? { totals: { 'count.0': 1000, ...totals } } : { totals: {} });
    for (const shard of [0, 1]) mesh.commit(shard, 4).part(shard, 504, all(shard));
    return mesh.lookedAt();
  };

  test.each([
    ['precision', { 'sum.0': 10, 'of.0': 20 }, 0.6, 'done'],
    ['precision', { 'sum.0': 10, 'of.0': 20 }, 0.7, 'preparing'],
    ['precision', { 'sum.0': 0, 'of.0': 0 }, 0.5, 'done'],
    ['precision', { 'sum.0': 2, 'of.0': 2 }, null, 'done'],
    ['precision', { 'sum.0': 200, 'of.0': 200 }, null, 'preparing'],
    ['auc', { 'sum.0': 200_000, 'of.0': 250_000 }, 0.81, 'done'],
    ['auc', { 'sum.0': 200_000, 'of.0': 250_000 }, 0.83, 'preparing'],
    ['auc', { 'sum.0': 4000, 'of.0': 4975 }, 0.83, 'done'],
  ])('of %s may differ by as many samples as it is of: %j, computed %d', (metric, totals, computed, phase) => {
    const mesh = claimed(metric, totals);
    mesh.enter({ kind: 'checked', run: RUN, calls: 504, values: [computed] });
    expect(mesh.run.phase).toBe(phase);
  });

  test('that differs twice fails the run, and its snapshots stay', () => {
    const mesh = wrong();
    mesh.state = { ...mesh.state, runs: { [RUN]: { ...mesh.run, differences: 1 } } };
    mesh.enter({ kind: 'checked', run: RUN, calls: 1008, values: [0.1] });
    expect(mesh.run).toMatchObject({ phase: 'failed', manifests: [{ calls: 504 }, { calls: 1008 }] });
    expect(mesh.events('error')).toMatchObject([{ code: 'check/differs' }]);
  });

  test('that the synchronizer cannot compute is computed by other trainers, each on a shard that it has not trained', () => {
    const mesh = trained();
    const before = [...mesh.run.owners];
    mesh.wanted.length = 0;
    mesh.enter({ kind: 'checked', run: RUN, calls: 10, problem: 'too large' });
    expect(mesh.run).toMatchObject({ phase: 'preparing', checkingFrom: 9 });
    for (const [shard, owner] of mesh.run.owners.entries()) expect(mesh.run.trained[shard]).not.toContain(owner);
    expect(mesh.run.owners).not.toEqual(before);
    mesh.start();
    expect(mesh.sent.at(-1)?.message).toMatchObject({ type: 'start', calls: 9 });
    for (const shard of [0, 1]) mesh.part(shard, 10, { totals: DONE(shard) });
    mesh.lookedAt();
    expect(mesh.run).toMatchObject({ phase: 'done', checked: 'by-others' });
  });

  test('that others fail to compute is given up, and so are their shards', () => {
    const mesh = new Driver(['a', 'b', 'c'], checkedChain(), { shardFaults: 1, shardKeys: 1 }).start();
    mesh.snapshot(2).snapshot(4).snapshot(5, DONE).snapshot(7).snapshot(9).snapshot(10, DONE);
    mesh.enter({ kind: 'checked', run: RUN, calls: 10, problem: 'too large' });
    const owners = [...new Set(mesh.run.owners)];
    mesh.sent.length = 0;
    mesh.failed(0);
    const released = mesh.sent.filter((s) => s.message.type === 'release').map((s) => s.to);
    expect(released.sort()).toEqual(owners.sort());
    mesh.pass(250);
    expect(mesh.run).toMatchObject({ phase: 'done', checked: 'unchecked' });
  });

  test('that no other trainer can compute is reported as unchecked', () => {
    const mesh = trained(['a']);
    mesh.enter({ kind: 'checked', run: RUN, calls: 10, problem: 'too large' });
    expect(mesh.run).toMatchObject({ phase: 'done', checked: 'unchecked', reason: 'too large' });
    expect(mesh.events('unchecked')).toHaveLength(1);
  });
});

describe('a trainer', () => {
  test('with the name of another gets a new name, and leaves by name or key', () => {
    const mesh = new Driver(['a']);
    mesh.join('b', { name: 'a' }).join('c', { name: 'a' });
    expect(Object.values(mesh.state.members).map((m) => m.name)).toEqual(['a', 'a-2', 'a-3']);
    expect(mesh.sent.filter((s) => s.to === 'b').map((s) => s.message)).toContainEqual(
      expect.objectContaining({ type: 'admitted', name: 'a-2' }),
    );
    mesh.enter({ kind: 'drain', name: 'a-2' });
    expect(Object.keys(mesh.state.members)).toEqual(['a', 'c']);
    mesh.enter({ kind: 'drain', name: 'c' });
    expect(Object.keys(mesh.state.members)).toEqual(['a']);
    // The same key keeps its name.
    mesh.join('a');
    expect(mesh.state.members.a?.name).toBe('a');
  });

  test('owns shards of a run only with others of its version', () => {
    const plan = { ...checkedChain(), source: { path: '', text: '', compiler: '1.1.0' } };
    const mesh = new Driver([], plan);
    mesh.join('old', { version: '1.0.0' });
    expect(mesh.run).toMatchObject({ owners: ['old', 'old'], version: '1.0.0' });
    mesh.join('new', { version: '1.1.0' }).start().snapshot(2);
    // One that is idle, but of another version, takes nothing over.
    expect(mesh.run.owners).toEqual(['old', 'old']);
    mesh.enter({ kind: 'expelled', key: 'old', reason: 'gone' });
    expect(mesh.run).toMatchObject({ owners: ['new', 'new'], version: '1.1.0' });
    const fresh = new Driver([], plan);
    fresh.join('x', { version: '1.0.0' }).join('y', { version: '1.0.0' }).join('z', { version: '1.1.0' });
    expect(new Set(fresh.run.owners.map((key) => fresh.state.members[key]?.version)).size).toBe(1);
  });
});
