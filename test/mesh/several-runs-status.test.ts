/** The status of several runs: whose work a trainer does, what each run has, and when one that waits begins. */
import { expect, test } from 'vitest';
import { ANSWERS } from '../../runtime/net/answers.ts';
import type { GatewayCounters } from '../../runtime/net/gateway.ts';
import { metricsText } from '../../runtime/net/mesh-metrics.ts';
import { type MeshStatus, meshStatus } from '../../runtime/net/mesh-status.ts';
import { statusPage } from '../../runtime/net/status-page.ts';
import { follows } from '../../runtime/support/shape.ts';
import { MeshOfRuns } from '../unit/roles/mesh-of-runs.ts';

const COUNTERS: GatewayCounters = { refused: {}, relayedBytes: 0, relayedPackets: 0, connections: 0 };
const statusOf = (mesh: MeshOfRuns): MeshStatus => meshStatus(mesh.state, COUNTERS);
const runOf = (mesh: MeshOfRuns, name: string): MeshStatus['runs'][number] | undefined =>
  statusOf(mesh).runs.find((r) => r.run === name);

test('each trainer names the runs and shards that it works for, and each run its trainers', () => {
  const mesh = new MeshOfRuns({ a: 10, b: 10 }).deploy('first', 2, 3).deploy('second', 1, 2);
  const status = statusOf(mesh);
  expect(status.trainers).toMatchObject([
    {
      ...{ name: 'a', state: 'training', used: 5 },
      work: [
        { run: 'first', shards: [0] },
        { run: 'second', shards: [0] },
      ],
    },
    { name: 'b', state: 'training', used: 3, work: [{ run: 'first', shards: [1] }] },
  ]);
  expect(status.runs).toMatchObject([
    { run: 'first', trainers: ['a', 'b'], share: 1.5, fairShare: 1 },
    { run: 'second', trainers: ['a'], share: 0.5, fairShare: 1 },
  ]);
  const metrics = metricsText(mesh.state, COUNTERS);
  expect(metrics).toContain('nmc_trainer_shards{trainer="a",run="second"} 1\n');
  expect(metrics).toContain('nmc_trainer_used_bytes{trainer="b"} 3\n');
  expect(metrics).toContain('nmc_shard_trainer{run="first",shard="1",trainer="b"} 1\n');
  expect(metrics).toContain('nmc_run_trainers{run="second"} 0.5\n');
  // What goes over the wire is what is told here.
  const page = statusPage(mesh.state, COUNTERS);
  expect(page.trainers).toEqual(status.trainers);
  expect(follows(ANSWERS.status, JSON.parse(JSON.stringify(page)))).toBe(true);
});

test('a run that waits says when it will begin: at a snapshot, or at the end of another', () => {
  const mesh = new MeshOfRuns({ a: 4, b: 4 }).deploy('first', 2, 2).deploy('second', 1, 3);
  expect(runOf(mesh, 'second')).toMatchObject({ state: 'waiting', start: null });
  for (let i = 0; i < 80; i++) mesh.tick();
  // Ten of fifty calls in twenty seconds, and a snapshot behind each.
  mesh.report('first', 10);
  expect(runOf(mesh, 'second')?.start).toMatchObject({ at: 'snapshot', of: 'first' });
  expect(runOf(mesh, 'second')?.start?.seconds).toBeCloseTo(2, 2);
  mesh.deploy('third', 2, 4);
  // It needs all that there is: the two before it have to end, and nothing is known of the second one yet.
  expect(runOf(mesh, 'third')?.start).toBeNull();
  mesh.snapshot('first');
  expect(runOf(mesh, 'second')).toMatchObject({ state: 'running', share: 1, trainers: ['b'] });
  expect(runOf(mesh, 'second')?.start).toBeUndefined();
});

test('a waiting run counts with the end of a run that cannot do with fewer trainers', () => {
  const mesh = new MeshOfRuns({ a: 2, b: 2 }).deploy('first', 2, 2).deploy('second', 2, 2);
  for (let i = 0; i < 20; i++) mesh.tick();
  mesh.report('first', 25);
  expect(runOf(mesh, 'second')?.start?.seconds).toBeCloseTo(5, 2);
  expect(runOf(mesh, 'second')?.start).toMatchObject({ at: 'end', of: 'first' });
  // As time goes by it is nearer.
  for (let i = 0; i < 4; i++) mesh.tick();
  expect(runOf(mesh, 'second')?.start?.seconds).toBeCloseTo(4, 2);
});
