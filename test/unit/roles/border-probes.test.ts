/** Which trainers measure the way between them, what of their words counts, and what placement makes of it. */
import { describe, expect, test } from 'vitest';
import { bordersOf, PROBE_MS } from '../../../runtime/roles/border-probes.ts';
import { emptySynchronizer, synchronizer } from '../../../runtime/roles/synchronizer.ts';
import type { Refusal, SynchronizerEvent } from '../../../runtime/roles/synchronizer-state.ts';
import type { Capability, Measure, Member, Message } from '../../../runtime/wire/messages.ts';
import { chain } from '../../mesh/simulated.ts';

const MBIT = 1e6 / 8;
const FIGURES = { sent: 900 * MBIT, received: 800 * MBIT, roundTrip: 1 };

/** A synchronizer whose trainers tell of their links to the gateway as soon as they are there. */
class ProbedMesh {
  state = emptySynchronizer(1_000_000);
  now = 1_000_000;
  told: (Measure & { readonly to: string })[] = [];
  refused: Refusal | undefined;

  constructor(...names: readonly string[]) {
    for (const name of names) this.join(name);
  }

  enter(event: SynchronizerEvent): this {
    const step = synchronizer(this.state, event, this.now);
    this.state = step.state;
    this.refused = step.refused;
    for (const effect of step.effects)
      if (effect.kind === 'send' && effect.message.type === 'measure')
        this.told.push({ to: effect.to, ...effect.message });
    return this;
  }

  say(from: string, message: object): this {
    return this.enter({ kind: 'message', from, message: message as Message });
  }

  join(name: string, capability: Partial<Capability> = {}, more: Partial<Member> = {}, upload = 2 * MBIT): this {
    const known = { cores: 1, memory: 10, rate: 1e9, upload: 0, download: 0, machine: name, ...capability };
    const member = { type: 'member', name, instance: '0'.repeat(16), listen: `10.0.0.1:7`, capability: known, ...more };
    this.say(name, member);
    return this.enter({ kind: 'measured', key: name, link: { upload, download: 100 * MBIT, roundTrip: 40 } });
  }

  /** Everybody is heard; then it looks. */
  tick(milliseconds = 250): this {
    for (let left = milliseconds; left > 0; left -= 250) {
      this.now += Math.min(250, left);
      for (const key of Object.keys(this.state.members)) this.say(key, { type: 'heartbeat', shards: [], refused: 0 });
      this.enter({ kind: 'tick' });
    }
    return this;
  }

  /** Of the pairs that were told of each other since the last call. */
  pairs(): string[] {
    const pairs = this.told.map(({ to, key }) => [to, key].sort().join('-'));
    this.told = [];
    return [...new Set(pairs)].sort();
  }

  measured(from: string, key: string, figures: object = FIGURES): this {
    return this.say(from, { type: 'measured', key, ...figures });
  }

  rate(from: string, to: string): number | undefined {
    return bordersOf(this.state, from)[to]?.rate;
  }
}

