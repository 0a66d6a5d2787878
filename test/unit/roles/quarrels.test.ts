/** Who stands out by undecided disputes, and how rarely it is somebody who is not to blame. */
import { expect, test } from 'vitest';
import { chanceOfAtLeast, standsOut } from '../../../runtime/roles/quarrels.ts';
import type { Undecided } from '../../../runtime/roles/synchronizer-state.ts';
import { stream } from '../../../spec/random.ts';

test('undecided disputes put honest trainers aside only as rarely as was said, whatever is damaged on the way', () => {
  const shards = 8;
  let told = 0;
  let aside = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const rng = stream(seed, 'damage');
    const disputes: Undecided[] = [];
    for (let at = 0; at < 40; at++) {
      // Each border as often as any other; each has an owner of its own at either end.
      const border = Math.floor(rng.uniform(at) * (shards - 1));
      const share = (shard: number): number => (shard === 0 || shard === shards - 1 ? 1 : 2) / (shards - 1);
      const shares = [share(border), share(border + 1)];
      disputes.push({ accuser: `${border}`, accused: `${border + 1}`, at, shares });
      told++;
      if (Array.from({ length: shards }, (_, key) => `${key}`).some((key) => standsOut(disputes, key, at))) aside++;
    }
  }
  expect(aside / told).toBeLessThanOrEqual(0.01);
  expect(chanceOfAtLeast(2, 3, 0.5)).toBeCloseTo(0.5, 12);
});
