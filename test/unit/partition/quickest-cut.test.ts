/** Which cut trains fastest in lockstep: how long a batch takes counts, by the one cost model, not how even shares are. */
import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { cutModel } from '../../../compiler/6-partition/cut-model.ts';
import { type Machines, uniformMachines } from '../../../compiler/6-partition/problem.ts';
import { isQuicker } from '../../../compiler/6-partition/quickest-cut.ts';
import { scheduledMachines } from '../../../compiler/6-partition/scheduled-machines.ts';
import type { ShardProgram } from '../../../compiler/6-partition/shards/split.ts';
import { buildProgram } from '../../../compiler/compile.ts';
import { batchTime } from '../../../runtime/cli/planning/cut-time.ts';
import { type Costs, FREE } from '../../../spec/costs.ts';
import { DEFAULT_MACHINE } from '../../../spec/default-machine.ts';
import { TRAIN } from '../../../spec/names.ts';
import type { Segment } from '../../../spec/schedule.ts';
import { checked } from '../../support/check-source.ts';

vi.setConfig({ testTimeout: 120_000 });

/** Nothing costs anything but a call, a second. */
const CALLS: Costs = { ...FREE, call: 1 };
/** Nothing costs anything but a floating-point operation, a second. */
const OPERATIONS: Costs = { ...FREE, flop: 1 };

/** A machine as it was once measured: frames are cheap beside what is signed behind each call. */
const DEAR_WINDOWS: Costs = {
  ...{ call: 7.16e-5, value: 4.6e-6, valueByte: 1.88e-10, operation: 3.12e-7, byte: 3.3e-11, flop: 4.83e-12 },
  ...{ farByte: 6.68e-11, farValueByte: 0, readByte: 1.11e-10, stateByte: 7.58e-10, speedup: 1.72 },
  ...{ run: 6.05e-5, shortRun: 1.5e-5, handByte: 2.42e-10, apartRun: 3.01e-4, apartByte: 5.84e-10 },
  ...{ frame: 3.1e-4, frameByte: 3.3e-9, farFrameByte: 8.4e-10, framePath: 9.6e-5, framePathByte: 2.45e-9 },
  ...{ streamFrame: 1.82e-4, window: 9.41e-4, batch: 4.18e-5, sampleByte: 3.62e-10 },
  ...{ commit: 6e-4, recordByte: 5.07e-10, aloneBatch: 2.62e-4, flush: 2.55e-3 },
};

const MESSAGES = [
  { id: 0, from: 0, to: 1, values: [] },
  { id: 1, from: 1, to: 0, values: [] },
];

const shardOf = (shard: number, segments: readonly Segment[]): ShardProgram => ({
  program: {
    name: 'm',
    states: [],
    functions: segments.flatMap(({ run }) =>
      run === undefined
        ? []
        : [{ name: run, role: 'segment' as const, batch: 1, inputs: [], blocks: [], updates: [], results: [] }],
    ),
  },
  schedule: {
    shard,
    messages: MESSAGES,
    functions: [
      {
        name: TRAIN,
        batch: 1,
        inputs: [],
        results: [],
        stages: [{ name: 'tick', repeat: 3, firstTick: 0, begin: [], next: [], end: [], segments }],
      },
    ],
  },
});

const machinesOf = (count: number, costs: Costs): Machines => uniformMachines(count, { rate: 1e11, costs, cores: 2 });

const timeOf = (split: readonly ShardProgram[], costs: Costs): number =>
  batchTime(split, machinesOf(split.length, costs)) ?? Number.NaN;

const callsOf = (...shards: readonly (readonly Segment[])[]): number =>
  timeOf(
    shards.map((segments, shard) => shardOf(shard, segments)),
    CALLS,
  );

test('work that waits for nothing runs side by side', () => {
  const own = { receive: [], run: 'own', send: [] };
  expect(callsOf([own], [own, { ...own, run: 'more' }])).toBeCloseTo(6);
});