describe('idle trainers that can meet', () => {
  test('are told of each other, each with the address of the other, and of no third one meanwhile', () => {
    const mesh = new ProbedMesh('a', 'b').join('c', {}, { listen: '[::1]:9' }).tick();
    expect(mesh.told.map(({ to, key, address }) => [to, key, address])).toEqual([
      ['a', 'b', '10.0.0.1:7'],
      ['b', 'a', '10.0.0.1:7'],
    ]);
    mesh.pairs();
    mesh.measured('a', 'b').tick();
    // One end has still to tell.
    expect(mesh.pairs()).toEqual([]);
    mesh.measured('b', 'a').tick(1500);
    // They rest, as trainers do by themselves.
    expect(mesh.pairs()).toEqual([]);
    mesh.tick(1000);
    expect(mesh.pairs()).toEqual(['b-c']);
  });

  test('are asked again after a while, ever more seldom', () => {
    const mesh = new ProbedMesh('a', 'b').tick();
    const answer = (): ProbedMesh => mesh.measured('a', 'b').measured('b', 'a');
    for (const wait of [10_000, 60_000, 600_000, 600_000]) {
      expect(mesh.pairs()).toEqual(['a-b']);
      answer().tick(wait - 5000);
      expect(mesh.pairs()).toEqual([]);
      mesh.tick(6000);
    }
  });

  test('are not asked at once again where they did not answer', () => {
    const mesh = new ProbedMesh('a', 'b').tick();
    mesh.pairs();
    expect(mesh.tick(PROBE_MS - 1000).pairs()).toEqual([]);
    expect(mesh.tick(2000).pairs()).toEqual(['a-b']);
  });

  test.each<[string, (mesh: ProbedMesh) => void]>([
    ['have not told where they are reached', (mesh) => mesh.say('b', { ...memberOf('b'), listen: undefined })],
    ['stand in one place', (mesh) => mesh.join('a', { place: 'p' }).join('b', { place: 'p' })],
    [
      'listen on their own machines only',
      (mesh) => mesh.join('a', {}, { listen: '127.0.0.1:1' }).join('b', {}, { listen: 'localhost:1' }),
    ],
    ['want to go', (mesh) => mesh.enter({ kind: 'drain', name: 'b' })],
    ['have a shard', (mesh) => mesh.enter({ kind: 'deploy', deployment: chain(2, 50, 1, 1), hash: 'a'.repeat(64) })],
  ])('are not told where they %s', (_name, make) => {
    const mesh = new ProbedMesh('a', 'b');
    make(mesh);
    expect(mesh.tick().pairs()).toEqual([]);
  });

  test('have a few partners at one time, others later, and one probe at once', () => {
    const names = Array.from({ length: 40 }, (_, i) => `t${i}`);
    const mesh = new ProbedMesh(...names);
    const seen = new Map<string, number>();
    for (let i = 0; i < 600; i++) {
      const pairs = mesh.tick().pairs();
      expect(pairs.length).toBeLessThanOrEqual(8);
      const ends = pairs.flatMap((pair) => pair.split('-'));
      expect(new Set(ends).size).toBe(ends.length);
      for (const end of ends) seen.set(end, (seen.get(end) ?? 0) + 1);
      for (const [a = '', b = ''] of pairs.map((pair) => pair.split('-'))) mesh.measured(a, b).measured(b, a);
    }
    expect([...seen.values()].filter((count) => count > 3 * 4)).toEqual([]);
    const before = Object.keys(mesh.state.members.t0?.borders ?? {});
    expect(before).toHaveLength(4);
    mesh.now += 1_800_000;
    for (const name of names) mesh.join(name);
    for (let i = 0; i < 60; i++)
      for (const pair of mesh.tick().pairs()) expect(before.map((b) => `t0-${b}`)).not.toContain(pair);
  });
});

