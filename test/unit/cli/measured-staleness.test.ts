/** Schedule `async`: how old values may be follows from what the trainers have measured, and from the ticks there are. */
import { expect, test } from 'vitest';
import { chooseParts } from '../../../runtime/cli/compiling/microbatches.ts';
import {
  measuredStaleness,
  mostStale,
  staleFor,
  staleText,
  tickDelays,
} from '../../../runtime/cli/planning/measured-staleness.ts';
import { predictPlaced, type RatedTrainer, wayEnd } from '../../../runtime/cli/planning/predict-rate.ts';
import { rated } from '../../../runtime/cli/planning/rated-shard.ts';
import { lateTicks } from '../../../runtime/roles/late-frames.ts';
import { type Costs, FREE } from '../../../spec/costs.ts';
import { staged } from '../../mesh/chain-model.ts';
import { builtPlan } from '../../support/built-plans.ts';

const made = staged(1, 0, { staleness: 1 });
const { plan, shards = [] } = builtPlan(made, { shards: 3 });
const { graph, task } = made;
const divided = shards.map(rated);

/** On machines of their own, so far from the mesh and back. @param run seconds of a segment */
function trainers(roundTrip: number, run: number): RatedTrainer[] {
  const costs: Costs = { ...FREE, run, call: run };
  const capability = { cores: 1, memory: 1e9, rate: 1e9, upload: 0, download: 0, costs, roundTrip };
  return ['a', 'b', 'c'].map((key) => ({ key, name: key, capability: { ...capability, machine: key } }));
}

const OWNERS = ['a', 'b', 'c'];

test('values may be as old as a frame is on its way', () => {
  expect(staleFor({ tick: 0.01, way: 0 })).toBe(1);
  expect(staleFor({ tick: 0.01, way: 0.041 })).toBe(5);
  expect(staleFor({ tick: 0.001, way: 1 })).toBe(8);
});

test('a tick is that of the slowest shard, and a way that of the slowest border', () => {
  // Two segments in a tick at most; half of each end's way to the mesh and back.
  expect(tickDelays({ shards: divided, owners: OWNERS, trainers: trainers(40, 0.01) })).toEqual({
    tick: 0.02,
    way: 0.04,
  });
  expect(tickDelays({ shards: divided, owners: ['a', 'a', 'a'], trainers: trainers(40, 0.01) })?.way).toBe(0);
  const unmeasured = trainers(40, 0.01).map((t) => ({ ...t, capability: { ...t.capability, rate: 0 } }));
  expect(tickDelays({ shards: divided, owners: OWNERS, trainers: unmeasured })).toBeUndefined();
});

test('values may be no older than the ticks of the training let errors be', () => {
  if (!task) throw new Error('no task');
  // Nine ticks, three links for an error to go, two of them over borders.
  expect(mostStale(graph, task, plan, 8)).toBe(3);
  const training = { graph, task, plan, shards: divided, codec: 'f32', on: OWNERS } as const;
  expect(measuredStaleness({ ...training, trainers: trainers(20, 0.01) })).toBe(1);
  expect(measuredStaleness({ ...training, trainers: trainers(1000, 0.01) })).toBe(3);
});

test('a dry run counts with ticks that wait for none but what is older than the bound', () => {
  const placed = { shards: divided, owners: OWNERS, trainers: trainers(40, 0.01) };
  const rates = [undefined, 0, 1, 2].map((staleness) => predictPlaced({ ...placed, staleness })?.batchesPerSecond ?? 0);
  const [strict = 0, none = 0, one = 0, two = 0] = rates;
  expect(none).toBeCloseTo(strict, 9);
  expect(one).toBeGreaterThan(1.3 * strict);
  expect(two).toBeGreaterThan(one);
});

test('batches are divided where parts of one are less work, while frames are on their way', () => {
  if (!task) throw new Error('no task');
  const parts = (costs: Partial<Costs>): number => {
    const there = trainers(40, 0).map((t) => ({ ...t, capability: { ...t.capability, costs: { ...FREE, ...costs } } }));
    return chooseParts({ graph, task }, divided, { trainers: there, codec: 'f32', staleness: 2, on: OWNERS });
  };
  expect(parts({ flop: 1e-4 })).toBeGreaterThan(1);
  // A run that costs the same whatever is in it.
  expect(parts({ call: 0.01, run: 0.01 })).toBe(1);
  const unmeasured = trainers(40, 0.01).map((t) => ({ ...t, capability: { ...t.capability, rate: 0 } }));
  expect(
    chooseParts({ graph, task }, divided, { trainers: unmeasured, codec: 'f32', staleness: 2, on: undefined }),
  ).toBe(1);
});

test('it is told with what it answers', () => {
  expect(staleText({ staleness: 5, steps: 20 }, 'measured', { tick: 0.01, way: 0.0412 })).toBe(
    'at most 5 ticks old (measured), of 20 in a batch: a frame is 41 ms on its way, a tick takes 10 ms',
  );
  expect(staleText({ staleness: 1, steps: 9 }, '--staleness', { tick: 0.01, way: 0.03 })).toMatch(
    /; frames come 3 ticks late, so shards wait$/,
  );
  expect(staleText({ staleness: 2, steps: 9 }, 'measured', undefined)).toMatch(
    /: how late they come was not measured$/,
  );
});

test('while a run goes on, frames that have become later are told from what is measured now', () => {
  const sends = [{ to: 1, bytes: 1000, frames: 10, hops: 10 }];
  const needs = [
    { memory: 1, flops: 1, bytes: 0, sends },
    { memory: 1, flops: 1, bytes: 0 },
  ];
  const ends = (roundTrip: number) => trainers(roundTrip, 0.01).map(wayEnd);
  const late = (roundTrip: number, tick?: number): number | undefined =>
    lateTicks({ needs, ...(tick === undefined ? {} : { tick }) }, ends(roundTrip));
  expect(late(40, 0.02)).toBe(2);
  expect(late(400, 0.02)).toBe(20);
  expect(late(400)).toBeUndefined();
  expect(lateTicks({ needs, tick: 0.02 }, [ends(40)[0], undefined])).toBeUndefined();
});
