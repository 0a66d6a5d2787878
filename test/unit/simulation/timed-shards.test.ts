/** Shards that really train in virtual time: the numbers of lockstep, and what delay, loss and `async` do to the time. */
import { expect, test } from 'vitest';
import type { BuiltPlan } from '../../../compiler/8-plan/build.ts';
import { paceTimed, type TimedEnd, trainTimed } from '../../../runtime/cli/mesh/timed-training.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import type { TimedNetwork } from '../../../runtime/simulation/timed-shards.ts';
import { freePlanOf, planOf } from '../../mesh/chain-model.ts';
import { normalData } from '../../support/filled-data.ts';
import { trainHere } from '../../support/one-machine.ts';

const points = normalData('points', 12, { x: 6, y: 2 });
const data = { train: points, checks: [points] };
/** Three batches, in three shards of one second a segment. */
const SECOND: TimedNetwork = { seconds: () => 1, frame: () => 0, way: 0 };

function trained(built: BuiltPlan, network: Partial<TimedNetwork> = {}): Promise<TimedEnd> {
  const open = (executable: Parameters<typeof referenceDevice.open>[0]) => referenceDevice.open(executable);
  return trainTimed({ built, data, seed: 1, open, every: 3, network: { ...SECOND, ...network } });
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, n) => all + n, 0);

test('a strict schedule learns the same as one process, over any network', async () => {
  const plans = [planOf(3, 0), freePlanOf(3, 0)];
  const lossy = { way: 3, loss: { share: 0.2, again: 7, seed: 1 } };
  for (const plan of plans) {
    const { checks } = await trainHere(plan, data, 1);
    const { points: found } = await trained(plan, lossy);
    expect(found).toMatchObject([{ batch: 3, value: checks[0]?.value }]);
  }
});

test('the time is that of the segments and the ways, the same each time', async () => {
  const near = await trained(freePlanOf(3, 0));
  const far = await trained(freePlanOf(3, 0), { way: 10 });
  expect(await trained(freePlanOf(3, 0), { way: 10 })).toEqual(far);
  expect(far.seconds).toBeGreaterThan(near.seconds + 10 * 3 * 9);
  expect(sum(far.worked.map(({ all }) => all))).toBe(sum(near.worked.map(({ all }) => all)));
  const handled = await trained(freePlanOf(3, 0), { frame: (numbers) => numbers / 100 });
  expect(handled.seconds).toBeGreaterThan(near.seconds);
});

test('seconds of batches are counted without numbers', async () => {
  for (const plan of [planOf(3, 0), freePlanOf(3, 2, undefined, undefined, 2)]) {
    const { seconds, worked } = await trained(plan, { way: 10 });
    expect(await paceTimed(plan, { ...SECOND, way: 10 }, 3)).toEqual({ seconds, worked });
  }
});

test('parts of a batch in free ticks use the time in which frames of others are on their way', async () => {
  const work = { seconds: (_: number, segment: string) => (segment.includes('move') ? 0 : 4), way: 10 };
  const whole = await paceTimed(freePlanOf(3, 2), { ...SECOND, ...work }, 3);
  const halves = freePlanOf(3, 2, undefined, undefined, 2);
  const half = { ...work, seconds: (shard: number, segment: string) => work.seconds(shard, segment) / 2 };
  expect((await paceTimed(halves, { ...SECOND, ...half }, 3)).seconds).toBeLessThan(0.95 * whole.seconds);
});

test('free ticks wait less, and those without news are told apart', async () => {
  const strict = await trained(freePlanOf(3, 0), { way: 10 });
  const free = await trained(freePlanOf(3, 2), { way: 10 });
  expect(free.seconds).toBeLessThan(0.6 * strict.seconds);
  for (const { all, onNew } of strict.worked) expect(onNew).toBe(all);
  expect(sum(free.worked.map(({ onNew }) => onNew))).toBeLessThan(sum(free.worked.map(({ all }) => all)));
  expect(free.points).not.toEqual(strict.points);
});

test('a free frame that is lost comes again, or a newer one in its place', async () => {
  const network = { way: 2, loss: { share: 0.5, again: 5, seed: 3 } };
  const lossy = await trained(freePlanOf(3, 2), network);
  expect(await trained(freePlanOf(3, 2), network)).toEqual(lossy);
  expect(lossy.seconds).toBeGreaterThan((await trained(freePlanOf(3, 2), { way: 2 })).seconds);
});
