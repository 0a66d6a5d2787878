/** A synchronizer that begins again knows of a run what the one before it has written down. */
import { expect, test } from 'vitest';
import { meshStatus } from '../../runtime/net/mesh-status.ts';
import { restoredSynchronizer } from '../../runtime/roles/synchronizer.ts';
import { filledData } from '../support/filled-data.ts';
import { shardedPlan, THINNED } from '../support/sharded-plans.ts';
import { trainHosted } from './hosted.ts';

const NOTHING = { refused: {}, relayedBytes: 0, relayedPackets: 0, connections: 0 };

test('the age of the newest snapshot counts from when it was made', async () => {
  const train = filledData('thinned', 8, { x: 12, y: 4 }, () => 0.5);
  const plan = shardedPlan(THINNED, 2);
  const { run, milliseconds } = await trainHosted({
    plan,
    train,
    checks: [],
    trainers: 2,
    epochs: 1,
    snapshotEvery: 100,
    seed: 1,
  });
  if (!run?.manifestAt) throw new Error('it has no snapshot');
  expect(run.manifestAt).toBeGreaterThan(milliseconds / 2);
  const ageOf = (stored: typeof run, now: number): number | null | undefined =>
    meshStatus(restoredSynchronizer([stored], now).state, NOTHING).runs[0]?.snapshotAge;
  expect(ageOf(run, run.manifestAt + 90_000)).toBe(90);
  // An older version has not written it down: it is not older than the run.
  const { manifestAt: _, ...older } = run;
  expect(ageOf(older, run.created + 90_000)).toBe(90);
});
