/** The limit of a run is found from what each of its shards waits for; and who is told to be lost. */
import { describe, expect, test } from 'vitest';
import { LostMembers } from '../../../runtime/net/lost-members.ts';
import { runLimit } from '../../../runtime/net/run-limit.ts';
import { emptySynchronizer, synchronizer } from '../../../runtime/roles/synchronizer.ts';
import {
  type RunState,
  runFrom,
  type SynchronizerEvent,
  type SynchronizerState,
  UNTROUBLED,
} from '../../../runtime/roles/synchronizer-state.ts';
import type { ShardReport } from '../../../runtime/wire/messages.ts';
import { chain } from '../../mesh/simulated.ts';

/** By shard: how busy, and what it waits for. */
function running(...shards: readonly (readonly [busy: number, ...waits: readonly number[]])[]): RunState {
  const deployment = chain(shards.length, 1, 1, 1);
  const owners = shards.map((_, i) => `key-${i}`);
  const stored = { deployment, hash: '', phase: 'running' as const, term: 1, owners, instances: {}, manifests: [] };
  const run = runFrom({ ...stored, rows: [], checks: [], reason: '', created: 0, ...UNTROUBLED }, 0);
  const reports = shards.map(([busy, ...waits], shard): ShardReport => {
    const state = waits.length > 0 ? 'waiting' : 'running';
    const rest = { calls: 0, ticksPerSecond: 1, bytesSent: 0, bytesReceived: 0, reason: '' };
    return { run: deployment.run, term: 1, shard, state, busy, waits, ...rest };
  });
  return { ...run, reports: Object.fromEntries(reports.entries()) };
}

describe('the limit of a run', () => {
  test('is the work at the end of the chain of waits', () => {
    expect(runLimit(running([0.1, 1], [0.2, 2], [0.9]))).toEqual({ shards: [2], by: 'work' });
  });

  test('is the border where the awaited shard hardly works', () => {
    expect(runLimit(running([0.1, 1], [0.2]))).toEqual({ shards: [0, 1], by: 'border' });
  });

  test('is one border where two shards wait for each other, and never both borders', () => {
    expect(runLimit(running([0.1, 1], [0.2, 0], [0.1, 1]))).toEqual({ shards: [0, 1], by: 'border' });
  });

  test('is the busiest shard where none waits', () => {
    expect(runLimit(running([0.6], [0.9], [0.7]))).toEqual({ shards: [1], by: 'work' });
    expect(runLimit(running([0.2]))).toEqual({ shards: [0], by: 'work' });
  });

  test('is the shard that still loads, and undefined before anything runs', () => {
    expect(runLimit({ ...running([0], [0]), phase: 'preparing' })).toEqual({ shards: [0], by: 'loading' });
    expect(runLimit({ ...running([0]), phase: 'waiting' })).toEqual({ shards: [], by: 'nothing' });
  });
});

describe('a trainer that has left the mesh', () => {
  const capability = { cores: 1, memory: 1e9, rate: 1e9, upload: 0, download: 0, machine: 'm' };
  const lost = new LostMembers();
  let state: SynchronizerState = emptySynchronizer(0);
  const happen = (event: SynchronizerEvent, at: number): void => {
    const step = synchronizer(state, event, at);
    lost.note(state, event, at, step);
    state = step.state;
  };
  const join = (name: string, at: number): void =>
    happen(
      { kind: 'message', from: name, message: { type: 'member', name, instance: '0'.repeat(16), capability } },
      at,
    );

  test('is reported as lost where it was silent or removed, until it is back, and not where it left by itself', () => {
    for (const name of ['a', 'b', 'c']) join(name, 0);
    happen({ kind: 'drain', name: 'a' }, 10);
    happen({ kind: 'expelled', key: 'c', reason: 'its key has expired' }, 10);
    for (let at = 250; at <= 20_000; at += 250) happen({ kind: 'tick' }, at);
    expect(lost.told(50_000)).toMatchObject([
      { name: 'c', ago: 49.99, why: 'its key has expired' },
      { name: 'b', why: 'it was silent for too long' },
    ]);
    join('b', 60_000);
    expect(lost.told(60_000).map(({ name }) => name)).toEqual(['c']);
    expect(lost.told(4_000_000)).toEqual([]);
  });
});
