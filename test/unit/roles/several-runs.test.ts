/** Several runs at once: who gets which trainers, what is given up, and who waits. */
import { describe, expect, test } from 'vitest';
import { fairShares } from '../../../runtime/roles/fair-share.ts';
import { MAX_OVERTAKEN } from '../../../runtime/roles/queue.ts';
import { fairSharesOf, heldFor, shareOf } from '../../../runtime/roles/sharing.ts';
import { stream } from '../../../spec/random.ts';
import { MeshOfRuns } from './mesh-of-runs.ts';

const three = (memory: number): Record<string, number> => ({ a: memory, b: memory, c: memory });

describe('a fair share', () => {
  const shares = (trainers: number, needs: Readonly<Record<string, number>>): Record<string, number> =>
    Object.fromEntries(fairShares(trainers, new Map(Object.entries(needs))));

  test('is as many trainers as a run can use, and the same for all runs that could use more', () => {
    expect(shares(6, { small: 1, large: 9, other: 9 })).toEqual({ small: 1, large: 2.5, other: 2.5 });
    expect(shares(6, { small: 1, large: 3 })).toEqual({ small: 1, large: 3 });
  });

  test('is a part of a trainer where there are more runs than trainers', () => {
    expect(shares(1, { one: 2, two: 2 })).toEqual({ one: 0.5, two: 0.5 });
  });
});

describe('a second run', () => {
  test('gets the trainers that are free, and the first run goes on', () => {
    const mesh = new MeshOfRuns(three(10)).deploy('first', 2).deploy('second', 1);
    expect(mesh.of('first')).toBe('a b');
    expect(mesh.of('second')).toBe('c');
    expect(mesh.run('first').term).toBe(1);
  });

  test('shares trainers where none is free and their memory allows it', () => {
    const mesh = new MeshOfRuns(three(10)).deploy('first', 3).deploy('second', 3);
    expect(mesh.of('second').split(' ').sort()).toEqual(['a', 'b', 'c']);
    expect(shareOf(mesh.state, 'second', mesh.run('second').owners)).toBe(1.5);
    // Each has its fair share: nothing moves.
    expect(mesh.snapshot('first').run('first').term).toBe(1);
  });

  test('gets no memory that a shard of the first run holds', () => {
    const mesh = new MeshOfRuns({ a: 10, b: 4 }).deploy('first', 1, 8).deploy('second', 2, 2);
    expect(mesh.of('first')).toBe('a');
    expect(mesh.of('second')).toBe('b b');
    mesh.deploy('third', 1, 3);
    expect(mesh.of('third')).toMatch(/^waiting: shard 0 needs 1 MB, more than any trainer has left/);
  });

  test('waits for memory, and begins on trainers that the first run gives up at its next snapshot', () => {
    const mesh = new MeshOfRuns(three(4)).deploy('first', 3, 2).deploy('second', 1, 3);
    expect(mesh.of('second')).toMatch(/^waiting/);
    mesh.tick().tick();
    expect(mesh.run('first').term).toBe(1);
    mesh.snapshot('first');
    expect(new Set(mesh.run('first').owners).size).toBe(2);
    expect(mesh.run('first').reason).toBe('');
    expect(mesh.of('second')).toMatch(/^[abc]$/);
    expect(mesh.run('first').owners).not.toContain(mesh.of('second'));
  });

  test('begins when the first run is stopped where that cannot do with fewer trainers', () => {
    const mesh = new MeshOfRuns({ a: 2, b: 2 }).deploy('first', 2, 2).deploy('second', 2, 2);
    mesh.snapshot('first').tick();
    expect(mesh.of('second')).toMatch(/^waiting/);
    expect(mesh.stop('first').of('second')).toBe('a b');
  });

  test('takes trainers that the first run leaves, at its own next snapshot', () => {
    const mesh = new MeshOfRuns(three(10)).deploy('first', 2).deploy('second', 2);
    expect(mesh.of('second')).toBe('c c');
    mesh.stop('first').tick();
    expect(mesh.of('second')).toBe('c c');
    expect(new Set(mesh.snapshot('second').run('second').owners).size).toBe(2);
  });
});

describe('events of one run', () => {
  test('restart no other run: a kill, a refill, a drain and a stop', () => {
    const mesh = new MeshOfRuns({ ...three(10), d: 10 }).deploy('first', 2).deploy('second', 2);
    expect(mesh.of('second')).toBe('c d');
    mesh.kill('a').load().join('e', 10).load().snapshot('first');
    expect(mesh.of('first').split(' ').sort()).toEqual(['b', 'e']);
    mesh.enter({ kind: 'drain', name: 'b' }).snapshot('first').tick().stop('first').tick();
    expect(mesh.run('second')).toMatchObject({ phase: 'running', term: 1, owners: ['c', 'd'] });
    expect(mesh.released.filter((r) => r.startsWith('second'))).toEqual(
      // Said to each trainer that joins: what it may still hold is over.
      ['second from e'],
    );
  });
});

describe('a trainer that has no room', () => {
  test('is left out while the other run is there, which is not counted as a fault', () => {
    const mesh = new MeshOfRuns({ a: 10 }).deploy('first', 1).deploy('second', 1);
    const refuse = (): unknown => {
      const { term, owners } = mesh.run('second');
      const place = { run: 'second', term, shard: 0 };
      return mesh.say(owners[0] ?? '', { type: 'failed', ...place, code: 'plan/memory', reason: 'no room' });
    };
    refuse();
    expect(mesh.of('second')).toMatch(/^waiting/);
    for (let i = 0; i < 20; i++) mesh.tick();
    expect(mesh.of('second')).toMatch(/^waiting/);
    expect(mesh.stop('first').tick().of('second')).toBe('a');
  });
});

