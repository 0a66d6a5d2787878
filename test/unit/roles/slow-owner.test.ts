/** A trainer for which all others of an asynchronous run wait: its shard goes to a free one that is clearly faster. */
import { expect, test } from 'vitest';
import { MeshOfRuns } from './mesh-of-runs.ts';

/** Each has room for one shard. */
const ROOMS = { a: 10, b: 10, c: 10 };
const MEMORY = 6;

/** Three snapshots, each behind calls of so many milliseconds. @param busy by shard */
function trained(milliseconds: number, busy: readonly number[], schedule: 'async' | 'lockstep' = 'async'): MeshOfRuns {
  const mesh = new MeshOfRuns(ROOMS).deploy('long', 2, MEMORY, schedule);
  for (let calls = 1; calls <= 3; calls++) {
    mesh.now += milliseconds;
    mesh.report('long', calls, busy).snapshot('long');
  }
  return mesh;
}

test('where one works while all others wait, snapshot after snapshot, a faster one that is free has its shard', () => {
  const mesh = trained(5000, [0.1, 0.9]);
  expect(mesh.run('long')).toMatchObject({ term: 2, owners: ['a', 'c'], empty: [1], phase: 'running' });
  expect(mesh.run('long').reason).toBe('shard 1 goes to a faster trainer');
  expect(mesh.run('long').slow).toBeUndefined();
});

test('a trainer that only now and then limits keeps its shard, as does one that is as fast as any', () => {
  expect(trained(5000, [0.7, 0.9]).of('long')).toBe('a b');
  expect(trained(5000, [0.1, 0.5]).of('long')).toBe('a b');
  expect(trained(1, [0.1, 0.9]).of('long')).toBe('a b');
  const mesh = new MeshOfRuns(ROOMS).deploy('long', 2, MEMORY, 'async');
  for (const [i, busy] of [0.9, 0.9, 0.1, 0.9, 0.9].entries()) {
    mesh.now += 5000;
    mesh.report('long', i + 1, [0.1, busy]).snapshot('long');
  }
  expect(mesh.of('long')).toBe('a b');
});

test('in lockstep all shards would go back for it: nothing moves', () => {
  expect(trained(5000, [0.1, 0.9], 'lockstep').of('long')).toBe('a b');
});