describe('the words of trainers about a way', () => {
  const asked = (): ProbedMesh => new ProbedMesh('a', 'b').tick();

  test('count where both ends have told, each direction by the smaller figure', () => {
    const mesh = asked().measured('a', 'b', { sent: 9e6, received: 7e6, roundTrip: 1 });
    expect(mesh.rate('a', 'b')).toBeUndefined();
    mesh.measured('b', 'a', { sent: 8e6, received: 3e6, roundTrip: 2 });
    expect([mesh.rate('a', 'b'), mesh.rate('b', 'a')]).toEqual([3e6, 7e6]);
    expect(bordersOf(mesh.state, 'a').b?.roundTrip).toBe(2);
  });

  test('count by the faster one of their last two looks, which other work may have disturbed', () => {
    const mesh = asked();
    const look = (rate: number, roundTrip: number): ProbedMesh => {
      const figures = { sent: rate, received: rate, roundTrip };
      mesh.measured('a', 'b', figures).measured('b', 'a', figures).pairs();
      // Until they are asked again.
      for (let i = 0; i < 700 && mesh.told.length === 0; i++) mesh.tick(1000);
      return mesh;
    };
    const known = (): unknown[] => [mesh.rate('a', 'b'), bordersOf(mesh.state, 'a').b?.roundTrip];
    look(9e6, 1);
    look(1e6, 30);
    expect(known()).toEqual([9e6, 1]);
    // It was no disturbance.
    look(2e6, 20);
    expect(known()).toEqual([2e6, 20]);
  });

  test('of one that claims more than there is are bounded by the other end, and by what owners allow', () => {
    const mesh = asked().measured('a', 'b', { sent: 1e12, received: 1e12, roundTrip: 1e-9 });
    mesh.measured('b', 'a', { sent: 2e6, received: 1e6, roundTrip: 30 });
    expect([mesh.rate('a', 'b'), mesh.rate('b', 'a')]).toEqual([1e6, 2e6]);
    expect(bordersOf(mesh.state, 'a').b?.roundTrip).toBe(30);
    mesh.join('a', { upload: 5e5, download: 4e5 });
    expect([mesh.rate('a', 'b'), mesh.rate('b', 'a')]).toEqual([5e5, 4e5]);
  });

  test('are refused where they were not asked for, come twice or too late', () => {
    const mesh = asked();
    expect(mesh.measured('a', 'stranger').refused).toBe('not-asked');
    expect(mesh.measured('a', 'a').refused).toBe('not-asked');
    expect(mesh.measured('stranger', 'a').refused).toBe('not-a-member');
    expect(mesh.measured('a', 'b').refused).toBeUndefined();
    expect(mesh.measured('a', 'b').refused).toBe('not-asked');
    mesh.now += PROBE_MS + 1;
    expect(mesh.measured('b', 'a').refused).toBe('not-asked');
    expect(mesh.rate('a', 'b')).toBeUndefined();
  });

  test('are forgotten after an hour, and when a process begins anew, which is not asked sooner for that', () => {
    const mesh = asked().measured('a', 'b').measured('b', 'a');
    mesh.pairs();
    expect(mesh.rate('a', 'b')).toBeGreaterThan(0);
    mesh.join('a', {}, { instance: '1'.repeat(16) });
    expect(mesh.rate('a', 'b')).toBeUndefined();
    expect(mesh.tick(5000).pairs()).toEqual([]);
    const old = asked().measured('a', 'b').measured('b', 'a');
    old.now += 3_600_001;
    old.join('a').join('b');
    expect(old.rate('a', 'b')).toBeUndefined();
  });
});

test('two trainers with slow links and a fast way between them get the two shards of a run', () => {
  const needs = chain(2, 50, 1, 1).needs.map((need, shard) => ({
    ...need,
    flops: 5e9,
    work: { flops: 5e9, calls: 0, operations: 0, bytes: 0, values: 0, valueBytes: 0, state: 0 },
    sends: [{ to: 1 - shard, bytes: 500_000, frames: 8, hops: 8 }],
  }));
  const deployment = { ...chain(2, 50, 1, 1), needs, pace: { hops: 8, serial: 0.5 } };
  const owners = (mesh: ProbedMesh): readonly string[] => {
    mesh.enter({ kind: 'deploy', deployment, hash: 'a'.repeat(64) });
    return [...(mesh.state.runs[deployment.run]?.owners ?? [])].sort();
  };
  const mesh = (): ProbedMesh => new ProbedMesh('a', 'b').join('c', {}, {}, 20 * MBIT).join('d', {}, {}, 20 * MBIT);
  expect(owners(mesh())).toEqual(['c', 'd']);
  const probed = mesh();
  for (let i = 0; i < 40; i++)
    for (const pair of probed.tick().pairs()) {
      const [x = '', y = ''] = pair.split('-');
      const figures = pair === 'a-b' ? FIGURES : { sent: 20 * MBIT, received: 20 * MBIT, roundTrip: 40 };
      probed.measured(x, y, figures).measured(y, x, figures);
    }
  expect(owners(probed)).toEqual(['a', 'b']);
});

function memberOf(name: string): object {
  const capability = { cores: 1, memory: 10, rate: 1e9, upload: 0, download: 0, machine: name };
  return { type: 'member', name, instance: '0'.repeat(16), capability };
}