describe('runs that wait', () => {
  test('begin in the order in which they were deployed', () => {
    const mesh = new MeshOfRuns({ a: 1 }).deploy('first', 1).deploy('second', 1).deploy('third', 1);
    expect(mesh.stop('first').of('second')).toBe('a');
    expect(mesh.of('third')).toMatch(/^waiting/);
    expect(mesh.stop('second').of('third')).toBe('a');
  });

  test('are overtaken by small ones only a bounded number of times', () => {
    const mesh = new MeshOfRuns({ a: 1, b: 1 }).deploy('small-0', 1).deploy('large', 2);
    let last = 0;
    for (let i = 1; i <= 2 * MAX_OVERTAKEN && mesh.run('large').phase === 'waiting'; i++) {
      mesh.deploy(`small-${i}`, 1);
      if (mesh.run(`small-${i}`).phase !== 'running') break;
      mesh.stop(`small-${i - 1}`);
      last = i;
    }
    expect(last).toBe(MAX_OVERTAKEN);
    expect(mesh.of(`small-${last + 1}`)).toBe('waiting: it begins behind large, which has waited for longer');
    mesh.stop(`small-${last}`);
    expect(mesh.of('large')).toBe('a b');
  });

  test('hold up no other run where no trainers here could ever train them', () => {
    const mesh = new MeshOfRuns({ a: 1 }).deploy('impossible', 1, 100);
    for (let i = 0; i < 2 * MAX_OVERTAKEN; i++) {
      expect(mesh.deploy(`run-${i}`, 1).of(`run-${i}`)).toBe('a');
      mesh.stop(`run-${i}`);
    }
  });
});

describe('runs and trainers that come and go', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('keep within memory, and every run begins and settles, with seed %i', (seed) => {
    const random = stream(seed, 'several-runs');
    let drawn = 0;
    const pick = (n: number): number => random.bits(drawn++) % n;
    const mesh = new MeshOfRuns({ t0: 6, t1: 6, t2: 6 });
    let [trainers, runs] = [3, 0];
    for (let step = 0; step < 120; step++) {
      const active = mesh.runs.filter((r) => ['running', 'waiting'].includes(r.phase));
      const there = Object.keys(mesh.state.members);
      const what = pick(10);
      if (what === 0 && there.length < 6) mesh.join(`t${trainers++}`, 4 + pick(6)).load();
      else if (what === 1 && there.length > 2) {
        const name = there[pick(there.length)] ?? '';
        const before = mesh.runs.filter((r) => r.phase === 'running' && !r.owners.includes(name));
        mesh.kill(name).load();
        for (const { deployment, term } of before) expect(mesh.run(deployment.run).term).toBe(term);
      } else if (what === 2 && active.length < 5) mesh.deploy(`run-${runs++}`, 1 + pick(4), 1 + pick(3));
      else if (what === 3 && active.length > 0) mesh.stop(active[pick(active.length)]?.deployment.run ?? '');
      else {
        const running = mesh.runs.filter((r) => r.phase === 'running' && (r.manifests.at(-1)?.calls ?? 0) < 45);
        const one = running[pick(running.length)];
        if (one) mesh.snapshot(one.deployment.run);
      }
      mesh.tick();
      for (const { key, capability } of Object.values(mesh.state.members))
        expect(heldFor(mesh.state, key).memory).toBeLessThanOrEqual(capability.memory);
    }
    // None comes or goes any more: after some snapshots nothing moves, and none is far below its share.
    const running = (): string[] => mesh.runs.filter((r) => r.phase === 'running').map((r) => r.deployment.run);
    const young = (): string[] => running().filter((r) => (mesh.run(r).manifests.at(-1)?.calls ?? 0) < 48);
    const terms = (): string =>
      running()
        .map((r) => `${r} ${mesh.run(r).term}`)
        .join();
    for (let i = 0; i < 3; i++) for (const run of young()) mesh.snapshot(run).tick();
    const settled = terms();
    for (const run of young()) mesh.snapshot(run).tick();
    expect(terms()).toBe(settled);
    // Where the others end one after the other, each that these trainers can hold has its turn.
    for (let i = 0; i < 10; i++) {
      for (const run of running()) mesh.stop(run);
      mesh.tick();
    }
    const lent = Object.values(mesh.state.members).map(({ capability }) => capability.memory);
    for (const { phase, deployment } of mesh.runs.filter((r) => r.phase === 'waiting')) {
      const memory = deployment.needs[0]?.memory ?? 1;
      expect(
        lent.reduce((sum, bytes) => sum + Math.floor(bytes / memory), 0),
        phase,
      ).toBeLessThan(deployment.shards);
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'get each run near its fair share where there is room for all, with seed %i',
    (seed) => {
      const random = stream(seed, 'fair-share');
      const trainers = 2 + (random.bits(0) % 6);
      const mesh = new MeshOfRuns(Object.fromEntries(Array.from({ length: trainers }, (_, i) => [`t${i}`, 100])));
      const names = Array.from({ length: 2 + (random.bits(1) % 3) }, (_, i) => `run-${i}`);
      for (const [i, name] of names.entries()) mesh.deploy(name, 1 + (random.bits(2 + i) % 6));
      for (let round = 0; round < 6; round++) for (const name of names) mesh.snapshot(name);
      const fair = fairSharesOf(mesh.state);
      for (const name of names) {
        const share = shareOf(mesh.state, name, mesh.run(name).owners);
        expect(share, `${name} of ${trainers}`).toBeGreaterThan((fair.get(name) ?? 0) - 0.75);
      }
    },
  );
});
