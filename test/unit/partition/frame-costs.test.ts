/** Frames take a processor's time: a cut that costs more than it gains is made only where it is asked for. */
import { expect, test } from 'vitest';
import { measureCosts } from '../../../compiler/6-partition/costs.ts';
import { fleetOf } from '../../../compiler/6-partition/fleet.ts';
import { hypergraph } from '../../../compiler/6-partition/hypergraph.ts';
import { partition } from '../../../compiler/6-partition/partition.ts';
import { type Problem, uniformMachines } from '../../../compiler/6-partition/problem.ts';
import { State } from '../../../compiler/6-partition/state.ts';

const NOTHING = { call: 0, value: 0, operation: 0, byte: 0, flop: 0, stateByte: 0, speedup: 1 };

/** Two pieces of a second's work each, of which one needs 1,000 bytes of the other in each tick. */
function two(frame: number, frameByte: number): Problem {
  const costs = { ...NOTHING, frame, frameByte };
  return {
    pieces: { count: 2, work: Float64Array.of(1, 1), memory: Float64Array.of(1, 1) },
    nets: {
      count: 1,
      hub: Int32Array.of(0),
      pinStart: Int32Array.of(0, 1),
      pins: Int32Array.of(1),
      out: Float64Array.of(1000),
      back: Float64Array.of(0),
    },
    machines: uniformMachines(2, { costs }),
  };
}

const machinesUsed = (problem: Problem, useAll = false): number => {
  const found = partition(problem, { useAll });
  if (found.kind !== 'parts') throw new Error(found.reason);
  return new Set(found.part).size;
};

test('each end bears half of a frame and of its bytes, beside its work', () => {
  const apart = measureCosts(two(0.2, 1e-3), Int32Array.of(0, 1));
  expect(apart.machines.map((m) => m.frames)).toEqual([0.6, 0.6]);
  expect(apart).toMatchObject({ bottleneck: 1.6, limit: 'compute' });
  const together = measureCosts(two(0.2, 1e-3), Int32Array.of(0, 0));
  expect(together).toMatchObject({ bottleneck: 2, messages: 0 });
});

test('two machines are used where that is faster, and one where frames cost more than the second gains', () => {
  expect(machinesUsed(two(0, 0))).toBe(2);
  expect(machinesUsed(two(0.2, 1e-3))).toBe(2);
  expect(machinesUsed(two(0.2, 3e-3))).toBe(1);
  expect(machinesUsed(two(2.2, 0))).toBe(1);
});

test('a user who asks for two shards gets two', () => {
  expect(machinesUsed(two(2.2, 3e-3), true)).toBe(2);
});

test('the search updates the bytes of frames as it moves pieces', () => {
  const problem = two(0, 1e-3);
  const { count, work, memory } = problem.pieces;
  const h = hypergraph({ count, work, memory, fixed: new Int32Array(count).fill(-1) }, problem.nets);
  const state = new State(h, fleetOf(problem.machines), Int32Array.of(0, 0));
  expect(state.bottleneck()).toBe(2);
  state.move(1, 1);
  expect(state.bottleneck()).toBe(1.5);
  expect(state.bottleneck()).toBe(measureCosts(problem, state.part).bottleneck);
});