test('work that waits for a frame comes after the work that makes it', () => {
  const first = [
    { receive: [], run: 'a', send: [0] },
    { receive: [1], run: 'b', send: [] },
  ];
  expect(callsOf(first, [{ receive: [0], run: 'c', send: [1] }])).toBeCloseTo(9);
});

function staged(source: string) {
  const all = checked(source);
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  return buildProgram({ checked: all, model: task.model, task, predicts: [] });
}

const mnist = readFileSync('dsl-examples/mnist.pcn', 'utf8');

/** In shards as even as can be, and with whole nodes. */
function bothCuts(uncut: ReturnType<typeof staged>, shards: number) {
  const machines = scheduledMachines(uncut, shards);
  const [even, whole] = [cutModel(uncut, machines), cutModel({ ...uncut, wholeNodes: true }, machines)];
  if (even.kind !== 'cut' || whole.kind !== 'cut') throw new Error('it can be cut');
  expect([even.tiling.size > 0, whole.tiling.size]).toEqual([true, 0]);
  const isChosen = (costs: Costs): boolean => isQuicker(whole.split, even.split, machinesOf(shards, costs), batchTime);
  const times = (costs: Costs): number => timeOf(whole.split, costs) / timeOf(even.split, costs);
  return { isChosen, times };
}

describe.each([2, 4])('mnist.pcn in %i shards', (shards) => {
  const { isChosen, times } = bothCuts(staged(mnist), shards);

  test.each([
    ['the default machine', DEFAULT_MACHINE.costs],
    ['machines whose windows are dear', DEAR_WINDOWS],
  ])('of %s has whole nodes, since each node that is cut adds frames to wait for', (_, costs) => {
    expect(times(costs)).toBeLessThan(0.75);
    expect(isChosen(costs)).toBe(true);
  });
});

test('frames between machines decide: where nothing but operations costs anything, nodes are cut', () => {
  const { isChosen } = bothCuts(staged(mnist), 4);
  const operations = { ...FREE, flop: 1e-11 };
  expect(isChosen(operations)).toBe(false);
  expect(isChosen({ ...operations, frame: 3e-4, framePath: 1e-4 })).toBe(true);
});

test('a wide network has whole nodes, too, where by the operations alone a batch takes no longer with them', () => {
  const wide = mnist.replaceAll('hidden: int = 128', 'hidden: int = 4096').replaceAll('= 128\n', '= 256\n');
  const { isChosen, times } = bothCuts(staged(wide), 2);
  expect(isChosen(DEFAULT_MACHINE.costs)).toBe(true);
  expect(times(OPERATIONS)).toBeLessThan(0.95);
});

test('weights move while the last frames are on their way, and a batch begins with the work that others wait for', () => {
  const uncut = staged(mnist);
  const cut = cutModel(uncut, scheduledMachines(uncut, 2), { batchTime });
  if (cut.kind !== 'cut') throw new Error('it can be cut');
  expect(cut.tiling.size).toBe(0);
  for (const { program, schedule } of cut.split) {
    const updates = new Map(program.functions.map((f) => [f.name, f.updates.length]));
    const stages = schedule.functions.find((f) => f.name === TRAIN)?.stages ?? [];
    const learn = stages.find((s) => s.name === 'learn')?.segments ?? [];
    const last = learn.findLastIndex((s) => s.receive.length > 0);
    const early = learn.slice(0, last).filter((s) => (updates.get(s.run ?? '') ?? 0) > 0);
    expect(early.length).toBeGreaterThan(0);
  }
  const starts = cut.split.map(({ schedule }) => {
    const stage = schedule.functions.find((f) => f.name === TRAIN)?.stages.find((s) => s.name === 'start');
    const segments = stage?.segments ?? [];
    const sends = segments.findLastIndex((s) => s.send.length > 0);
    return segments.slice(sends + 1).some((s) => s.receive.length === 0 && s.run !== undefined);
  });
  expect(starts).toContain(true);
});
