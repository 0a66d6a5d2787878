/** What the log of a run says of the faults that its trainers have met. */
import { expect, test } from 'vitest';
import { type Fault, mendedOf } from '../../acceptance/mesh/trainer-chaos.ts';

const fault = (what: Fault['what'], trainer: string, at: number): Fault => ({ what, trainer, at, run: 'r' });

test('a fault is found when its trainer is lost, and mended when all shards run', () => {
  const log = [
    { time: 900, event: 'lost', trainer: 'a' },
    { time: 3500, event: 'lost', trainer: 'a' },
    { time: 3600, event: 'epoch-of-owners', why: 'a is gone' },
    { time: 4500, event: 'running' },
    { time: 12_000, event: 'epoch-of-owners', why: 'b has begun anew' },
    { time: 13_000, event: 'running' },
    { time: 40_000, event: 'done' },
  ];
  const faults = [
    fault('killed', 'a', 1000),
    fault('killed', 'b', 11_000),
    fault('stopped', 'a', 20_000),
    // The run ends before it could be missed.
    fault('killed', 'b', 39_000),
  ];
  expect(mendedOf(faults, log).map(({ found, running }) => [found, running])).toEqual([
    [2.5, 3.5],
    [1, 2],
    [undefined, undefined],
  ]);
});
